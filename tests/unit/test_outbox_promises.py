"""Whatever policies owe, whenever, and however the channel fails: once, in order, not too many."""

import asyncio
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from tests.support.channels import CHAT, EVENTS, World, ids, notices, policy
from tests.support.notices import a_self_failure
from tests.support.virtual_time import in_virtual_time

from governor.errors import BusyError, DeliveryError

WINDOW = 60.0


@dataclass(frozen=True)
class Owing:
    """One policy owes so many notices from then on, and loses patience so often."""

    after: float
    count: int
    self_failure: bool
    impatience: tuple[float, ...]


OWING = st.builds(
    Owing,
    after=st.floats(0, 150),
    count=st.integers(1, 5),
    self_failure=st.booleans(),
    impatience=st.lists(st.floats(0.1, 20), max_size=3).map(tuple),
)
FAULTS = st.lists(
    st.sampled_from(
        [DeliveryError("down"), BusyError("busy", retry_after=7), BusyError("?", retry_after=90)]
    ),
    max_size=6,
)


async def lane(world: World, number: int, owing: Owing) -> None:
    """Delivers as a lane does, but cancels its offers before it stays with them."""
    key = policy(number)
    owed = notices(key, owing.count)
    if owing.self_failure:
        owed = [a_self_failure(number, namespace="aiops"), *owed]
    await asyncio.sleep(owing.after)
    for patience in owing.impatience:
        try:
            async with asyncio.timeout(patience):
                told = await world.offer(key, owed)
        except (TimeoutError, DeliveryError):
            continue
        owed = owed[len(told) :]
        if not owed:
            return
    await world.deliver(key, owed)


@given(st.lists(OWING, min_size=1, max_size=8), FAULTS, st.integers(1, 6), st.floats(0, 9))
@in_virtual_time
async def test_a_chat_is_told_everything_once_in_order_and_never_too_often(
    owings: list[Owing], faults: list[DeliveryError], most: int, seconds: float
) -> None:
    """Every notice exactly once, in each policy's order, at most digestAfter a window."""
    world = World()
    world.create({**CHAT, "digestAfter": most})
    chat = world.timed(seconds=seconds)
    chat.fail(*faults)

    await asyncio.gather(*(lane(world, n, owing) for n, owing in enumerate(owings)))

    told = [notice for message in chat.told for notice in message]
    assert len(told) == len(set(ids(told))) == sum(o.count + o.self_failure for o in owings)
    for number, owing in enumerate(owings):
        owed = ids(notices(policy(number), owing.count))
        assert [each for each in ids(told) if each in owed] == owed
    for start, after in zip(chat.times, chat.times[most:], strict=False):
        assert after - start >= WINDOW - 1e-3


@given(st.lists(OWING, min_size=1, max_size=8), FAULTS)
@in_virtual_time
async def test_a_receiver_of_events_is_told_everything_once_in_order(
    owings: list[Owing], faults: list[DeliveryError]
) -> None:
    """One notice a message."""
    world = World()
    world.create(EVENTS)
    receiver = world.timed()
    receiver.fail(*faults)

    # It deduplicates, so an offer that was cancelled in mid-sending may be sent again.
    patient = [Owing(o.after, o.count, o.self_failure, ()) for o in owings]
    await asyncio.gather(*(lane(world, n, owing) for n, owing in enumerate(patient)))

    assert {len(message) for message in receiver.told} == {1}
    told = [notice for message in receiver.told for notice in message]
    assert len(told) == len(set(ids(told))) == sum(o.count + o.self_failure for o in owings)
    for number, owing in enumerate(owings):
        owed = ids(notices(policy(number), owing.count))
        assert [each for each in ids(told) if each in owed] == owed

"""Who writes a spec may write when, too: what is no time is passed over, by every leader."""

from datetime import UTC, datetime

import pytest
from tests.support.builders import spec
from tests.support.forged import NO_TIMES
from tests.support.world import World

from governor.app.ports import Json, ObjectKey

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
CREATED = datetime(2026, 1, 1, tzinfo=UTC)
"""When the double creates every object."""


def written(time: object, manager: str = "kubectl") -> Json:
    """Who wrote the spec when, as `managedFields` says."""
    entry = {"manager": manager, "fieldsV1": {"f:spec": {}}}
    return entry if time is None else entry | {"time": time}


@pytest.mark.parametrize("time", NO_TIMES)
async def test_a_policy_is_evaluated_whoever_forged_when_it_was_written(time: object) -> None:
    """Its spec counts as written when the object was, or when somebody else wrote it."""
    good = written("2026-02-03T04:05:06+01:00", "argocd")
    expected = {"alone": CREATED, "beside": datetime(2026, 2, 3, 3, 5, 6, tzinfo=UTC)}
    async with World() as world:
        world.say(autonomy_rate="violated")
        for name, entries in {"alone": [written(time)], "beside": [written(time), good]}.items():
            body = world.store.create("aiops", name, spec())
            body["metadata"]["managedFields"] = entries
            world.scheduler.policy_seen(body)
            await world.settled(ObjectKey.of(body), "Violated")

        found = {row["policy"]: row["seen_at"] for row in world.sink.revisions.values()}
        assert found == expected


async def test_a_policy_is_evaluated_if_nobody_can_tell_when_it_was_written() -> None:
    """Then it was long ago."""
    async with World() as world:
        body = world.store.create("aiops", "flywheel", spec())
        del body["metadata"]["creationTimestamp"]
        world.scheduler.policy_seen(body)
        await world.settled(ObjectKey.of(body), "Ok")

        assert [row["seen_at"] for row in world.sink.revisions.values()] == [LONG_AGO]

"""What a deleted policy had in memory goes at once: garbage in cycles is looked for seldom."""

import weakref

from tests.support.builders import drift, drifted, slo
from tests.support.unsearched import unsearched
from tests.support.world import World

from governor.domain.surroundings import ChannelKind


async def test_its_runner_goes_with_its_end() -> None:
    """Also after it has told, notified and remediated."""
    with unsearched():
        async with World() as world:
            world.around.channel("chat", ChannelKind.CHAT)
            world.say(autonomy_rate="violated", built_in=drifted("pb-1"))
            key = world.apply(
                slo(), drift(), enforcement="Enforce", notify={"channels": [{"name": "chat"}]}
            )
            await world.settled(key, "Violated")
            await world.until(lambda: bool(world.around.heard("chat")))
            [runner] = list(world.scheduler)
            gone = [weakref.ref(each) for each in (runner, runner.courier, runner.measuring)]
            del runner

            world.delete(key)

            await world.until(lambda: [each() for each in gone] == [None, None, None])

"""What is told late is told in the words of the spec that it was judged by."""

from typing import Any

from tests.support.builders import slo
from tests.support.world import World

from governor.domain.surroundings import ChannelKind
from governor.errors import DeliveryError

EVENTS = {"channels": [{"name": "events"}]}


def advising(action: str) -> dict[str, Any]:
    """A check whose findings name that next action."""
    return slo(guidance={"nextAction": action})


async def test_an_edit_before_the_first_turn_after_a_restart() -> None:
    """The status has yet to tell of a generation that only this process' first look has seen."""
    async with World() as world:
        world.around.channel("events", ChannelKind.EVENTS)
        world.around.dead = {"events": DeliveryError("refused")}
        world.sink.down = "stopped"
        world.say(autonomy_rate="violated")
        key = world.apply(advising("act_one"), notify=EVENTS)
        await world.settled(key, "Violated", told=False)

        await world.restart(key)
        world.change(key, advising("act_two"), notify=EVENTS)
        world.around.dead = {}

        await world.until(lambda: bool(world.around.told))
        [(_, notice)] = world.around.told
        assert notice.next_action == "act_one"

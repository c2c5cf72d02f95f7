"""When everybody has been told everything: rows, Events and channels say what the model says."""

from collections import Counter

from tests.support.findings_model import MUTE, Model, Place
from tests.support.model_world import CHANNELS, ModelWorld
from tests.support.promises import open_findings

from governor.api.log import Transition
from governor.domain.identity import transition_id


def all_agree(world: ModelWorld) -> None:
    """As far as something is promised after what has happened."""
    model = world.model
    known = {place: ref.id for place, ref in open_findings(world.status).items()}
    known |= {(f"mute/{ref.uid}", MUTE): ref.finding.id for ref in world.status.mutes}
    assert world.open_rows() == known
    if world.torn:
        return  # what somebody has wiped before it was told is lost
    counted = Counter[Place]()
    for row in world.rows():
        counted[_folding((row["check_name"], row["event_type"]))] += 1 + row["folded"]
    expected = Counter(model.opened) + Counter({("", MUTE): model.muted})
    if world.tight:
        # Told, and folded after a crash before that was written down: it counts twice.
        assert counted >= expected
        return
    assert counted == expected
    _events_agree(world, model)
    for channel in CHANNELS:
        _channel_agrees(world, model, channel)


def _folding(place: Place) -> Place:
    """Whose episodes may share a row: mutes fold into one another."""
    return ("", MUTE) if place[1] == MUTE else place


def _events_agree(world: ModelWorld, model: Model) -> None:
    events = [e for e in world.events.events.values() if e.regarding.uid == world.key.uid]
    told = Counter(event.reason for event in events)
    opened = sum(model.opened.values())
    assert told["FindingOpened"] == opened + model.muted
    ended = opened - len(model.open) + model.muted - len(model.mutes)
    assert told["FindingResolved"] == ended
    assert told["CheckBlind"] + told["CheckMeasurable"] == model.dark


def _channel_agrees(world: ModelWorld, model: Model, channel: str) -> None:
    """Who was to hear of it has, unless the policy names it no more; and nobody else has."""
    may, must = set(), set()
    for transition, wanted in ((Transition.OPEN, model.told), (Transition.RESOLVE, model.ended)):
        for place, number, name in wanted:
            if name == channel:
                told = transition_id(world.ids[place, number], transition, world.clock.now())
                may.add(told)
                if (place, number, name) not in model.excused:
                    must.add(told)
    assert must <= world.told[channel] <= may

"""What telling and acting know must survive a crash: each of it causes a write."""

from datetime import timedelta
from typing import Any

import pytest
from tests.support.builders import NOON, knowledge, policy
from tests.support.deciding import ALERTS, CHAT, WELL, Told, found, mute, notify, work

from governor.api.status import PolicyStatus
from governor.domain.surroundings import ChannelView
from governor.domain.writes import causes_write


def life(view: ChannelView = CHAT) -> Told:
    """One finding, told and at work."""
    told = Told(policy(knowledge(), notify=notify()), chat=view)
    told.decide(knowledge="violated")
    told.decide(found(work(told.check("knowledge").finding, "pending")), knowledge="violated")
    told.decide()
    return told


def with_check(status: PolicyStatus, **changes: Any) -> PolicyStatus:
    """The same status but for these fields of its check."""
    (check,) = status.checks
    return status.model_copy(update={"checks": (check.model_copy(update=changes),)})


def test_each_step_of_a_work_item_is_written() -> None:
    """Whatever changes of it."""
    told = life()
    before = told.status
    item = told.check("knowledge").dispatch
    for change in (
        {"status": "executing"},
        {"attempts": 2},
        {"finished_at": NOON},
        {"finding": told.status.checks[0].digest},
    ):
        assert causes_write(before, with_check(before, dispatch=item.model_copy(update=change)))
    assert causes_write(before, with_check(before, dispatch=None))
    assert causes_write(before, with_check(before, suppressed=None))
    assert causes_write(before, with_check(before, muted_until=NOON))
    assert not causes_write(before, before)


@pytest.mark.parametrize("view", [CHAT, ALERTS], ids=["chat", "alerts"])
def test_that_people_were_told_is_written(view: ChannelView) -> None:
    """Alertmanager has nothing in the log: `lastToldAt` alone says it."""
    told = life(view)
    before = told.status
    finding = told.check("knowledge").finding
    untold = finding.model_copy(update={"last_told_at": None})

    assert finding.last_told_at == NOON
    assert causes_write(with_check(before, finding=untold), before)


def test_mutes_are_written() -> None:
    """Which, until when, and under which row; not how they are called."""
    told = life()
    told.surround(mutes=(mute(),))
    before = told.status
    after = told.decide(knowledge=WELL)
    assert causes_write(before, after)
    (ref,) = after.mutes
    for change, writes in (
        ({"expires_at": NOON + timedelta(days=1)}, True),
        ({"uid": "another"}, True),
        ({"finding": ref.finding.model_copy(update={"opened_at": NOON - timedelta(days=1)})}, True),
        ({"name": "another"}, False),
    ):
        changed = after.model_copy(update={"mutes": (ref.model_copy(update=change),)})
        assert causes_write(after, changed) is writes
    assert causes_write(after, after.model_copy(update={"mutes": ()}))


def test_a_decision_that_changes_nothing_is_not_written() -> None:
    """However much there is around a policy."""
    told = life()
    told.surround(mutes=(mute(),))
    told.decide()
    told.decide()
    before = told.status
    told.tick()

    assert not causes_write(before, told.decide())

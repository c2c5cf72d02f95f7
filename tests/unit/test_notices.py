"""What people and machines are told of a transition, as plain data."""

from datetime import timedelta

import pytest
from tests.support.builders import NOON, History, blast, drift, drifted, policy, slo, spec
from tests.support.deciding import CHAT, Told, notify

from governor.api.log import Entry
from governor.api.policy import PolicySpec
from governor.domain.details import details
from governor.domain.notices import TOLD, Notice, notice
from governor.domain.policies import resolve

SPEC = PolicySpec.model_validate(spec(notify=notify(reminderInterval="1m")))


def rendered(entry: Entry, its_spec: PolicySpec | None = SPEC) -> Notice:
    """An entry as a channel is told of it."""
    return notice(entry, cluster="testing", namespace="aiops", policy="flywheel", spec=its_spec)


def story() -> list[Entry]:
    """Opened, reminded, resolved."""
    told = Told(resolve(SPEC), chat=CHAT)
    told.slots("violated", "violated", "ok")
    return told.to("channel/chat")


def test_a_notice_says_what_how_bad_since_when_and_what_to_do() -> None:
    """All that a tired person needs, without looking anything up."""
    opening, reminder, end = (rendered(entry) for entry in story())
    entry = story()[0]

    assert (opening.id, opening.finding) == (entry.id, entry.finding)
    assert opening.event_type == "slo_autonomy_rate_violation"
    assert (opening.cluster, opening.namespace, opening.policy) == ("testing", "aiops", "flywheel")
    assert (opening.check, opening.severity) == ("autonomy-rate", "warning")
    assert opening.message == "0.5 is below the red line 0.7"
    assert (opening.value, opening.red_line, opening.target) == (0.5, 0.7, 0.8)
    assert opening.direction == "Above"
    assert opening.next_action == "trigger_flywheel_safeguard"
    assert opening.command == "kubectl describe governancepolicy flywheel -n aiops"
    assert opening.details == details(entry, SPEC)
    assert opening.steps == tuple(opening.details["remediation"]["items"])
    assert opening.hint == opening.details["remediation"]["hint"]
    assert opening.human_owner == opening.details["ownership"]["human_owner"]
    assert opening.lead_agent == opening.details["ownership"]["lead_agent"]
    assert (opening.resolved_reason, end.resolved_reason) == (None, "Recovered")

    assert [n.transition for n in (opening, reminder, end)] == ["open", "reminder", "resolve"]
    assert {n.since for n in (opening, reminder, end)} == {NOON + timedelta(minutes=1)}
    assert [n.at - NOON for n in (opening, reminder, end)] == [
        timedelta(minutes=minute) for minute in (1, 2, 3)
    ]
    assert {n.transition for n in (opening, reminder, end)} == set(TOLD)


def test_without_its_spec_a_notice_has_the_defaults() -> None:
    """It is told all the same."""
    assert rendered(story()[0], None).details["texts"] == "defaults"


@pytest.mark.parametrize(
    ("checks", "source"),
    [
        ((slo("a"), slo("b")), "prometheus"),
        ((slo("a"), blast("b")), None),
        ((blast("a"), drift("b")), "platform"),
    ],
)
def test_a_self_failure_names_its_one_source(
    checks: tuple[dict[str, object], ...], source: str | None
) -> None:
    """So that the failures of many policies are told once a source."""
    life = History(policy(*checks, selfFailure={"erroredChecks": 2}))
    life.decide(a="error", b="error")
    told = rendered(next(e for e in life.told if e.event_type == "governance_self_failure"))

    assert told.source == source
    assert (told.value, told.red_line, told.target, told.direction) == (None,) * 4


def test_other_findings_name_no_source() -> None:
    """They are told one by one."""
    life = History(policy(drift()))
    life.decide(drift=drifted("a"))

    assert rendered(life.told[0]).source is None


@pytest.mark.parametrize("lost", ["finding", "opened_at"])
def test_what_belongs_to_no_finding_is_no_notice(lost: str) -> None:
    """Turning blind is an Event only."""
    stray = story()[0].model_copy(update={lost: None})
    with pytest.raises(ValueError, match="belongs to no finding"):
        rendered(stray)

"""What Alertmanager is told again and again: what fires, and what ended lately."""

from datetime import timedelta
from typing import Any

import pytest
from tests.support.builders import NOON, UID, drift, drifted, slo, spec
from tests.support.deciding import ALERTS, Told, mute, notify

from governor.api.policy import PolicySpec
from governor.domain.alerts import FIRES_FOR, RESOLVED_FOR, Alert, Subject, alerts, speaks
from governor.domain.policies import resolve

SLO = "slo_autonomy_rate_violation"


class Watched(Told):
    """A policy whose findings an Alertmanager is told of."""

    def __init__(self, *checks: dict[str, Any], **overrides: Any) -> None:
        self.spec = _spec(*checks, **overrides)
        super().__init__(resolve(self.spec), oncall=ALERTS)

    def respec(self, *checks: dict[str, Any], **overrides: Any) -> None:
        """The author changes the spec."""
        self.spec = _spec(*checks, **overrides)
        self.turn(resolve(self.spec))

    def alerts(self) -> list[Alert]:
        """What a round would say now."""
        subject = Subject(
            cluster="testing",
            namespace="aiops",
            name="flywheel",
            uid=UID,
            spec=lambda: self.spec,
            policy=self.policy,
            status=self.status,
            mutes=self.surroundings.mutes,
        )
        return list(alerts(subject, self.now))

    def firing(self) -> list[str]:
        """The event types of what fires."""
        return [a.labels["alertname"] for a in self.alerts() if a.ends_at > self.now]

    def ended(self) -> list[str]:
        """The event types of what is told to be resolved."""
        return [a.labels["alertname"] for a in self.alerts() if a.ends_at <= self.now]


def _spec(*checks: dict[str, Any], **overrides: Any) -> PolicySpec:
    told = {"notify": notify("oncall")} | overrides
    return PolicySpec.model_validate(spec(*checks, **told))


def test_an_open_finding_fires() -> None:
    """Its labels are its identity; all that changes is an annotation."""
    told = Watched()
    told.slots("violated")

    (alert,) = told.alerts()
    assert alert.labels == {
        "alertname": SLO,
        "cluster": "testing",
        "namespace": "aiops",
        "policy": "flywheel",
        "check": "autonomy-rate",
        "severity": "warning",
    }
    assert (alert.starts_at, alert.ends_at) == (told.now, told.now + FIRES_FOR)
    finding = told.check().finding
    annotations = dict(alert.annotations)
    assert annotations.pop("hint")
    assert annotations.pop("owner")
    assert annotations.pop("next_action") == "trigger_flywheel_safeguard"
    assert annotations == {
        "summary": "aiops/flywheel: autonomy-rate",
        "description": "0.5 is below the red line 0.7",
        "value": "0.5",
        "red_line": "0.7",
        "target": "0.8",
        "finding": str(finding.id),
        "command": "kubectl describe governancepolicy flywheel -n aiops",
    }


def test_from_round_to_round_it_stays_the_same_alert() -> None:
    """Whatever the value is, and however long it fires."""
    told = Watched()
    told.slots("violated")
    (first,) = told.alerts()
    for outcome in ("violated", "error", "nodata", "violated"):
        told.slots(outcome)
        (alert,) = [a for a in told.alerts() if a.labels["alertname"] == SLO]
        assert (alert.labels, alert.starts_at) == (first.labels, first.starts_at)
        assert alert.ends_at == told.now + FIRES_FOR


def test_a_finding_of_the_whole_policy_has_no_empty_label() -> None:
    """A label without a value is no label; nor is there an annotation without one."""
    told = Watched(selfFailure={"erroredChecks": 1})
    told.slots("error")

    (alert,) = told.alerts()
    assert "check" not in alert.labels
    assert (alert.labels["alertname"], alert.labels["severity"]) == (
        "governance_self_failure", "critical",
    )  # fmt: skip
    assert alert.annotations["summary"] == "aiops/flywheel: governance_self_failure"
    assert not {"value", "red_line", "target"} & set(alert.annotations)
    assert "" not in alert.annotations.values()


@pytest.mark.parametrize(
    ("change", "fires"),
    [
        ({}, [SLO]),
        ({"notify": None}, []),
        ({"notify": notify("oncall", minimumSeverity="critical")}, []),
        ({"notify": notify("oncall", minimumSeverity="info")}, [SLO]),
        ({"suspend": True}, [SLO]),
    ],
    ids=str,
)
def test_what_a_policy_says_of_its_alerts(change: dict[str, Any], fires: list[str]) -> None:
    """Whom it tells, and of what; a suspended policy's alerts go on."""
    told = Watched()
    told.slots("violated")
    told.respec(**change)

    assert told.firing() == fires
    told.tick(3600)
    assert told.firing() == fires


def test_what_nobody_was_told_of_does_not_fire() -> None:
    """It was decided under a mute, or before there was a channel."""
    told = Watched()
    told.surround(channels={})
    told.slots("violated")
    assert told.alerts() == []
    told.surround(channels={"oncall": ALERTS})
    told.decide()

    assert told.firing() == [SLO]


def test_a_muted_finding_is_not_spoken_of() -> None:
    """From the mute's beginning to its end, without a decision in between."""
    told = Watched()
    told.slots("violated")
    told.surround(mutes=(mute(ends=timedelta(minutes=3)),))
    assert told.alerts() == []
    told.tick(119)
    assert told.alerts() == []
    told.tick(1)

    assert told.firing() == [SLO]


def test_a_resolved_finding_is_repeated_for_a_quarter_of_an_hour() -> None:
    """With the time when it ended; then Alertmanager has heard it often enough."""
    told = Watched()
    told.slots("violated", "ok")
    for _ in range(16):
        (alert,) = told.alerts()
        assert alert.ends_at == NOON + timedelta(minutes=2) <= told.now
        assert alert.starts_at == NOON + timedelta(minutes=1)
        told.tick()
    assert told.now - NOON - timedelta(minutes=2) > RESOLVED_FOR
    assert told.alerts() == []


def test_what_reopened_is_not_said_to_be_resolved() -> None:
    """The same labels are the same alert: the two would fight."""
    told = Watched()
    told.slots("violated", "ok", "violated")

    (alert,) = told.alerts()
    assert alert.ends_at > told.now
    assert alert.starts_at == NOON + timedelta(minutes=3)


def test_the_end_of_what_nobody_was_told_of_is_not_told() -> None:
    """Nor that of what was muted all its life."""
    told = Watched()
    told.surround(mutes=(mute(),))
    told.slots("violated", "ok")
    told.surround(mutes=())

    assert told.alerts() == []


def test_a_finding_that_ended_under_a_mute_is_resolved() -> None:
    """It was told; the mute does not keep it firing."""
    told = Watched()
    told.slots("violated")
    told.surround(mutes=(mute(),))
    told.slots("ok")

    assert told.ended() == [SLO]


def test_a_clock_that_was_ahead_makes_no_ended_finding_fire() -> None:
    """An end in the future would."""
    told = Watched()
    told.slots("violated", "ok")
    told.tick(-60)

    assert told.firing() == []
    assert told.ended() == [SLO]


def test_the_findings_of_one_check_are_alerts_of_their_own() -> None:
    """Its violation, and that it is blind."""
    told = Watched(slo(severity="critical"), drift(), selfFailure={"blindAfter": 1})
    told.decide(autonomy_rate="violated", drift=drifted())
    told.tick()
    told.decide(autonomy_rate="error", drift=drifted())

    found = {(a.labels["alertname"], a.labels["severity"]) for a in told.alerts()}
    assert found == {
        (SLO, "critical"),
        ("governance_check_blind", "warning"),
        ("trust_drift", "warning"),
    }


def test_a_suspended_policy_tells_of_checks_that_are_gone_from_its_spec() -> None:
    """Their findings end once it is measured again."""
    told = Watched(slo("a"), slo("b"))
    told.decide(a="violated", b="ok")
    told.respec(slo("b"), suspend=True)
    told.decide()

    assert told.firing() == ["slo_a_violation"]


def test_a_policy_speaks_while_it_has_a_finding_and_a_while_after() -> None:
    """Until then its texts are needed again and again."""
    told = Watched()
    assert not speaks(told.policy, told.status, told.now)

    told.slots("violated")
    assert speaks(told.policy, told.status, told.now)

    told.slots("ok")
    ended = told.now
    assert speaks(told.policy, told.status, ended + RESOLVED_FOR)
    told_of_all = told.status.model_copy(update={"pending": ()})
    assert not speaks(told.policy, told_of_all, ended + RESOLVED_FOR + timedelta(seconds=1))

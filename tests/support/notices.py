"""Notices as the domain makes them, and some that nobody should trust."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from governor.api.log import Transition
from governor.domain.governance import SELF_FAILURE
from governor.domain.notices import Notice

SINCE = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)

_STEPS = (
    "Pause risky auto-fix tasks",
    "Look at the last 20 autonomous decisions that a person reverted",
)


def a_notice(**overrides: Any) -> Notice:
    """A critical SLO of aiops/flywheel, past its red line."""
    ordinary = Notice(
        id=UUID("018f0000-0000-5000-8000-000000000001"),
        transition=Transition.OPEN,
        finding=UUID("018f0000-0000-5000-8000-0000000000aa"),
        event_type="slo_autonomy_rate_violation",
        cluster="prod-eu",
        namespace="aiops",
        policy="flywheel",
        check="autonomy-rate",
        severity="critical",
        message="0.62 is below the red line 0.7",
        value=0.62,
        red_line=0.7,
        target=0.8,
        direction="Above",
        since=SINCE,
        at=SINCE,
        resolved_reason=None,
        hint="Agents hand too many decisions to people.",
        next_action="trigger_flywheel_safeguard",
        steps=_STEPS,
        human_owner="SLO owner / SRE owner",
        lead_agent="Hermes",
        command="kubectl describe governancepolicy flywheel -n aiops",
        source=None,
        details={"impact": {"value": 0.62}, "generation": 3},
    )
    return replace(ordinary, **overrides)


def a_resolution(**overrides: Any) -> Notice:
    """The end of that finding, three and a half hours later."""
    ended = a_notice(
        id=UUID("018f0000-0000-5000-8000-000000000002"),
        transition=Transition.RESOLVE,
        at=SINCE + timedelta(hours=3, minutes=25),
        message="0.81 meets the target 0.8",
        value=0.81,
        resolved_reason="Recovered",
    )
    return replace(ended, **overrides)


def a_reminder(**overrides: Any) -> Notice:
    """That finding, still open after a day."""
    reminder = a_notice(
        id=UUID("018f0000-0000-5000-8000-000000000003"),
        transition=Transition.REMINDER,
        at=SINCE + timedelta(days=1, hours=4, minutes=2),
    )
    return replace(reminder, **overrides)


def a_self_failure(number: int = 0, **overrides: Any) -> Notice:
    """Governance of one of many policies fails, all of its errors on one source."""
    policy = f"guard-{number}"
    failure = a_notice(
        id=UUID(int=0x018F0000000050008000000000001000 + number),
        finding=UUID(int=0x018F0000000050008000000000002000 + number),
        event_type=SELF_FAILURE,
        namespace="payments",
        policy=policy,
        check="",
        message="3 of 5 checks are in Error",
        value=None,
        red_line=None,
        target=None,
        direction=None,
        hint="Several checks can't be measured: what they guard is not watched now.",
        next_action="investigate_governance_pipeline_health",
        steps=("See whether the source is up, its Secret valid and its certificate current",),
        human_owner="Platform owner / SRE owner",
        lead_agent=None,
        command=f"kubectl describe governancepolicy {policy} -n payments",
        source="prometheus",
    )
    return replace(failure, **overrides)


def a_flood(count: int) -> list[Notice]:
    """So many findings at once, of as many policies."""
    return [
        a_notice(
            id=UUID(int=0x018F0000000050008000000000003000 + number),
            finding=UUID(int=0x018F0000000050008000000000005000 + number),
            policy=f"flywheel-{number}",
            severity=("warning", "critical", "info")[number % 3],
        )
        for number in range(count)
    ]


HOSTILE = (
    "@channel <!here> <@U123> @everyone <b>bold</b> <https://evil.example|pay here> "
    "[pay](https://evil.example) **loud** _soft_ `code` ~gone~ ||hidden|| &lt;i&gt;\r\n"
    "# heading\u2028\u202e\x1b[31m"
)
"""What a policy author might write to be seen as somebody else."""


def a_hostile_notice() -> Notice:
    """Every text that users write is hostile."""
    return a_notice(
        cluster=HOSTILE,
        message=HOSTILE,
        hint=HOSTILE,
        next_action=HOSTILE,
        steps=(HOSTILE, HOSTILE),
        human_owner=HOSTILE,
        lead_agent=HOSTILE,
    )

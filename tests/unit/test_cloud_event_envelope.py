"""A notice as a CloudEvent, and how long a receiver may ask to be left alone."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.notices import a_notice, a_reminder, a_resolution

from governor.adapters.channels.cloud_events import LONGEST_REST, rest_seconds
from governor.adapters.channels.envelope import LONGEST, envelope
from governor.domain.notices import Notice
from governor.errors import RejectedError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def event(notice: Notice) -> dict[str, Any]:
    told = json.loads(envelope(notice))
    assert isinstance(told, dict)
    return told


def test_an_event_says_everything() -> None:
    """Attributes of the specification, and the documented data."""
    assert event(a_notice()) == {
        "specversion": "1.0",
        "id": "018f0000-0000-5000-8000-000000000001",
        "source": "/clusters/prod-eu/namespaces/aiops/governancepolicies/flywheel",
        "type": "dev.aiops.governance.finding.opened.v1",
        "subject": "018f0000-0000-5000-8000-0000000000aa",
        "time": "2026-11-22T09:15:00.000000Z",
        "datacontenttype": "application/json",
        "data": {
            "finding": "018f0000-0000-5000-8000-0000000000aa",
            "eventType": "slo_autonomy_rate_violation",
            "cluster": "prod-eu",
            "namespace": "aiops",
            "policy": "flywheel",
            "check": "autonomy-rate",
            "severity": "critical",
            "message": "0.62 is below the red line 0.7",
            "value": 0.62,
            "redLine": 0.7,
            "target": 0.8,
            "direction": "Above",
            "since": "2026-11-22T09:15:00.000000Z",
            "resolvedReason": None,
            "hint": "Agents hand too many decisions to people.",
            "nextAction": "trigger_flywheel_safeguard",
            "steps": [
                "Pause risky auto-fix tasks",
                "Look at the last 20 autonomous decisions that a person reverted",
            ],
            "humanOwner": "SLO owner / SRE owner",
            "leadAgent": "Hermes",
            "source": None,
            "command": "kubectl describe governancepolicy flywheel -n aiops",
            "details": {"impact": {"value": 0.62}, "generation": 3},
        },
    }


def test_episodes_share_a_subject() -> None:
    """By it a receiver joins opening, reminders and resolution."""
    assert len({event(it)["subject"] for it in (a_notice(), a_reminder(), a_resolution())}) == 1


def test_a_repeat_is_the_same_event_to_the_byte() -> None:
    """Receivers deduplicate by source and id."""
    assert envelope(a_notice()) == envelope(a_notice())


def test_a_source_is_a_uri_whatever_the_cluster_is_called() -> None:
    """Names of clusters are settings; the path has as many parts as ever."""
    source = event(a_notice(cluster="EU / größte #1?"))["source"]

    assert source.isascii()
    assert source.count("/") == 6
    assert not {" ", "?", "#"} & set(source)


@given(text=st.text(max_size=40))
def test_any_text_can_be_told(text: str) -> None:
    """Also such as no encoding has."""
    told = event(a_notice(message=text))

    assert told["data"]["message"] == text.encode("utf-8", "replace").decode()


def test_long_details_are_left_out_and_counted() -> None:
    """All else stays, and the whole fits."""
    details = {"impact": {"ids": ["x" * 100] * 1000}}

    body = envelope(a_notice(details=details))

    assert len(body) <= LONGEST
    data = json.loads(body)["data"]
    assert data["details"] == {"omittedBytes": len(json.dumps(details))}
    assert data["message"] == a_notice().message


def test_the_longest_texts_fit() -> None:
    """All that a manifest may hold, in letters that take the most bytes."""
    wide = "\N{OLD PERSIAN SIGN A}"
    notice = a_notice(
        message=wide * 4096,
        steps=(wide * 300,) * 10,
        hint=wide * 500,
        next_action=wide * 100,
        human_owner=wide * 100,
        lead_agent=wide * 100,
        details={"impact": wide * 20000},
    )

    assert len(envelope(notice)) <= LONGEST


def test_what_no_json_has_is_rejected() -> None:
    """It would never pass."""
    with pytest.raises(RejectedError, match="JSON"):
        envelope(a_notice(details={"impact": math.nan}))
    with pytest.raises(RejectedError, match="JSON"):
        envelope(a_notice(details={"impact": NOW}))


def test_what_is_too_long_even_so_is_rejected() -> None:
    """Nothing of it can be left out without being missed."""
    with pytest.raises(RejectedError, match="more than 65536"):
        envelope(a_notice(message="x" * LONGEST))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("17", 17),
        (" 17 ", 17),
        ("0", 1),
        ("9" * 400, LONGEST_REST),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30),
        ("Sun, 22 Nov 2026 12:00:30 -0000", 30),
        ("Sun, 22 Nov 2026 14:00:30 +0200", 30),
        ("Sun, 22 Nov 2020 12:00:30 GMT", 1),
        ("Sun, 22 Nov 2036 12:00:30 GMT", LONGEST_REST),
        ("Sun, 99 Nov 2026 12:00:30 GMT", None),
        ("Sun, 22 Nov 99999 12:00:30 GMT", None),
        ("Sun, 22 Nov 2026 12:00:30 +99999999999999", None),
        (f"Sun, 22 Nov {'9' * 20} 12:00:30 GMT", None),
    ],
)
def test_how_long_a_receiver_is_left_alone(header: str | None, seconds: float | None) -> None:
    """As long as it says, within 1 second and an hour."""
    assert rest_seconds(header, NOW) == seconds

"""What a mute is worth: whether it is honoured, whom it silences, and what its status says."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON, policy, slo
from tests.support.mutes import WEEK, body

from governor.api.mute import MuteStatus
from governor.domain.muting import LONGEST, MOST, honoured, in_force, judged, mute_of, silences
from governor.domain.policies import Policy
from governor.domain.surroundings import Mute

CENTURY = datetime(2000, 1, 1)  # noqa: DTZ001 - hypothesis adds the zones
TWO = (slo("first"), slo("second", severity="critical"))


def mute(*checks: str) -> Mute:
    """One that can be honoured."""
    found = mute_of(body(checks))
    assert found is not None
    return found


def told(
    of: dict[str, Any], about: Policy | None = None, *, after: timedelta = timedelta(0)
) -> tuple[str, str, str]:
    """Status and reason of Accepted, and its message; Active never disagrees."""
    status = judged(MuteStatus(), of, about, NOON + after)
    accepted, active = status.conditions
    assert (accepted.type, active.type) == ("Accepted", "Active")
    assert active.status == accepted.status
    assert active.reason == ("Muting" if active.status == "True" else accepted.reason)
    assert status.observed_generation == accepted.observed_generation == 3
    return accepted.status, accepted.reason, accepted.message


def silenced(
    mutes: str | None, checks: tuple[str, ...] = (), checks_of: tuple[Any, ...] = TWO
) -> set[str]:
    """Whom a mute silences: checks, and the policy's own findings by severity."""
    about = policy(*checks_of, mutes=mutes)
    of = mute(*checks)
    found = {c.name for c in about.checks if silences(of, about, c)}
    return found | {
        severity
        for severity in ("warning", "critical")
        if silences(of, about, None, severity=severity)
    }


@pytest.mark.parametrize(
    ("mutes", "checks", "expected"),
    [
        (None, (), {"first", "warning"}),
        (None, ("first",), {"first"}),
        (None, ("second",), set()),
        (None, ("first", "second"), {"first"}),
        ("Allowed", (), {"first", "second", "warning", "critical"}),
        ("Allowed", ("second",), {"second"}),
        ("Forbidden", (), set()),
        ("Forbidden", ("first",), set()),
        (None, ("elsewhere",), set()),
    ],
)
def test_the_policy_says_what_may_be_muted(
    mutes: str | None, checks: tuple[str, ...], expected: set[str]
) -> None:
    """Critical checks and findings by default not; the policy's own only by a mute of all."""
    assert silenced(mutes, checks) == expected


def test_a_mute_that_silences_no_check_silences_nothing() -> None:
    """Its status says Forbidden, and is right."""
    assert silenced(None, (), (TWO[1],)) == set()


def test_a_finding_of_the_policy_counts_as_critical_unless_its_severity_is_told() -> None:
    """In doubt people are told."""
    about = policy(*TWO)

    assert not silences(mute(), about, None)


def test_what_is_honoured_is_what_was_written() -> None:
    """With times in UTC."""
    berlin = timezone(timedelta(hours=1))
    ends = (NOON + WEEK).astimezone(berlin).isoformat()

    found = mute_of(body(("first", "second"), expiresAt=ends))

    assert found == Mute(
        uid="u",
        name="quiet",
        checks=("first", "second"),
        reason="a migration",
        owner="sre",
        expires_at=NOON + WEEK,
    )
    assert found.expires_at.tzinfo is UTC


@given(
    created=st.datetimes(CENTURY, CENTURY.replace(year=2099)).map(
        lambda at: at.replace(microsecond=0, tzinfo=UTC)
    ),
    ends=st.one_of(
        st.datetimes(CENTURY, CENTURY.replace(year=2099), timezones=st.timezones()),
        st.integers(-5, 5),
    ),
    asked=st.datetimes(CENTURY, CENTURY.replace(year=2100), timezones=st.just(UTC)),
)
def test_no_mute_is_ever_honoured_beyond_90_days_after_its_creation(
    created: datetime, ends: datetime | int, asked: datetime
) -> None:
    """Whatever its spec says, in whatever time zone, whenever it is asked."""
    if isinstance(ends, int):  # close to the longest
        ends = created + LONGEST + timedelta(microseconds=ends)
    of = body(created=created, expiresAt=ends.isoformat())

    found = mute_of(of)
    accepted, active = judged(MuteStatus(), of, policy(), asked).conditions

    honoured = found is not None and in_force(found, asked)
    if asked > created + LONGEST or ends > created + LONGEST:
        assert not honoured
        assert accepted.status == active.status == "False"
    elif asked >= created:  # before its creation, nobody knows it
        assert (active.status == "True") is honoured is (asked < ends)


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        (LONGEST, "Accepted"),
        (LONGEST + timedelta(microseconds=1), "TooLong"),
        (timedelta(days=26000), "TooLong"),
        (timedelta(microseconds=1), "Accepted"),
        (timedelta(0), "Expired"),
        (timedelta(days=-700), "Expired"),
    ],
)
def test_a_mute_ends_after_its_creation_and_within_90_days(ends: timedelta, reason: str) -> None:
    """Both sides of each line."""
    of = body(ends=ends)

    assert told(of, policy())[1] == reason
    assert (mute_of(of) is not None) is (reason == "Accepted")


@pytest.mark.parametrize("ends", ["2099-12-31T23:59:59-14:00", "2000-01-01T00:00:00+14:00"])
def test_times_at_the_ends_of_what_can_be_written_are_judged(ends: str) -> None:
    """In UTC, they are in another century."""
    of = body(expiresAt=ends)

    assert told(of, policy())[0] == "False"
    assert mute_of(of) is None


def test_it_is_over_at_its_end() -> None:
    """Not before; and it is still given, so that its end can be told."""
    of = body()
    found = mute()

    assert told(of, policy(), after=WEEK - timedelta(seconds=1))[1] == "Accepted"
    assert told(of, policy(), after=WEEK)[1] == "Expired"
    assert [in_force(found, NOON + WEEK - timedelta(seconds=n)) for n in (1, 0)] == [True, False]


POLICYS = "the findings of the policy as a whole"
SELF = "the finding that governance itself fails"
KEPT = "not silenced, as spec.mutes of the policy is not Allowed"
UNTIL = "until 2026-11-29T12:00:00Z"
LATEST = "2027-02-20T12:00:00Z at the latest, 90 days after its creation"


@pytest.mark.parametrize(
    ("of", "about", "expected"),
    [
        (
            body(),
            policy(slo("first"), slo("third"), mutes="Allowed"),
            f"silences all 2 checks and {POLICYS} {UNTIL}",
        ),
        (
            body(),
            policy(*TWO),
            f"silences first and {POLICYS} {UNTIL}; {KEPT}: second, " + SELF,
        ),
        (
            body(("elsewhere", "second", "first")),
            policy(*TWO, slo("third")),
            f"silences first {UNTIL}; {KEPT}: second; the policy has no check elsewhere",
        ),
        (
            body(("second",)),
            policy(*TWO, mutes="Allowed"),
            f"silences second {UNTIL}",
        ),
    ],
    ids=["all", "all but critical", "named", "critical"],
)
def test_an_accepted_mute_says_whom_it_silences_and_whom_not(
    of: dict[str, Any], about: Policy, expected: str
) -> None:
    """By name, and until when."""
    assert told(of, about) == ("True", "Accepted", expected)


@pytest.mark.parametrize(
    ("of", "about", "reason", "message"),
    [
        (
            body(ends=WEEK * 20),
            policy(),
            "TooLong",
            f"it is not honoured: let expiresAt be {LATEST}",
        ),
        (
            body(ends=-WEEK),
            policy(),
            "Expired",
            "it ended at 2026-11-15T12:00:00Z: delete it, or let it end later: " + LATEST,
        ),
        (
            body(),
            None,
            "PolicyNotFound",
            "there is no GovernancePolicy flywheel in namespace aiops that can be understood: ",
        ),
        (
            body(("x", "y")),
            policy(*TWO),
            "CheckNotFound",
            "GovernancePolicy flywheel has no check x, y: it has first, second",
        ),
        (
            body(("second", "x")),
            policy(*TWO),
            "Forbidden",
            "GovernancePolicy flywheel forbids to mute second: its spec.mutes would have to",
        ),
        (
            body(),
            policy(*TWO, mutes="Forbidden"),
            "Forbidden",
            "GovernancePolicy flywheel forbids to mute first, second: its spec.mutes would",
        ),
        (body(owner=""), policy(), "SpecInvalid", "spec.owner: should have at least 1 character"),
        (
            body(expiresAt="tomorrow"),
            policy(),
            "SpecInvalid",
            "spec.expiresAt: write a date and a time with its zone",
        ),
    ],
)
def test_a_refused_mute_says_why_and_what_to_do(
    of: dict[str, Any], about: Policy | None, reason: str, message: str
) -> None:
    """In the order in which its author would mend it."""
    truth, why, what = told(of, about)

    assert (truth, why) == ("False", reason)
    assert what.startswith(message)


def test_an_active_mute_says_so_in_both_conditions() -> None:
    """With the same words; a refused one points to the reason."""
    accepted, active = judged(MuteStatus(), body(), policy(), NOON).conditions
    assert active.message == accepted.message

    _, active = judged(MuteStatus(), body(), None, NOON).conditions
    assert active.message == "silences nothing: see Accepted"


def test_the_transition_time_moves_only_with_the_status() -> None:
    """An unchanged mute gives an unchanged status: no write."""
    first = judged(MuteStatus(), body(), policy(), NOON)

    assert judged(first, body(), policy(), NOON + timedelta(hours=1)) == first
    ended = judged(first, body(), policy(), NOON + WEEK)
    assert {c.last_transition_time for c in ended.conditions} == {NOON + WEEK}


def test_more_than_can_be_honoured_is_told_to_those_that_end_first() -> None:
    """A mute that silences nothing must not say that it does."""
    bodies = [body(ends=timedelta(hours=1 + each)) for each in range(MOST + 2)]
    for each, of in enumerate(bodies):
        of["metadata"] |= {"uid": f"u{each}", "name": f"quiet-{each}"}
    rivals = [found for of in bodies if (found := mute_of(of)) is not None]

    reasons = [
        judged(MuteStatus(), of, policy(), NOON, rivals=rivals).conditions[0].reason
        for of in bodies
    ]

    assert reasons == ["TooMany"] * 2 + ["Accepted"] * MOST
    assert honoured(rivals, policy(), NOON) == tuple(rivals[2:])

"""Findings about governance itself: self failure, data gap, blind checks."""

import json

import pytest
from tests.support.builders import History, blast, policy, slo

THREE = ("a", "b", "c")


def three(**overrides: object) -> History:
    """A policy of three SLO checks."""
    return History(policy(*(slo(name) for name in THREE), **overrides))


def spread(life: History, outcomes: str) -> None:
    """One slot on; an outcome for each check, in order."""
    life.tick()
    life.decide(**dict(zip(THREE, outcomes.split(), strict=True)))


def test_self_failure_opens_at_its_threshold_and_ends_below_it() -> None:
    """Three checks whose latest run is Error; two are not enough."""
    life = three()
    spread(life, "error error ok")
    assert life.status.findings == ()

    spread(life, "error error error")
    (opening,) = [e for e in life.told if e.event_type == "governance_self_failure"]
    assert (opening.severity, opening.check) == ("critical", "")
    assert (opening.reason, opening.message) == ("SelfFailure", "3 of 3 checks are in Error")
    assert json.loads(opening.impact) == {
        "failed_checks": 3,
        "total_checks": 3,
        "source": "prometheus",
    }
    assert json.loads(opening.lists)["errors"][0] == "a: Unreachable: connection refused"

    spread(life, "ok error error")
    first, closing = (e for e in life.told if e.event_type == "governance_self_failure")
    assert first == opening
    assert (closing.transition, closing.resolved_reason) == ("resolve", "Recovered")
    assert (closing.severity, closing.message) == ("critical", "2 of 3 checks are in Error")
    assert json.loads(closing.lists) == {
        "errors": ["b: Unreachable: connection refused", "c: Unreachable: connection refused"]
    }
    (place,) = life.status.findings
    assert (place.finding, place.last_finding.reason) == (None, "Recovered")
    assert place.last_finding.id == closing.finding == opening.finding


def test_the_threshold_of_self_failure_is_the_policys() -> None:
    """`selfFailure.erroredChecks: 1` makes one Error enough."""
    life = three(selfFailure={"erroredChecks": 1})
    spread(life, "error ok ok")

    assert [f.event_type for f in life.status.findings] == ["governance_self_failure"]


@pytest.mark.parametrize(
    ("outcomes", "gap"),
    [
        ("nodata nodata nodata", True),
        ("nodata error error", True),
        ("nodata ok nodata", False),
        ("nodata warning nodata", False),
        ("nodata violated nodata", False),
        ("error error error", False),
        ("ok ok ok", False),
    ],
)
def test_data_gap_needs_a_no_data_and_nothing_measured(outcomes: str, gap: bool) -> None:
    """Errors are allowed beside it."""
    life = three()
    spread(life, outcomes)

    gaps = [e for e in life.told if e.event_type == "governance_slo_data_gap"]
    assert bool(gaps) is gap
    if gap:
        count = outcomes.count("nodata")
        told = gaps[0]
        assert (told.severity, told.check, told.reason) == ("warning", "", "DataGap")
        assert told.message == "3 SLO checks, and none has data"
        assert json.loads(told.impact) == {
            "reason": "all_slo_metrics_not_emitted",
            "skipped_count": count,
        }


@pytest.mark.parametrize("measured", ["error error ok", "error ok violated"])
def test_only_a_number_ends_a_data_gap(measured: str) -> None:
    """A Prometheus that went down does not show that metrics are back."""
    life = three()
    spread(life, "nodata nodata nodata")
    spread(life, "error error error")
    assert life.status.findings[-1].finding is not None

    spread(life, measured)
    gap = next(f for f in life.status.findings if f.event_type == "governance_slo_data_gap")
    assert gap.finding is None
    end = next(e for e in life.told if e.finding == gap.last_finding.id and e.resolved_reason)
    assert (end.severity, end.reason) == ("warning", "DataGap")
    assert end.message == "SLO metrics are emitted again"
    assert json.loads(end.impact) == {
        "reason": "all_slo_metrics_not_emitted",
        "skipped_count": 0,
    }


def test_a_data_gap_ends_with_its_checks() -> None:
    """No promql check left: CheckRemoved, not Recovered."""
    life = three()
    spread(life, "nodata nodata nodata")
    life.turn(policy(blast()))
    life.decide()

    gap = life.status.findings[0]
    assert (gap.finding, gap.last_finding.reason) == (None, "CheckRemoved")
    end = next(e for e in life.told if e.resolved_reason == "CheckRemoved")
    assert (end.event_type, end.check) == ("governance_slo_data_gap", "")
    assert end.message == "0 SLO checks, and none has data"
    assert json.loads(end.impact)["skipped_count"] == 0


def test_a_check_is_blind_after_three_runs_without_a_number() -> None:
    """Unless a finding of the whole policy already says why."""
    life = three()
    for _ in range(3):
        spread(life, "nodata ok ok")

    assert [(e.check, e.transition) for e in life.told if e.event_type] == [("a", "open")]
    entry = life.told[-1]
    assert json.loads(entry.impact) == {"runs": 3}
    assert (entry.event_type, entry.severity) == ("governance_check_blind", "warning")
    assert (entry.reason, entry.message) == ("EmptyResult", "the query gave no series")
    assert life.check("a").blind is not None

    spread(life, "ok ok ok")
    assert life.check("a").blind is None
    assert life.check("a").last_blind.reason == "Recovered"
    end = life.told[-1]
    assert (end.finding, end.resolved_reason) == (entry.finding, "Recovered")
    assert (end.severity, end.reason, end.message) == ("warning", "Met", "measured again")
    assert json.loads(end.impact) == {"runs": 0}


@pytest.mark.parametrize("outcomes", ["error error error", "nodata nodata nodata"])
def test_no_check_is_told_blind_under_a_finding_of_the_policy(outcomes: str) -> None:
    """One cause, one finding; once it ends, who is still blind is told."""
    life = three()
    for _ in range(4):
        spread(life, outcomes)
    assert not [e for e in life.told if e.event_type == "governance_check_blind"]

    first, *_ = outcomes.split()
    spread(life, f"{first} ok ok")
    blind = [e.check for e in life.told if e.event_type == "governance_check_blind"]
    assert blind == ["a"]


def test_an_slo_in_error_is_covered_by_a_data_gap_that_is_still_open() -> None:
    """Prometheus went down during the gap: that is still the one finding."""
    life = History(policy(slo("a"), slo("b")))
    for outcome in ("nodata", "error", "error", "error"):
        life.tick()
        life.decide(a=outcome, b=outcome)

    assert [e.event_type for e in life.told if e.event_type] == ["governance_slo_data_gap"]


def test_a_built_in_without_data_is_not_covered_by_a_data_gap() -> None:
    """The gap speaks of SLO metrics only."""
    life = History(policy(slo("a"), blast(), selfFailure={"blindAfter": 1}))
    life.decide(a="nodata", blast="nodata")

    assert ("open", "blast", "governance_check_blind") in life.story()
    assert ("open", "a", "governance_check_blind") not in life.story()


def test_waiting_checks_end_no_finding_of_the_policy() -> None:
    """A check that is yet to be evaluated under a new spec has not recovered."""
    life = three(selfFailure={"erroredChecks": 1})
    spread(life, "nodata error nodata")
    assert len(life.status.findings) == 2
    life.turn(
        policy(
            slo("a"),
            *(slo(name, severity="info") for name in ("b", "c")),
            selfFailure={"erroredChecks": 1},
        )
    )
    life.decide()

    assert all(place.finding for place in life.status.findings)


@pytest.mark.parametrize(
    ("outcomes", "status", "counts"),
    [
        ("violated error nodata", "violated", (1, 1, 0, 1)),
        ("ok violated nodata", "violated", (1, 1, 1, 0)),
        ("nodata error nodata", "no_data", (0, 2, 0, 1)),
        ("ok error nodata", "error", (0, 1, 1, 1)),
        ("ok warning nodata", "partial_data", (0, 1, 2, 0)),
        ("ok warning ok", "ok", (0, 0, 3, 0)),
        ("error error error", "error", (0, 0, 0, 3)),
    ],
)
def test_the_slo_summary_is_the_first_that_applies(
    outcomes: str, status: str, counts: tuple[int, int, int, int]
) -> None:
    """violated, no_data, error, partial_data, ok; `ok` counts Warning too."""
    life = three()
    spread(life, outcomes)
    slos = life.status.slo

    assert slos is not None
    assert slos.status == status
    assert (slos.violated, slos.no_data, slos.ok, slos.error) == counts
    assert slos.all_no_data is (status == "no_data")


def test_a_policy_without_promql_has_no_slo_summary() -> None:
    """It says nothing about what is not there."""
    life = History(policy(blast()))
    life.decide(blast="nodata")

    assert life.status.slo is None

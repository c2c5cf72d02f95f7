"""The table and the JSON, letter by letter."""

import json
from datetime import UTC, datetime

from governor.cli.measuring import Result, worst
from governor.cli.rendering import as_json, table
from governor.domain.judging import judge
from governor.values.objectives import Direction, Objective
from governor.values.outcomes import Absence, Fault, Measurement, Outcome
from governor.values.reasons import Reason, Verdict

ABOVE = Objective(direction=Direction.ABOVE, red_line=0.7, target=0.8)
BELOW = Objective(direction=Direction.BELOW, red_line=0.1)


def result(policy: str, check: str, objective: Objective, outcome: Outcome) -> Result:
    """A check's result."""
    judgement = judge(objective, outcome)
    return Result(namespace="aiops", policy=policy, check=check, judgement=judgement)


RESULTS = (
    result("flywheel", "autonomy-rate", ABOVE, Measurement(value=0.61)),
    result("flywheel", "decision-accuracy", ABOVE, Measurement(value=0.75)),
    result("flywheel", "llm-hallucination", BELOW, Measurement(value=1 / 30, samples=90)),
    result("other", "km", BELOW, Absence(reason=Reason.EMPTY_RESULT, message="no series")),
    result("other", "gone", BELOW, Fault(reason=Reason.TIMEOUT, message="no answer in 5s")),
)

TABLE = """\
NAMESPACE   POLICY     CHECK               VERDICT    VALUE    GAP      REASON        MESSAGE
aiops       flywheel   autonomy-rate       Violated   0.61     0.09     PastRedLine   \
0.61 is below the red line 0.7
aiops       flywheel   decision-accuracy   Warning    0.75     -0.05    PastTarget    \
0.75 is below the target 0.8, red line 0.7
aiops       flywheel   llm-hallucination   Ok         0.0333   0.0667   Met           \
0.0333 is not above the red line 0.1
aiops       other      km                  NoData     -        -        EmptyResult   no series
aiops       other      gone                Error      -        -        Timeout       \
no answer in 5s"""


def test_the_table() -> None:
    """Columns as wide as their widest cell, nothing at the ends of lines."""
    assert table(RESULTS) == TABLE


def test_the_json() -> None:
    """Policies with their checks; what a check has not is left out."""
    told = json.loads(as_json(RESULTS, datetime(2026, 3, 1, 12, tzinfo=UTC)))

    assert told["evaluated"] == "2026-03-01T12:00:00+00:00"
    assert told["verdict"] == "Violated"
    assert [(policy["name"], policy["verdict"]) for policy in told["policies"]] == [
        ("flywheel", "Violated"),
        ("other", "Error"),
    ]
    assert told["policies"][0]["checks"][2] == {
        "name": "llm-hallucination",
        "verdict": "Ok",
        "reason": "Met",
        "message": "0.0333 is not above the red line 0.1",
        "value": 0.0333,
        "gap": 0.0667,
        "samples": 90,
    }
    assert told["policies"][1]["checks"][0] == {
        "name": "km",
        "verdict": "NoData",
        "reason": "EmptyResult",
        "message": "no series",
    }


def test_the_worst_verdict_is_the_policys() -> None:
    """Violated before Error before NoData."""
    assert worst(RESULTS) is Verdict.VIOLATED
    assert worst(RESULTS[3:]) is Verdict.ERROR
    assert worst(RESULTS[1:3]) is Verdict.WARNING

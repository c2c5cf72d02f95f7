"""Values as people and programs get them, letter by letter."""

import json
from datetime import timedelta
from typing import Any

from tests.support.builders import NOON

from governor.adapters.sink.history import Series, Value
from governor.cli.history_rendering import WIDEST, as_json, table
from governor.values.objectives import Direction, Objective
from governor.values.reasons import Verdict

ABOVE = Objective(direction=Direction.ABOVE, red_line=0.7, target=0.8)
BELOW = Objective(direction=Direction.BELOW, red_line=10.0)


def value(minute: int, number: float | None, verdict: Verdict, reason: str, **more: Any) -> Value:
    at = NOON + timedelta(minutes=minute)
    usual: dict[str, Any] = {"samples": None, "objective": ABOVE}
    return Value(
        slot=at,
        measured_at=at + timedelta(seconds=1.5),
        seconds=0.0123456,
        verdict=verdict,
        reason=reason,
        value=number,
        **{**usual, **more},
    )


SERIES = (
    Series(
        check="autonomy-rate",
        values=(
            value(0, 0.9123456, Verdict.OK, "Met"),
            value(1, 0.75, Verdict.WARNING, "PastTarget", samples=1200),
            value(2, None, Verdict.ERROR, "Timeout"),
            value(4, 0.5, Verdict.VIOLATED, "PastRedLine"),
        ),
    ),
    Series(
        check="queue",
        values=(value(0, None, Verdict.NO_DATA, "EmptyResult", objective=BELOW),),
    ),
)

TABLE = """\
aiops/flywheel   autonomy-rate   Above is good
█▅··▁   0.5 to 0.9123
SLOT                   VALUE    TARGET   RED LINE   SAMPLES   VERDICT    REASON
2026-11-22T12:00:00Z   0.9123   0.8      0.7        -         Ok         Met
2026-11-22T12:01:00Z   0.75     0.8      0.7        1200      Warning    PastTarget
2026-11-22T12:02:00Z   -        0.8      0.7        -         Error      Timeout
2026-11-22T12:04:00Z   0.5      0.8      0.7        -         Violated   PastRedLine

aiops/flywheel   queue   Below is good
·   no values
SLOT                   VALUE   TARGET   RED LINE   SAMPLES   VERDICT   REASON
2026-11-22T12:00:00Z   -       -        10         -         NoData    EmptyResult"""


def test_the_table() -> None:
    """The line above its values, in the same order; a gap for each slot without a value."""
    assert table("aiops", "flywheel", SERIES) == TABLE


def test_the_json() -> None:
    """Unrounded, each field in every value, null where there is none."""
    told = json.loads(as_json("aiops", "flywheel", SERIES))

    assert (told["namespace"], told["policy"]) == ("aiops", "flywheel")
    assert [check["name"] for check in told["checks"]] == ["autonomy-rate", "queue"]
    assert told["checks"][0]["values"][0] == {
        "slot": "2026-11-22T12:00:00.000000Z",
        "measuredAt": "2026-11-22T12:00:01.500000Z",
        "durationSeconds": 0.0123,
        "verdict": "Ok",
        "reason": "Met",
        "value": 0.9123456,
        "samples": None,
        "objective": {"direction": "Above", "target": 0.8, "redLine": 0.7},
    }
    assert told["checks"][1]["values"][0]["value"] is None


def test_a_long_line_shows_the_latest() -> None:
    """It fits a terminal; the table has all of them."""
    values = tuple(value(minute, 1.0 + minute, Verdict.OK, "Met") for minute in range(300))

    lines = table("aiops", "flywheel", [Series(check="long", values=values)]).splitlines()

    assert len(lines) == 3 + 300
    line, low = lines[1].split("   ")
    assert (len(line), line[0], line[-1]) == (WIDEST, "▁", "█")
    assert low == "1 to 300"

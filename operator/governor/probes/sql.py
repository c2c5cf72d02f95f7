"""sql: any number that the team can write as one row of one SELECT."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from governor.probes.base import Access, Guidance, SqlAnswer, SqlProbe, SqlQuery
from governor.probes.slo import slo_impact, underscored
from governor.values.objectives import Objective
from governor.values.outcomes import Absence, Fact, FaultError, Measurement, Outcome
from governor.values.reasons import Reason

_MOST_SAMPLES = 2**63 - 1
"""What a status can hold: an int64."""


class Sql(SqlProbe):
    """The number that one read-only SELECT gives. Only on sources that allow CustomSql."""

    ACCESS = Access.CUSTOM_SQL
    FINDING_STATUS = "violation"
    OBJECTIVE = None
    GUIDANCE = Guidance(
        hint="A number that the team measures with a query of its own is past its red line.",
        next_action="review_sql_check",
        items=(
            "Run the check's query by hand, then look at the rows behind its number",
            "Find the change, the incident or the agent that moved it",
        ),
    )

    # Not `query` in Python: that is what every SqlProbe is asked for.
    statement: Annotated[str, Field(alias="query", min_length=1, max_length=4096)]
    """One SELECT, 1 to 4096 characters, that gives one row: the value and, if wanted, a
    second column `samples`, the count of things it was computed from."""

    @classmethod
    def event_type(cls, check: str) -> str:
        return f"sql_{underscored(check)}_violation"

    def query(self, relations: Mapping[str, str], at: datetime) -> SqlQuery:
        """The statement as it was written, but for a semicolon at its end."""
        del relations, at  # The author names tables and times.
        return SqlQuery(text=self.statement.strip().removesuffix(";"))

    def read(self, answer: SqlAnswer) -> Outcome:
        """One number, which may be non-finite: the judge makes NoData of that."""
        try:
            return _measured(_only_row(answer))
        except FaultError as error:
            return error.fault

    def impact(
        self, check: str, value: float, objective: Objective, facts: Mapping[str, Fact]
    ) -> dict[str, Fact]:
        del facts  # A query tells its value only.
        return slo_impact(check, value, objective)


def _only_row(answer: SqlAnswer) -> Mapping[str, object]:
    """The row by its columns; empty where there is none.

    A single column is the value, whatever its name.
    """
    names = answer.columns if len(answer.columns) > 1 else ("value",) * len(answer.columns)
    if sorted(names) not in (["value"], ["samples", "value"]):
        shown = ", ".join(names[:4]) + (", …" if names[4:] else "")
        raise FaultError(
            Reason.SEVERAL_COLUMNS,
            f"the query must give value, or value and samples, not {len(names)} columns: {shown}",
        )
    if len(answer.rows) > 1:
        raise FaultError(
            Reason.SEVERAL_ROWS, "the query gave more than one row: aggregate them, or add LIMIT 1"
        )
    return dict(zip(names, answer.rows[0], strict=True)) if answer.rows else {}


def _measured(row: Mapping[str, object]) -> Outcome:
    if not row:
        return Absence(reason=Reason.EMPTY_RESULT, message="the query gave no row")
    for column, value in row.items():
        if value is None:
            message = f"the query gave NULL as its {column}"
            return Absence(reason=Reason.NULL_VALUE, message=message)
    samples = _count(row["samples"]) if "samples" in row else None
    return Measurement(value=_number(row["value"]), samples=samples)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise FaultError(
            Reason.NOT_A_NUMBER, "the query's value is not a number: cast it, as with ::numeric"
        )
    try:
        return float(value)
    except OverflowError:  # No float is so large: the judge knows what infinity means.
        return float("inf") if value > 0 else float("-inf")


def _count(value: object) -> int:
    number = _number(value)
    if not (0 <= number <= _MOST_SAMPLES and number.is_integer()):
        raise FaultError(
            Reason.NOT_A_NUMBER, "the query's samples must be a whole number, 0 or more"
        )
    return int(number)

"""What the built-in SQL probes have in common: a share of a population, in one row."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from governor.probes.slo import DECIMALS
from governor.values import durations
from governor.values.outcomes import Absence, Fact, Measurement
from governor.values.reasons import Reason

# PostgreSQL's names of the types that a column may have (`pg_type.typname`).
TEXT = ("text", "varchar")
NUMBER = ("numeric", "float8", "float4")
TIME = ("timestamptz",)
FLAG = ("bool",)


def earlier(at: datetime, age: str) -> datetime:
    """The time that lies a duration before another."""
    try:
        return at - timedelta(seconds=durations.seconds(age))
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def days(age: str) -> float:
    """A duration in days, as findings tell it: whole where it is whole."""
    length = durations.seconds(age) / 86400
    return int(length) if length.is_integer() else round(length, DECIMALS)


def count(row: Mapping[str, object], column: str) -> int:
    """A count that the server gave.

    Raises:
        ValueError: it is not a count.
    """
    value = row[column]
    if not isinstance(value, int):
        raise ValueError(f"{column} is not a count")  # noqa: TRY004 - an answer, not an argument
    return value


def names(row: Mapping[str, object], column: str) -> tuple[str, ...]:
    """A list of names that the server gave, in its order.

    Raises:
        ValueError: it is not a list of names.
    """
    value = row[column]
    if not isinstance(value, list):
        raise ValueError(f"{column} is not a list")  # noqa: TRY004 - an answer, not an argument
    return tuple(str(name) for name in value)


def share(
    part: int,
    population: int,
    *,
    of: str,
    facts: Mapping[str, Fact],
    lists: Mapping[str, tuple[str, ...]] | None = None,
) -> Measurement | Absence:
    """Part ÷ population. An empty population is an absence, never a share of 0.

    Args:
        part: those that count against.
        population: all that were looked at; the measurement's samples.
        of: what the population is made of, for a person.
        facts: the counts that a finding tells.
        lists: the lists that a finding tells.
    """
    if population == 0:
        return Absence(reason=Reason.EMPTY_POPULATION, message=f"there are no {of} to judge")
    return Measurement(value=part / population, samples=population, facts=facts, lists=lists or {})

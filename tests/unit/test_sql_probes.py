"""What the SQL probes ask, read and tell, without a server."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from governor.probes.base import Access, SqlAnswer, SqlProbe
from governor.probes.execution_blast_radius import ExecutionBlastRadius
from governor.probes.knowledge_degradation import KnowledgeDegradation
from governor.probes.llm_hallucination import LlmHallucination
from governor.probes.sql import Sql
from governor.probes.trust_drift import TrustDrift
from governor.values.objectives import Direction, Objective
from governor.values.outcomes import Absence, Fault, Measurement, Outcome
from governor.values.reasons import Reason

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SOURCE = {"sourceRef": {"name": "platform"}}
RELATIONS = {
    name: f'"public"."{name}"'
    for name in (
        "playbooks",
        "knowledge_entries",
        "incident_evidence",
        "auto_repair_executions",
    )
}
BUILT_INS = (TrustDrift, KnowledgeDegradation, LlmHallucination, ExecutionBlastRadius)


def sql(query: str = "SELECT 1") -> Sql:
    return Sql.model_validate({**SOURCE, "query": query})


def given(*row: object, columns: tuple[str, ...] = ("value",)) -> Outcome:
    """What sql reads in one row."""
    return sql().read(SqlAnswer(columns=columns, rows=(row,)))


@pytest.mark.parametrize("kind", BUILT_INS)
def test_a_built_in_asks_one_read_only_statement_of_its_relation(kind: type[SqlProbe]) -> None:
    """One SELECT, without a clock of the server's, on relations as they were given."""
    query = kind.model_validate(SOURCE).query(RELATIONS, AT)

    assert query.text.startswith(("SELECT", "WITH"))
    assert ";" not in query.text
    assert "now()" not in query.text.lower()
    assert list(query.columns) == [
        relation for relation in RELATIONS.values() if relation in query.text
    ]


@pytest.mark.parametrize("kind", BUILT_INS)
def test_built_ins_warn_and_need_no_more_than_the_built_in_access(kind: type[SqlProbe]) -> None:
    """What the table of findings says for all of them."""
    assert kind.FINDING_STATUS == "warning"
    assert kind.ACCESS is Access.BUILTIN_CHECKS
    assert kind.OBJECTIVE is not None
    assert kind.OBJECTIVE.direction is Direction.BELOW


def test_the_default_red_lines_are_those_of_the_platform() -> None:
    """Drift of trust is not tolerated at all, the rest to a share."""
    lines = {kind: kind.OBJECTIVE.red_line for kind in BUILT_INS}

    assert lines == {
        TrustDrift: 0,
        KnowledgeDegradation: 0.20,
        LlmHallucination: 0.10,
        ExecutionBlastRadius: 0.15,
    }


@pytest.mark.parametrize(
    ("kind", "event_type", "next_action"),
    [
        (TrustDrift, "trust_drift", "review_low_trust_playbooks"),
        (KnowledgeDegradation, "knowledge_degradation", "run_kb_growth_healthcheck"),
        (LlmHallucination, "llm_hallucination", "run_knowledge_gap_audit"),
        (
            ExecutionBlastRadius,
            "execution_blast_radius",
            "pause_auto_repair_for_top_failing_playbooks",
        ),
        (Sql, "sql_open_review_ratio_violation", "review_sql_check"),
    ],
)
def test_every_kind_names_its_findings_and_the_next_action(
    kind: type[SqlProbe], event_type: str, next_action: str
) -> None:
    """The names that tables and receivers rely on."""
    assert kind.event_type("open-review-ratio") == event_type
    assert kind.GUIDANCE.next_action == next_action
    assert kind.GUIDANCE.hint
    assert kind.GUIDANCE.items


@pytest.mark.parametrize(
    ("probe", "parameters"),
    [
        (TrustDrift.model_validate(SOURCE), (Decimal("0.2"), AT - timedelta(days=30), 20)),
        (
            TrustDrift.model_validate(
                {
                    **SOURCE,
                    "minimumTrust": 0,
                    "deprecateUnusedAfter": "36h",
                    "maxPerRun": 1,
                }
            ),
            (Decimal(0), AT - timedelta(hours=36), 1),
        ),
        (KnowledgeDegradation.model_validate(SOURCE), (AT - timedelta(days=7),)),
        (
            KnowledgeDegradation.model_validate({**SOURCE, "staleAfter": "90s"}),
            (AT - timedelta(seconds=90),),
        ),
        (LlmHallucination.model_validate(SOURCE), (100,)),
        (LlmHallucination.model_validate({**SOURCE, "window": 7}), (7,)),
        (ExecutionBlastRadius.model_validate(SOURCE), (100,)),
        (ExecutionBlastRadius.model_validate({**SOURCE, "window": 1}), (1,)),
    ],
)
def test_parameters_come_from_the_policy_or_the_defaults(
    probe: SqlProbe, parameters: tuple[object, ...]
) -> None:
    """Also a minimum of 0, which is not the same as none."""
    assert probe.query(RELATIONS, AT).parameters == parameters


def test_a_time_before_all_dates_becomes_the_first_of_them() -> None:
    """No age that the API admits can crash a check, whatever the clock says."""
    probe = KnowledgeDegradation.model_validate({**SOURCE, "staleAfter": "3650d"})

    (cutoff,) = probe.query(RELATIONS, datetime(5, 1, 1, tzinfo=UTC)).parameters

    assert cutoff == datetime.min.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("probe", "facts", "impact"),
    [
        (
            TrustDrift.model_validate({**SOURCE, "deprecateUnusedAfter": "36h"}),
            {"drifted_count": 1, "total_playbooks": 3, "would_deprecate_count": 1, "unjudged": 0},
            {
                "drifted_count": 1,
                "total_playbooks": 3,
                "drift_ratio": 0.3333,
                "threshold": 0.2,
                "auto_deprecate_after_days": 1.5,
            },
        ),
        (
            KnowledgeDegradation.model_validate(SOURCE),
            {"stale_count": 1, "total_count": 3, "unjudged": 0},
            {
                "stale_count": 1,
                "total_count": 3,
                "stale_ratio": 0.3333,
                "threshold": 0.25,
                "stale_days": 7,
            },
        ),
        (
            LlmHallucination.model_validate(SOURCE),
            {"failed_count": 1, "total_checked": 3},
            {
                "failed_count": 1,
                "total_checked": 3,
                "hallucination_rate": 0.3333,
                "threshold": 0.25,
            },
        ),
        (
            ExecutionBlastRadius.model_validate(SOURCE),
            {"failed_count": 1, "total_executions": 3, "unjudged": 0},
            {
                "failed_count": 1,
                "total_executions": 3,
                "failure_rate": 0.3333,
                "threshold": 0.25,
            },
        ),
        (
            sql(),
            {},
            {
                "name": "my_check",
                "value": 0.3333,
                "target": None,
                "threshold": 0.25,
                "direction": "Below",
                "gap": 0.0833,
            },
        ),
    ],
)
def test_a_finding_tells_the_numbers_under_their_own_names(
    probe: SqlProbe, facts: dict[str, Any], impact: dict[str, Any]
) -> None:
    """The names of `details.impact`, rounded to 4 decimals."""
    objective = Objective(direction=Direction.BELOW, red_line=0.25)

    assert probe.impact("my-check", 1 / 3, objective, facts) == impact


def test_whole_days_are_told_as_whole_numbers() -> None:
    """`7` reads better than `7.0`, and JSON keeps the difference."""
    impact = KnowledgeDegradation.model_validate(SOURCE).impact(
        "k", 0.5, Objective(direction=Direction.BELOW, red_line=0), {}
    )

    assert isinstance(impact["stale_days"], int)


@pytest.mark.parametrize("number", [1, 1.0, Decimal("1.00")])
def test_sql_takes_every_kind_of_number(number: object) -> None:
    """Whatever type the author's expression happens to have."""
    assert given(number) == Measurement(value=1.0)


def test_sql_takes_a_single_column_of_any_name_as_the_value() -> None:
    """`SELECT count(*)` needs no alias."""
    assert given(5, columns=("count",)) == Measurement(value=5.0)


@pytest.mark.parametrize("columns", [("value", "samples"), ("samples", "value")])
def test_sql_finds_value_and_samples_by_name(columns: tuple[str, ...]) -> None:
    """Their order does not matter, so it can't be got wrong."""
    row = tuple({"value": 0.5, "samples": 12}[name] for name in columns)

    assert given(*row, columns=columns) == Measurement(value=0.5, samples=12)


@pytest.mark.parametrize(
    "columns", [(), ("value", "total"), ("value", "value"), ("value", "samples", "name")]
)
def test_sql_refuses_other_columns(columns: tuple[str, ...]) -> None:
    """Two columns that are not value and samples could be taken for each other."""
    outcome = sql().read(SqlAnswer(columns=columns, rows=()))

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.SEVERAL_COLUMNS


def test_sql_refuses_several_rows_even_if_they_agree() -> None:
    """Taking the first would hide the others."""
    outcome = sql().read(SqlAnswer(columns=("value",), rows=((1,), (1,))))

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.SEVERAL_ROWS


def test_sql_finds_no_row_to_be_no_data() -> None:
    """Never a 0."""
    outcome = sql().read(SqlAnswer(columns=("value",), rows=()))

    assert isinstance(outcome, Absence)
    assert outcome.reason is Reason.EMPTY_RESULT


@pytest.mark.parametrize("row", [(None, 5), (0.5, None), (None, None)])
def test_sql_finds_null_to_be_no_data(row: tuple[object, ...]) -> None:
    """A value without its samples can't be trusted to have enough of them."""
    outcome = given(*row, columns=("value", "samples"))

    assert isinstance(outcome, Absence)
    assert outcome.reason is Reason.NULL_VALUE


@pytest.mark.parametrize("value", ["", "1", True, False, AT, b"2"])
def test_sql_refuses_what_is_no_number(value: object) -> None:
    """Not even true, which Python takes for 1."""
    outcome = given(value)

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.NOT_A_NUMBER


@pytest.mark.parametrize("samples", [-1, 0.5, math.nan, math.inf, Decimal("NaN"), 2**63, "5"])
def test_sql_refuses_samples_that_count_nothing(samples: object) -> None:
    """A status could not even hold some of them."""
    outcome = given(0.5, samples, columns=("value", "samples"))

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.NOT_A_NUMBER


@pytest.mark.parametrize("value", [math.inf, -math.inf, Decimal("Infinity"), Decimal("1e400")])
def test_sql_passes_on_what_is_not_finite(value: Any) -> None:
    """The judge makes NoData of it."""
    outcome = given(value)

    assert isinstance(outcome, Measurement)
    assert math.isinf(outcome.value)


@pytest.mark.parametrize("value", [math.nan, Decimal("NaN")])
def test_sql_passes_on_nan(value: object) -> None:
    """The judge makes NoData of it."""
    outcome = given(value)

    assert isinstance(outcome, Measurement)
    assert math.isnan(outcome.value)


def test_sql_takes_an_integer_that_no_float_can_hold_for_infinite() -> None:
    """Rather that than a crash."""
    assert given(-(10**400)) == Measurement(value=-math.inf)


@pytest.mark.parametrize("query", ["SELECT 1", "SELECT 1;", "  SELECT 1 ;\n"])
def test_sql_runs_the_query_without_the_semicolon_that_people_write(query: str) -> None:
    """One at the end; another one is the server's to refuse."""
    assert sql(query).query(RELATIONS, AT).text.strip() == "SELECT 1"


@pytest.mark.parametrize("kind", BUILT_INS)
def test_a_built_in_finds_an_empty_population_to_be_no_data(kind: type[SqlProbe]) -> None:
    """Nothing to judge is never a ratio of 0."""
    columns = (
        "total",
        "drifted",
        "unused",
        "unjudged",
        "stale",
        "failed",
        "unused_ids",
        "kept_ids",
    )
    row: tuple[object, ...] = (0, 0, 0, 0, 0, 0, [], [])

    outcome = kind.model_validate(SOURCE).read(SqlAnswer(columns=columns, rows=(row,)))

    assert isinstance(outcome, Absence)
    assert outcome.reason is Reason.EMPTY_POPULATION

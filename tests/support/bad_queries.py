"""Tables, queries and references that are wrong, and what status must say of each."""

from collections.abc import Mapping
from typing import Any

from tests.support.said import Said, error, no_data

SCHEMA = """
drop schema if exists e2e_bad cascade;
create schema e2e_bad;
create table e2e_bad.no_column (status text);
create table e2e_bad.wrong_type (verification_result text, collected_at timestamp);
create table e2e_bad.empty (status text, updated_at timestamptz);
grant usage on schema e2e_bad to governor_reader, governor_custom_sql;
grant select on all tables in schema e2e_bad to governor_reader;
create table e2e_bad.no_right (success boolean, created_at timestamptz);
create function e2e_bad.full_disk() returns int language plpgsql as
  $$ begin raise exception 'disk is full' using errcode = '53100'; end $$;
"""
"""Tables that are not what the built-in checks take them for, and a server's own error."""

RELATIONS = {
    "playbooks": "e2e_bad.missing",
    "knowledge_entries": "e2e_bad.no_column",
    "incident_evidence": "e2e_bad.wrong_type",
    "auto_repair_executions": "e2e_bad.no_right",
}
NO_SUCH = "does not exist: create it, or"
BUILT_IN: Mapping[str, tuple[str, Said]] = {
    "missing-table": (
        "trustDrift",
        error(
            "RelationNotFound",
            f'relation "e2e_bad.missing" {NO_SUCH} map another in spec.postgres.relations',
        ),
    ),
    "missing-column": (
        "knowledgeDegradation",
        error(
            "ColumnNotFound",
            "column no_column.updated_at does not exist: add it, or map another in "
            "spec.postgres.relations",
        ),
    ),
    "wrong-type": (
        "llmHallucination",
        error(
            "ColumnType",
            "e2e_bad.wrong_type.collected_at is timestamp, not timestamptz: change its type, or "
            "map a view that casts it in spec.postgres.relations",
        ),
    ),
    "no-right": (
        "executionBlastRadius",
        error(
            "PermissionDenied",
            "permission denied for table no_right: grant it to the role of the Secret "
            "platform-database, key dsn",
        ),
    ),
}
"""Probe, and what it says; all on one source, see `RELATIONS`."""

CUSTOM: Mapping[str, tuple[str, Said]] = {
    "no-table": (
        "select count(*) from e2e_bad.nothing",
        error(
            "RelationNotFound",
            f'relation "e2e_bad.nothing" {NO_SUCH} correct the query',
        ),
    ),
    "several-rows": (
        "select 1 union all select 2",
        error(
            "SeveralRows",
            "the query gave more than one row: aggregate them, or add LIMIT 1",
        ),
    ),
    "several-columns": (
        "select 1 as value, 2 as other",
        error(
            "SeveralColumns",
            "the query must give value, or value and samples, not 2 columns: value, other",
        ),
    ),
    "text": (
        "select 'many'",
        error(
            "NotANumber",
            "the query's value is not a number: cast it, as with ::numeric",
        ),
    ),
    "null": ("select null::numeric", no_data("NullValue", "the query gave NULL as its value")),
    "no-row": ("select 1 where false", no_data("EmptyResult", "the query gave no row")),
    "few-samples": (
        "select 0.9 as value, 19 as samples",
        no_data(
            "TooFewSamples",
            "19 of at least 20 samples",
        ),
    ),
    "no-sql": (
        "selec 1",
        error(
            "QueryInvalid",
            'syntax error at or near "selec": correct the query',
        ),
    ),
    "two-statements": (
        "select 1 as value; select 2",
        error(
            "QueryInvalid",
            "the query must be one SELECT that gives a value",
        ),
    ),
    "writing": (
        "delete from public.playbooks returning 1",
        error(
            "QueryInvalid",
            "the query must be one SELECT that gives a value",
        ),
    ),
    "denied": (
        "select count(*) from pg_authid",
        error(
            "PermissionDenied",
            "permission denied for table pg_authid: grant it to the role of the Secret "
            "platform-database, key custom-sql-dsn",
        ),
    ),
    "full-disk": (
        "select e2e_bad.full_disk()",
        error(
            "ServerError",
            "disk is full: look at the server's log",
        ),
    ),
    "slow": (
        "select 1 from pg_sleep(20)",
        error(
            "Timeout",
            "canceling statement due to statement timeout: raise spec.postgres.statementTimeout, "
            "or add an index",
        ),
    ),
}
"""Query, and what its check says; all on one source with a timeout of 1 s."""

LINE = {"direction": "Above", "redLine": 0.5}
OTHERS: Mapping[str, tuple[dict[str, Any], Said]] = {
    "nothing": (
        {"knowledgeDegradation": {"sourceRef": {"name": "empty"}}},
        no_data("EmptyPopulation", "there are no knowledge entries to judge"),
    ),
    "withheld": (
        {"sql": {"sourceRef": {"name": "bad-tables"}, "query": "select 1"}, "objective": LINE},
        error(
            "SourceForbidden",
            "GovernanceSource bad-tables does not allow CustomSql: an administrator can add it to "
            "its access",
        ),
    ),
    "built-in-withheld": (
        {"trustDrift": {"sourceRef": {"name": "custom"}}},
        error(
            "SourceForbidden",
            "GovernanceSource custom does not allow BuiltinChecks: an administrator can add it to "
            "its access",
        ),
    ),
    "nowhere": (
        {"trustDrift": {"sourceRef": {"name": "nowhere"}}},
        error(
            "SourceNotFound",
            "there is no GovernanceSource nowhere: create it, or name another in sourceRef",
        ),
    ),
    "other-kind": (
        {"trustDrift": {"sourceRef": {"name": "prometheus"}}},
        error(
            "SourceNotFound",
            "GovernanceSource prometheus is a prometheus source: this check needs a postgres "
            "source in sourceRef",
        ),
    ),
    "fine": (
        {"trustDrift": {"sourceRef": {"name": "platform"}}},
        ("Ok", "Met", "0 is not above the red line 0"),
    ),
}
"""Checks, and what they say; their sources are those of the test."""

"""Servers that go wrong, each in one way, and what a policy's status must say of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.http_world import Asked, Behaviour, answering, answering_json, stalling

Said = tuple[str, str, str]
"""Verdict, reason and message."""

READY = "Reachable"
VERSION = "3.99.0"
SCALAR = {"resultType": "scalar", "result": [1, "0.9"]}
HTML = "<!doctype html><title>Sign in</title>"
NO_PROMETHEUS = "the answer is not the JSON of a Prometheus: does the url lead to one?"


def error(reason: str, message: str) -> Said:
    """The measuring failed."""
    return "Error", reason, message


def no_data(reason: str, message: str) -> Said:
    """There was nothing to judge."""
    return "NoData", reason, message


@dataclass(frozen=True, kw_only=True)
class World:
    """A Prometheus, what its one check must say, and the reason of the source's Ready."""

    behaviour: Behaviour
    reason: str
    message: str
    verdict: str = "Error"
    ready: str | None = None
    """The reason of the source's Ready; the check's if not given."""

    @property
    def source_reason(self) -> str:
        """Why the source is ready, or not."""
        return self.ready or self.reason


def at_query(document: Mapping[str, Any]) -> Behaviour:
    """Tells a version, and answers every query with that document."""
    build = answering_json(200, {"status": "success", "data": {"version": VERSION}})
    query = answering_json(200, {"status": "success", **document})

    async def answer(asked: Asked, writer: Any) -> None:
        await (build if asked.path.endswith("/buildinfo") else query)(asked, writer)

    return answer


def vector(*values: str) -> dict[str, Any]:
    """One series a value."""
    result = [{"metric": {"n": str(n)}, "value": [1, value]} for n, value in enumerate(values)]
    return {"data": {"resultType": "vector", "result": result}}


def refusing(status: int, kind: str, message: str) -> Behaviour:
    """A refusal in Prometheus' own words."""
    return answering_json(status, {"status": "error", "errorType": kind, "error": message})


PROMETHEUS: Mapping[str, World] = {
    "http-400": World(
        behaviour=refusing(400, "bad_data", "1:3: parse error: unexpected end"),
        reason="QueryInvalid",
        message="1:3: parse error: unexpected end",
    ),
    "http-401": World(
        behaviour=answering(401, "Unauthorized"),
        reason="AuthenticationFailed",
        message="HTTP 401: the server wants other credentials than the source's Secret gives",
    ),
    "http-403": World(
        behaviour=answering(403, "Forbidden"),
        reason="PermissionDenied",
        message="HTTP 403: these credentials may not query the server",
    ),
    "http-422": World(
        behaviour=refusing(422, "execution", "many-to-many matching not allowed"),
        reason="QueryInvalid",
        message="many-to-many matching not allowed",
    ),
    "http-500": World(
        behaviour=refusing(500, "internal", "block is corrupt"),
        reason="ServerError",
        message="HTTP 500: block is corrupt",
    ),
    "http-503": World(
        behaviour=answering(503, "Service Unavailable"), reason="ServerError", message="HTTP 503"
    ),
    "html": World(behaviour=answering(200, HTML), reason="MalformedAnswer", message=NO_PROMETHEUS),
    "truncated-json": World(
        behaviour=answering(200, '{"status":"success","data":{"resultType":"sca'),
        reason="MalformedAnswer",
        message=NO_PROMETHEUS,
    ),
    "redirect": World(
        behaviour=answering(302, "", Location="https://login.example.com/start?state=secret"),
        reason="Redirected",
        message="HTTP 302 redirects to https://login.example.com, which is not followed: set the "
        "source's url to the final address",
    ),
    "hang": World(behaviour=stalling(), reason="Timeout", message="no whole answer within 1s"),
    "storage-warning": World(
        behaviour=at_query({"data": SCALAR, "warnings": ["remote read failed: store-1"]}),
        reason="PartialData",
        message="remote read failed: store-1",
        ready=READY,
    ),
    "promql-warning": World(
        behaviour=at_query({"data": SCALAR, "warnings": ["PromQL warning: odd quantile"]}),
        reason="QueryWarning",
        message="PromQL warning: odd quantile",
        ready=READY,
    ),
    "several-series": World(
        behaviour=at_query(vector("1", "2")),
        reason="SeveralSeries",
        message="the query gave 2 series, not one: aggregate it, as with max(…), or set reduce",
        ready=READY,
    ),
    "string": World(
        behaviour=at_query({"data": {"resultType": "string", "result": [1, "0.9"]}}),
        reason="NotANumber",
        message="the query gave a string, not a scalar or an instant vector",
        ready=READY,
    ),
    "empty": World(
        behaviour=at_query(vector()),
        verdict="NoData",
        reason="EmptyResult",
        message="the query gave no series",
        ready=READY,
    ),
    "nan": World(
        behaviour=at_query(vector("NaN")),
        verdict="NoData",
        reason="NonFinite",
        message="the value is nan, not a finite number",
        ready=READY,
    ),
    "infinite": World(
        behaviour=at_query(vector("+Inf")),
        verdict="NoData",
        reason="NonFinite",
        message="the value is inf, not a finite number",
        ready=READY,
    ),
}

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
            "column it.updated_at does not exist: add it, or map another in "
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

"""docs/executors.md: its example runs as written, and its tables say what is there."""

import re
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from tests.support.executors import Executor, WorkDatabase

from governor_local.postgresql import PostgresServer

DOCS = (Path(__file__).parents[2] / "docs" / "executors.md").read_text("utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCS, flags=re.DOTALL)
    return str(found)


async def test_example_answers_as_it_says(
    sink_server: PostgresServer, work_database: WorkDatabase
) -> None:
    """Run by a login in governor_executor, from the claim to the success."""
    _, work = await work_database.work(
        "hermes_kb_growth_healthcheck",
        id=uuid4(),
        max_attempts=2,
        decision_context={"metric_value": 0.31, "next_action": "run_kb_growth_healthcheck"},
    )

    answer = sink_server.execute(block("psql"), dsn=work_database.executor_url)

    assert answer.replace("\t", "|").rstrip() == block("text").rstrip()
    row = work_database.row(work.id)
    assert (row["dispatch_status"], row["attempts"], row["claimed_by"]) == (
        "succeeded",
        2,
        "hermes-0",
    )
    assert row["result"] == {"drafts": 3, "reviewed": False}


async def test_every_function_is_documented_with_its_parameters(
    work_database: WorkDatabase,
) -> None:
    """Those that an executor may call, and no others."""
    found = work_database.sql(
        "SELECT proname || '(' || replace(replace(replace(pg_get_function_arguments(p.oid), "
        "' DEFAULT ', ' = '), '::text', ''), '::jsonb', '') || ')' FROM pg_proc p "
        "WHERE pronamespace = 'governance'::regnamespace "
        "AND has_function_privilege('governor_executor', p.oid, 'EXECUTE') ORDER BY 1"
    )

    documented = re.findall(r"^\| `(\w+_dispatch\(.*?\))`", DOCS, flags=re.MULTILINE)
    assert sorted(documented) == found.splitlines()


async def test_every_column_of_a_claim_is_documented(work_database: WorkDatabase) -> None:
    """Each by its name, and nothing that it does not return."""
    returned = work_database.sql(
        "SELECT pg_get_function_result('governance.claim_dispatch'::regproc)"
    )
    columns = re.findall(r"(\w+) (uuid|text|jsonb|integer|timestamp with time zone)", returned)

    table = DOCS.partition("`claim_dispatch` returns")[2].partition("**Leases.**")[0]
    documented = re.findall(r"`(\w+) (\w+)`", table)
    assert sorted(name for name, _ in documented) == sorted(name for name, _ in columns)


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("executor", "claim_dispatch({}, 'w', '1 min')"),
        ("worker", "claim_dispatch('e', {}, '1 min')"),
        ("person", "skip_dispatch(gen_random_uuid(), {}, 'why')"),
        ("reason", "cancel_dispatch(gen_random_uuid(), 'Ada', {})"),
        ("result", "finish_dispatch(gen_random_uuid(), gen_random_uuid(), {})"),
        ("result", "fail_dispatch(gen_random_uuid(), gen_random_uuid(), {})"),
    ],
)
async def test_limits_are_the_documented_ones(executor: Executor, argument: str, call: str) -> None:
    """What is one longer is refused, and what is as long is not refused for that."""
    table = DOCS.partition("**Limits.**")[2]
    (limit,) = re.findall(rf"^\| .*`{argument}`.* \| (\d+) ", table, flags=re.MULTILINE)
    frame = len('{"a": ""}') if argument == "result" else 0

    async def said(length: int) -> str:
        text = f"repeat('x', {length - frame})"
        text = f"jsonb_build_object('a', {text})" if frame else text
        try:
            await executor.connection.execute(f"SELECT governance.{call.format(text)}")
        except asyncpg.PostgresError as error:
            return str(error)
        return ""

    assert f"{argument} must have at most {limit} " in await said(int(limit) + 1)
    assert "must have at most" not in await said(int(limit))

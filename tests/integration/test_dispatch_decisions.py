"""Decisions of people on work items, and calls that can't be meant, on a real server."""

from uuid import uuid4

import asyncpg
import pytest
from tests.support.executors import Executor, WorkDatabase, refused

LOST = "WD001"
ABSENT = "WD002"
BAD_ARGUMENT = "22023"

NOBODYS = "gen_random_uuid(), gen_random_uuid()"


@pytest.mark.parametrize("decision", ["skip", "cancel"])
@pytest.mark.parametrize("stage", ["pending", "dispatched", "executing"])
async def test_person_decides_at_any_stage(
    work_database: WorkDatabase, executor: Executor, decision: str, stage: str
) -> None:
    """With name and reason; whoever works on it is told by whom it was taken away."""
    _, work = await work_database.work(executor.name)
    token = None if stage == "pending" else (await executor.claimed())["lease_token"]
    if stage == "executing":
        await executor.progress(work.id, token)
    status, decide = {
        "skip": ("skipped", executor.skip),
        "cancel": ("cancelled", executor.cancel),
    }[decision]

    await decide(work.id, "Ada", "a known case")
    await decide(work.id, "Bob", "me too")

    row = work_database.row(work.id)
    assert (row["dispatch_status"], row["decided_by"]) == (status, "Ada")
    assert row["decided_reason"] == "a known case"
    assert row["finished_at"] is not None
    assert await executor.claim() is None
    with pytest.raises(asyncpg.PostgresError) as caught:
        await executor.finish(work.id, token)
    assert refused(caught)[0] == LOST
    assert f"It was {status} by Ada: a known case" in refused(caught)[1]


async def test_nobody_decides_on_what_has_ended(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """Neither on a success nor differently from another person."""
    _, work = await work_database.work(executor.name)
    await executor.finish(work.id, (await executor.claimed())["lease_token"])
    _, other = await work_database.work(executor.name)
    await executor.skip(other.id)

    for item, status in ((work, "succeeded"), (other, "skipped")):
        with pytest.raises(asyncpg.CheckViolationError) as caught:
            await executor.cancel(item.id)
        assert f"{item.id} is {status}: it can't become cancelled" in refused(caught)[1]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("claim_dispatch('', 'w', '1 min')", "executor must not be empty"),
        ("claim_dispatch(NULL, 'w', '1 min')", "executor must not be empty"),
        ("claim_dispatch('e', ' \n', '1 min')", "worker must not be empty"),
        ("claim_dispatch('e', 'w', NULL)", "1 second to 7 days, not null"),
        ("claim_dispatch('e', 'w', '0')", "1 second to 7 days, not 00:00:00"),
        ("claim_dispatch('e', 'w', '-1 day')", "not -1 days"),
        ("claim_dispatch('e', 'w', '8 days')", "not 8 days"),
        ("claim_dispatch('e', 'w', 'infinity')", "not infinity"),
        ("progress_dispatch(gen_random_uuid(), gen_random_uuid(), '1 ms')", "1 second to 7 days"),
        ("finish_dispatch(gen_random_uuid(), gen_random_uuid(), '[]')", "JSON object"),
        ("finish_dispatch(gen_random_uuid(), gen_random_uuid(), NULL)", "not null"),
        ("fail_dispatch(gen_random_uuid(), gen_random_uuid(), '3')", "not number"),
        ("skip_dispatch(gen_random_uuid(), '', 'why')", "person must not be empty"),
        ("cancel_dispatch(gen_random_uuid(), 'Ada', NULL)", "reason must not be empty"),
        (
            "claim_dispatch(repeat('e', 201), 'w', '1 min')",
            "executor must have at most 200 characters, not 201",
        ),
        (
            "claim_dispatch('e', repeat('w', 201), '1 min')",
            "worker must have at most 200 characters, not 201",
        ),
        (
            "skip_dispatch(gen_random_uuid(), repeat('p', 201), 'why')",
            "person must have at most 200 characters, not 201",
        ),
        (
            "cancel_dispatch(gen_random_uuid(), 'Ada', repeat(' ', 2001))",
            "reason must have at most 2000 characters, not 2001",
        ),
        (
            f"finish_dispatch({NOBODYS}, jsonb_build_object('a', repeat('ä', 32764)))",
            "result must have at most 65536 bytes as text, not 65537",
        ),
        (
            f"fail_dispatch({NOBODYS}, jsonb_build_object('a', repeat('x', 100000000)))",
            "result must have at most 65536 bytes as text, not 100000009",
        ),
    ],
)
async def test_bad_argument_is_named(executor: Executor, call: str, said: str) -> None:
    """Which argument, what was given, and what it must be."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        await executor.connection.execute(f"SELECT governance.{call}")
    assert refused(caught)[0] == BAD_ARGUMENT
    assert said in refused(caught)[1]


async def test_longest_arguments_are_kept_whole(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """Characters are counted as characters, and a result as the bytes of its text."""
    _, done = await work_database.work(executor.name)
    claim = await executor.claimed("ä" * 200)
    result = {"a": "ä" * 32763 + "x"}
    await executor.finish(done.id, claim["lease_token"], result)
    _, skipped = await work_database.work(executor.name)
    await executor.skip(skipped.id, "ö" * 200, "ü" * 2000)

    row = work_database.row(done.id)
    assert (row["claimed_by"], row["result"]) == ("ä" * 200, result)
    row = work_database.row(skipped.id)
    assert (row["decided_by"], row["decided_reason"]) == ("ö" * 200, "ü" * 2000)


async def test_unknown_item_and_missing_token_are_refused(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """No work item of that id; and nobody holds one without a token, even while it waits."""
    unknown = uuid4()
    for call in (
        executor.progress(unknown, uuid4()),
        executor.finish(unknown, uuid4()),
        executor.fail(unknown, uuid4()),
        executor.skip(unknown),
        executor.cancel(unknown),
    ):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await call
        assert refused(caught) == (ABSENT, f"there is no work item {unknown}")

    _, work = await work_database.work(executor.name)
    for call in (executor.finish(work.id, None), executor.fail(work.id, uuid4())):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await call
        assert refused(caught)[0] == LOST
    assert work_database.row(work.id)["dispatch_status"] == "pending"

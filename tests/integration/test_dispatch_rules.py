"""What the table of work items allows, whoever writes: ways, shapes, one active at a time."""

import re
from uuid import uuid4

import pytest
from tests.support.executors import Executor, WorkDatabase

from governor_local.errors import CommandError

WAYS = {
    "pending": {"dispatched", "skipped", "cancelled"},
    "dispatched": {"executing", "succeeded", "failed", "skipped", "cancelled", "pending"},
    "executing": {"succeeded", "failed", "skipped", "cancelled", "pending"},
    "succeeded": set[str](),
    "failed": set[str](),
    "skipped": set[str](),
    "cancelled": set[str](),
}

TABLE = "governance.governance_remediation_dispatch"


def state(status: str) -> dict[str, str]:
    """What belongs to a status, as SQL by column."""
    claimed = status in {"dispatched", "executing"}
    decided = status in {"skipped", "cancelled"}
    over = status not in {"pending", "dispatched", "executing"}
    return {
        "dispatch_status": f"'{status}'",
        "attempts": "1" if claimed else "0",
        "claimed_by": "'worker'",
        "dispatched_at": "now()",
        "lease_token": "gen_random_uuid()",
        "lease_until": "now() + interval '1 min'" if claimed else "NULL",
        "finished_at": "now()" if over else "NULL",
        "decided_by": "'Ada'" if decided else "NULL",
        "decided_reason": "'why'" if decided else "NULL",
    }


def setting(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in columns.items())


async def an_item(database: WorkDatabase, status: str = "pending") -> str:
    """The id of a work item in that status, however it got there."""
    _, work = await database.work(f"executor-{uuid4().hex}", max_attempts=2)
    values = setting(state(status))
    # Only here the ways are not held, as a restored backup would not hold them either.
    database.sql(
        f"SET session_replication_role = replica; UPDATE {TABLE} SET {values} "  # noqa: S608
        f"WHERE id = '{work.id}'"
    )
    return str(work.id)


@pytest.mark.parametrize(("old", "new"), [(old, new) for old in WAYS for new in WAYS if old != new])
async def test_documented_ways_are_the_only_ones(
    work_database: WorkDatabase, old: str, new: str
) -> None:
    """Not even the administrator moves a work item otherwise."""
    item = await an_item(work_database, old)
    move = f"UPDATE {TABLE} SET {setting(state(new))} WHERE id = '{item}'"  # noqa: S608

    if new in WAYS[old]:
        work_database.sql(move)
    else:
        with pytest.raises(CommandError) as caught:
            work_database.sql(move)
        said = str(caught.value)
        assert f"work item {item} is {old}: it can't become {new}" in said
        if WAYS[old]:
            (told,) = re.findall("It can become (.*)[.]", said)
            assert set(told.split(", ")) == WAYS[old]
        else:
            assert "It has ended for good." in said


async def test_status_of_another_name_is_refused(work_database: WorkDatabase) -> None:
    """Neither by a move nor at the start."""
    item = await an_item(work_database)
    with pytest.raises(CommandError, match="can't become done"):
        work_database.sql(f"UPDATE {TABLE} SET dispatch_status = 'done' WHERE id = '{item}'")  # noqa: S608
    with pytest.raises(CommandError, match="governance_remediation_dispatch_status"):
        work_database.sql(
            f"SET session_replication_role = replica; UPDATE {TABLE} "  # noqa: S608
            f"SET dispatch_status = 'done', finished_at = now() WHERE id = '{item}'"
        )


@pytest.mark.parametrize(
    ("status", "change", "rule"),
    [
        ("pending", "max_attempts = 0", "attempts_left"),
        ("pending", "attempts = 2", "attempts_left"),
        ("pending", "attempts = -1", "attempts"),
        ("dispatched", "attempts = 3", "attempts"),
        ("dispatched", "attempts = 0", "claim"),
        ("dispatched", "lease_until = NULL", "lease"),
        ("executing", "lease_token = NULL", "claim"),
        ("executing", "claimed_by = NULL", "claim"),
        ("executing", "finished_at = now()", "finished"),
        ("pending", "attempts = 1, lease_until = now()", "lease"),
        ("pending", "decided_by = 'Ada', decided_reason = 'why'", "decided"),
        ("succeeded", "finished_at = NULL", "finished"),
        ("skipped", "decided_by = NULL, decided_reason = NULL", "decided"),
        ("cancelled", "decided_reason = NULL", "decided"),
        ("succeeded", "result = '[]'", "result"),
        ("pending", "decision_context = '3'", "context"),
        ("pending", "governance_event_id = gen_random_uuid()", "event"),
    ],
)
async def test_row_has_what_its_status_means(
    work_database: WorkDatabase, status: str, change: str, rule: str
) -> None:
    """Each rule of the table is held, and named where it is broken."""
    item = await an_item(work_database, status)
    with pytest.raises(CommandError, match=f'"governance_remediation_dispatch_{rule}"'):
        work_database.sql(f"UPDATE {TABLE} SET {change} WHERE id = '{item}'")  # noqa: S608


@pytest.mark.parametrize("status", ["pending", "dispatched", "executing"])
async def test_second_active_one_is_refused(
    work_database: WorkDatabase, executor: Executor, status: str
) -> None:
    """By the database itself: whoever inserts, with whatever id."""
    item = await an_item(work_database, status)
    columns = (
        "governance_event_id, event_type, cluster, policy_uid, check_name, executor_type, "
        "max_attempts, decision_context, created_by, created_at"
    )
    second = (
        f"INSERT INTO {TABLE} (id, {columns}) SELECT gen_random_uuid(), {columns} "  # noqa: S608
        f"FROM {TABLE} WHERE id = '{item}'"
    )
    with pytest.raises(CommandError, match='"governance_remediation_dispatch_active"'):
        work_database.sql(second)

    work_database.sql(f"UPDATE {TABLE} SET {setting(state('skipped'))} WHERE id = '{item}'")  # noqa: S608
    work_database.sql(second)

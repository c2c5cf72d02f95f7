"""The functions that executors work by, on a real server, as a login of theirs."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from tests.support.executors import Executor, WorkDatabase, refused
from tests.support.sinks import T0, ended

LOST = "WD001"


async def test_oldest_is_claimed_first_and_once(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """Age decides, not the order of arrival; what is claimed is nobody else's."""
    _, young = await work_database.work(executor.name, created_at=T0 + timedelta(hours=1))
    finding, old = await work_database.work(executor.name, created_at=T0, max_attempts=2)
    before = datetime.now(UTC)

    first = await executor.claimed("worker-7", "10 minutes")
    second = await executor.claim()
    third = await executor.claim()

    assert first.pop("lease_token")
    assert first.pop("lease_until") >= before + timedelta(minutes=10)
    assert first == {
        "id": old.id,
        "attempt": 1,
        "max_attempts": 2,
        "governance_event_id": finding.id,
        "event_type": "knowledge_degradation",
        "cluster": "cluster",
        "namespace": "aiops",
        "policy": "flywheel",
        "policy_uid": finding.policy_uid,
        "check_name": "knowledge",
        "created_at": T0,
        "decision_context": '{"version": 1, "metric_value": 0.31}',
    }
    row = work_database.row(old.id)
    assert (row["dispatch_status"], row["claimed_by"]) == ("dispatched", "worker-7")
    assert second is not None
    assert second["id"] == young.id
    assert third is None


async def test_executors_get_their_own_work(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """Of their name, and of one cluster where they say so."""
    await work_database.work(executor.name)

    async with work_database.executor() as other:
        assert await other.claim() is None
    claim = "SELECT id FROM governance.claim_dispatch($1, 'w', '1 min', of_cluster => $2)"
    assert await executor.connection.fetchval(claim, executor.name, "elsewhere") is None
    assert await executor.connection.fetchval(claim, executor.name, "cluster") is not None


async def test_work_from_claim_to_success(work_database: WorkDatabase, executor: Executor) -> None:
    """Claimed, executing with a lease that grows, succeeded with what came of it."""
    _, work = await work_database.work(executor.name)
    token = (await executor.claimed())["lease_token"]

    first = await executor.progress(work.id, token)
    until = await executor.progress(work.id, token, "1 hour")
    assert until > first + timedelta(minutes=30)
    assert work_database.row(work.id)["dispatch_status"] == "executing"
    await executor.finish(work.id, token, {"drafts": 3})

    row = work_database.row(work.id)
    assert (row["dispatch_status"], row["result"]) == ("succeeded", {"drafts": 3})
    assert row["finished_at"] is not None
    assert row["lease_until"] is None


async def test_what_was_said_can_be_said_again(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """An executor that lost the answer repeats the call, and nothing changes."""
    _, done = await work_database.work(executor.name)
    token = (await executor.claimed())["lease_token"]
    await executor.finish(done.id, token, {"drafts": 3})
    before = work_database.row(done.id)
    await executor.finish(done.id, token, {"drafts": 4})
    assert work_database.row(done.id) == before

    _, broken = await work_database.work(executor.name, max_attempts=2)
    token = (await executor.claimed())["lease_token"]
    assert await executor.fail(broken.id, token, {"error": "first"}) == "pending"
    assert await executor.fail(broken.id, token, {"error": "again"}) == "pending"
    assert work_database.row(broken.id)["result"] == {"error": "first"}
    token = (await executor.claimed())["lease_token"]
    assert await executor.fail(broken.id, token) == "failed"
    assert await executor.fail(broken.id, token) == "failed"


async def test_failure_is_tried_again_until_attempts_are_used_up(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """Three attempts, then it has failed, and says why it did last."""
    _, work = await work_database.work(executor.name, max_attempts=3)

    told = []
    for attempt in (1, 2, 3):
        claim = await executor.claimed()
        assert claim["attempt"] == attempt
        told.append(await executor.fail(work.id, claim["lease_token"], {"error": attempt}))

    assert told == ["pending", "pending", "failed"]
    assert await executor.claim() is None
    row = work_database.row(work.id)
    assert (row["attempts"], row["result"]) == (3, {"error": 3})
    assert row["finished_at"] is not None


async def test_success_and_failure_exclude_each_other(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """Whoever has failed can't succeed with the same claim, nor the reverse."""
    _, work = await work_database.work(executor.name, max_attempts=2)
    token = (await executor.claimed())["lease_token"]
    await executor.fail(work.id, token)

    for late in (executor.finish(work.id, token), executor.progress(work.id, token)):
        with pytest.raises(asyncpg.CheckViolationError) as caught:
            await late
        assert "is pending: it can't become" in refused(caught)[1]

    token = (await executor.claimed())["lease_token"]
    await executor.finish(work.id, token)
    for late in (executor.fail(work.id, token), executor.progress(work.id, token)):
        with pytest.raises(asyncpg.CheckViolationError) as caught:
            await late
        assert "is succeeded: it can't become" in refused(caught)[1]
        assert "It has ended for good." in refused(caught)[1]


async def test_expired_lease_is_lost_even_if_nobody_took_it(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """Whether somebody noticed makes no difference to who holds it."""
    _, work = await work_database.work(executor.name)
    token = (await executor.claimed())["lease_token"]
    work_database.expire(work.id)

    for call in (executor.progress, executor.finish, executor.fail):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await call(work.id, token)
        code, said = refused(caught)
        assert code == LOST
        assert f"the lease of work item {work.id} is lost It ended at" in said
        assert caught.value.hint == "Stop working on it, and claim anew."


async def test_expired_lease_goes_to_the_next_with_its_attempt(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """A worker that died costs no attempt; when it comes back, it is told whose it is now."""
    _, work = await work_database.work(executor.name, max_attempts=1)
    lost = (await executor.claimed("worker-1"))["lease_token"]
    await executor.progress(work.id, lost)
    work_database.expire(work.id)

    again = await executor.claimed("worker-2")

    assert (again["id"], again["attempt"]) == (work.id, 1)
    assert work_database.row(work.id)["expirations"] == 1
    with pytest.raises(asyncpg.PostgresError) as caught:
        await executor.finish(work.id, lost)
    assert refused(caught)[0] == LOST
    assert "Worker worker-2 holds another one until" in refused(caught)[1]
    await executor.finish(work.id, again["lease_token"])


async def test_released_lease_is_lost(work_database: WorkDatabase, executor: Executor) -> None:
    """The operator's release counts as much as another's claim."""
    _, work = await work_database.work(executor.name)
    token = (await executor.claimed())["lease_token"]
    work_database.expire(work.id)

    assert await work_database.sink.release_expired() >= 1

    with pytest.raises(asyncpg.PostgresError) as caught:
        await executor.fail(work.id, token)
    assert refused(caught) == (LOST, f"the lease of work item {work.id} is lost It is pending.")


async def test_work_of_a_resolved_finding_is_not_given_out(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """What failed or expired after the end of its finding is cancelled, not tried again."""
    failed, first = await work_database.work(executor.name, max_attempts=2)
    token = (await executor.claimed())["lease_token"]
    expired, second = await work_database.work(executor.name)
    await executor.claimed()
    for finding in (failed, expired):
        await work_database.sink.record(ended(finding))
    assert await executor.fail(first.id, token) == "pending"
    work_database.expire(second.id)

    assert await executor.claim() is None

    for work in (first, second):
        row = work_database.row(work.id)
        assert (row["dispatch_status"], row["decided_by"]) == ("cancelled", "governor")
        assert row["decided_reason"] == "the finding is resolved"

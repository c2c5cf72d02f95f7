"""Many executors at once, and an operator that waits for none of them."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import uuid4

from tests.support.executors import Executor, WorkDatabase
from tests.support.sinks import ended, order


async def test_every_item_is_worked_on_once(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """Six workers that claim, fail and finish as fast as they can: nothing twice, nothing lost."""
    works = [(await work_database.work(executor.name, max_attempts=2))[1].id for _ in range(24)]
    attempts: list[tuple[object, int]] = []

    async def toil(worker: Executor, name: str) -> None:
        while (claim := await worker.claim(name)) is not None:
            attempts.append((claim["id"], claim["attempt"]))
            await worker.progress(claim["id"], claim["lease_token"])
            end = worker.fail if claim["attempt"] == 1 else worker.finish
            await end(claim["id"], claim["lease_token"])

    async with AsyncExitStack() as stack:
        workers = [
            await stack.enter_async_context(work_database.executor(executor.name)) for _ in range(6)
        ]
        await asyncio.gather(*(toil(worker, f"w{i}") for i, worker in enumerate(workers)))
        # One that saw all others locked has gone home: what came back later is taken here.
        await toil(executor, "last")

    assert sorted(attempts, key=str) == sorted(
        ((work, attempt) for work in works for attempt in (1, 2)), key=str
    )
    assert {work_database.row(work)["dispatch_status"] for work in works} == {"succeeded"}


async def test_claimers_pass_by_what_is_locked(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """Claims whose transactions are still open get different items, and nobody waits."""
    works = {(await work_database.work(executor.name))[1].id for _ in range(3)}
    async with AsyncExitStack() as stack:
        claimed = []
        for _ in range(4):
            worker = await stack.enter_async_context(work_database.executor(executor.name))
            await stack.enter_async_context(worker.connection.transaction())
            async with asyncio.timeout(10):
                claimed.append(await worker.claim())

    assert {claim["id"] for claim in claimed if claim} == works
    assert claimed[3] is None


async def test_expired_lease_is_given_out_once(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """Several find it over at the same moment; one gets it, as the same attempt."""
    _, work = await work_database.work(executor.name)
    await executor.claimed()
    work_database.expire(work.id)

    async with AsyncExitStack() as stack:
        workers = [
            await stack.enter_async_context(work_database.executor(executor.name)) for _ in range(6)
        ]
        claims = await asyncio.gather(*(worker.claim() for worker in workers))

    assert [claim["attempt"] for claim in claims if claim] == [1]
    row = work_database.row(work.id)
    assert (row["expirations"], row["attempts"]) == (1, 1)


async def test_claim_that_is_rolled_back_never_was(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """An executor that dies within its transaction leaves the item as it was."""
    _, work = await work_database.work(executor.name)
    before = work_database.row(work.id)
    transaction = executor.connection.transaction()
    await transaction.start()
    await executor.claimed()
    await transaction.rollback()

    assert work_database.row(work.id) == before


async def test_idle_executor_holds_nobody_up(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """Transactions left open over items: the operator resolves, creates and releases."""
    claiming, pending = await work_database.work(executor.name)
    finishing, claimed = await work_database.work(executor.name + "-2")
    async with work_database.executor(executor.name + "-2") as other:
        token = (await other.claimed())["lease_token"]
        async with other.connection.transaction(), executor.connection.transaction():
            await other.finish(claimed.id, token)
            await executor.claimed()
            async with asyncio.timeout(8):
                await work_database.sink.record(
                    replace(finishing, id=uuid4(), event_type="governance_check_blind"),
                    order(executor=other.name),
                )
                await work_database.sink.record(ended(claiming))
                await work_database.sink.record(ended(finishing))
                await work_database.sink.release_expired()

    assert work_database.row(claimed.id)["dispatch_status"] == "succeeded"
    assert work_database.row(pending.id)["dispatch_status"] == "dispatched"


async def test_abandoned_claim_of_a_resolved_finding_is_cancelled_later(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """What could not be cancelled while somebody was claiming it is not given out again."""
    finding, work = await work_database.work(executor.name)
    transaction = executor.connection.transaction()
    await transaction.start()
    await executor.claimed()
    await work_database.sink.record(ended(finding))
    await transaction.rollback()
    assert work_database.row(work.id)["dispatch_status"] == "pending"

    await work_database.sink.release_expired()

    assert work_database.row(work.id)["dispatch_status"] == "cancelled"


async def test_cancelling_and_claiming_at_once_end_in_one_of_the_two(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """A resolution and a claim of the same item: cancelled, or with its executor."""
    for _ in range(10):
        finding, work = await work_database.work(executor.name)

        claim, _ = await asyncio.gather(executor.claim(), work_database.sink.record(ended(finding)))

        status = work_database.row(work.id)["dispatch_status"]
        if claim:
            assert (claim["id"], status) == (work.id, "dispatched")
            await executor.finish(work.id, claim["lease_token"])
        else:
            assert status in {"cancelled", "pending"}
            assert await executor.claim() is None
            assert work_database.row(work.id)["dispatch_status"] == "cancelled"

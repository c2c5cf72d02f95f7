"""Sinks under test: each implementation of the port, how to look behind it, and episodes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

from sqlalchemy import Table, select, text

from governor.adapters.memory.sink import InMemorySink
from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.postgres import PostgresSink
from governor.adapters.sink.tables import dispatches, events
from governor.api.status import DispatchState
from governor.app.ports import DispatchOrder, Episode, OpenFinding, Sink

T0 = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
EXECUTOR = "hermes_kb_growth_healthcheck"

Row = dict[str, Any]

_MOVE = text("""
UPDATE governance.governance_remediation_dispatch SET
  dispatch_status = :status,
  attempts = attempts + CASE WHEN :status = 'dispatched' THEN 1 ELSE 0 END,
  claimed_by = 'worker', dispatched_at = coalesce(dispatched_at, now()),
  lease_token = gen_random_uuid(),
  lease_until = CASE WHEN :status IN ('dispatched', 'executing')
                THEN now() + CAST(:lease AS interval) END,
  finished_at = CASE WHEN :status NOT IN ('pending', 'dispatched', 'executing') THEN now() END,
  decided_by = CASE WHEN :status IN ('skipped', 'cancelled') THEN 'someone' END,
  decided_reason = CASE WHEN :status IN ('skipped', 'cancelled') THEN 'why' END
WHERE id = :id
""")


class Closing(Sink, Protocol):
    """What a sink offers beside the port."""

    async def ping(self) -> None: ...
    async def close(self) -> None: ...


class Move(Protocol):
    """Moves a work item as an executor or a person would."""

    async def __call__(
        self, item: UUID, *statuses: DispatchState, lease: timedelta = timedelta(minutes=5)
    ) -> None: ...


@dataclass(frozen=True)
class Subject:
    """An implementation under test, and how to look behind it."""

    sink_of: Callable[[str], Closing]
    """A sink for the cluster of that name; all of them share one database."""
    row: Callable[[UUID], Awaitable[Row | None]]
    """A finding's row."""
    work_item: Callable[[UUID], Awaitable[Row | None]]
    """A dispatch's row."""
    move: Move


def in_memory() -> Subject:
    shared = InMemorySink()
    items = shared.work_items

    def sink_of(cluster: str) -> Closing:
        return InMemorySink(
            cluster, events=shared.events, revisions=shared.revisions, work_items=items
        )

    async def row(finding: UUID) -> Row | None:
        return shared.events.get(finding)

    async def work_item(item: UUID) -> Row | None:
        return items.rows.get(item)

    async def move(
        item: UUID, *statuses: DispatchState, lease: timedelta = timedelta(minutes=5)
    ) -> None:
        for status in statuses:
            items.move(item, status, lease)

    return Subject(sink_of, row, work_item, move)


def in_postgres(url: str) -> Subject:
    """One whose schema `governance` is migrated; the login may do everything."""
    engine = make_engine(url, tls_mode="Disable")

    async def found(table: Table, item: UUID) -> Row | None:
        translated = engine.execution_options(schema_translate_map={None: "governance"})
        async with translated.connect() as connection:
            row = (await connection.execute(select(table).where(table.c.id == item))).first()
        return None if row is None else dict(row._mapping)

    async def move(
        item: UUID, *statuses: DispatchState, lease: timedelta = timedelta(minutes=5)
    ) -> None:
        for status in statuses:
            async with engine.begin() as connection:
                await connection.execute(_MOVE, {"status": status, "lease": lease, "id": item})

    return Subject(
        lambda cluster: PostgresSink(engine, "governance", cluster),
        lambda finding: found(events, finding),
        lambda item: found(dispatches, item),
        move,
    )


def opening(**changes: Any) -> Episode:
    """A finding at its opening, with an id and a policy of its own."""
    usual: Row = {
        "id": uuid4(),
        "event_type": "knowledge_degradation",
        "details": {"status": "warning", "impact": {"stale_ratio": 0.31}},
        "namespace": "aiops",
        "policy": "flywheel",
        "policy_uid": str(uuid4()),
        "generation": 3,
        "check_name": "knowledge",
        "severity": "warning",
        "opened_at": T0,
        "last_seen_at": T0,
    }
    return Episode(**{**usual, **changes})


def ended(episode: Episode, after_minutes: int = 30, reason: str = "Recovered") -> Episode:
    """The same finding at its resolution: what was measured then is another thing."""
    at = episode.opened_at + timedelta(minutes=after_minutes)
    return replace(
        episode,
        details={"status": "warning", "impact": {"stale_ratio": 0.1}, "after": after_minutes},
        generation=episode.generation + 1,
        last_seen_at=at,
        resolved_at=at,
        resolved_reason=reason,
    )


def reopened(episode: Episode, after_minutes: int = 60) -> Episode:
    """The next finding of the same check."""
    at = episode.opened_at + timedelta(minutes=after_minutes)
    return replace(episode, id=uuid4(), opened_at=at, last_seen_at=at)


def as_open(episode: Episode) -> OpenFinding:
    return OpenFinding(
        id=episode.id,
        event_type=episode.event_type,
        check_name=episode.check_name,
        policy_uid=episode.policy_uid,
        namespace=episode.namespace,
        policy=episode.policy,
        opened_at=episode.opened_at,
    )


def order(**changes: Any) -> DispatchOrder:
    """A work item to be, with an id of its own."""
    usual: Row = {
        "id": uuid4(),
        "executor": EXECUTOR,
        "max_attempts": 1,
        "decision_context": {"version": 1, "metric_value": 0.31},
        "created_at": T0,
    }
    return DispatchOrder(**{**usual, **changes})

"""A migrated database with a login of each role, and executors that work on it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from tests.support.sinks import opening, order

from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.migrating import migrate
from governor.adapters.sink.postgres import PostgresSink
from governor.app.ports import DispatchOrder, Episode
from governor_local.postgresql import PostgresServer

ROLES = (Path(__file__).parents[2] / "deploy" / "database" / "roles.sql").read_text("utf-8")

Row = dict[str, Any]


def refused(caught: pytest.ExceptionInfo[asyncpg.PostgresError]) -> tuple[str, str]:
    """The code and the words of a refusal, its detail included."""
    said = " ".join(part for part in (caught.value.message, caught.value.detail) if part)
    return str(caught.value.sqlstate), said


class Executor:
    """A login in governor_executor, on a connection of its own."""

    def __init__(self, connection: asyncpg.Connection, name: str) -> None:
        self.connection = connection
        self.name = name

    async def claim(self, worker: str = "worker-1", lease: str = "1 minute") -> Row | None:
        row = await self.connection.fetchrow(
            "SELECT * FROM governance.claim_dispatch($1, $2, $3::text::interval)",
            self.name,
            worker,
            lease,
        )
        return None if row is None else dict(row)

    async def claimed(self, worker: str = "worker-1", lease: str = "1 minute") -> Row:
        """The same where there must be one."""
        row = await self.claim(worker, lease)
        assert row is not None
        return row

    async def progress(self, item: UUID, token: UUID | None, lease: str = "1 minute") -> Any:
        return await self._call("progress_dispatch($1, $2, $3::text::interval)", item, token, lease)

    async def finish(self, item: UUID, token: UUID | None, result: Any = None) -> Any:
        said = json.dumps(result or {})
        return await self._call("finish_dispatch($1, $2, $3::text::jsonb)", item, token, said)

    async def fail(self, item: UUID, token: UUID | None, result: Any = None) -> Any:
        said = json.dumps(result or {})
        return await self._call("fail_dispatch($1, $2, $3::text::jsonb)", item, token, said)

    async def skip(self, item: UUID, person: str = "Ada", reason: str = "known") -> Any:
        return await self._call("skip_dispatch($1, $2, $3)", item, person, reason)

    async def cancel(self, item: UUID, person: str = "Ada", reason: str = "a duplicate") -> Any:
        return await self._call("cancel_dispatch($1, $2, $3)", item, person, reason)

    async def _call(self, call: str, *arguments: Any) -> Any:
        return await self.connection.fetchval(f"SELECT governance.{call}", *arguments)


@dataclass(frozen=True)
class WorkDatabase:
    """A database of governance events."""

    url: str
    """The administrator's."""
    sql: Callable[[str], str]
    """Runs SQL as the administrator."""
    login: Callable[[str | None], str]
    """The URL of a new login in a group, or in none."""
    executor_url: str
    writer_url: str
    reader_url: str
    sink: PostgresSink
    """The operator's, as governor_writer."""

    @asynccontextmanager
    async def executor(self, name: str | None = None) -> AsyncIterator[Executor]:
        """One that no other test works as."""
        connection = await asyncpg.connect(self.executor_url)
        try:
            yield Executor(connection, name or f"executor-{uuid4().hex}")
        finally:
            await connection.close()

    async def work(self, executor: str, **changes: Any) -> tuple[Episode, DispatchOrder]:
        """A new finding and its work item."""
        finding, work = opening(), order(executor=executor, **changes)
        assert await self.sink.record(finding, work) is None
        return finding, work

    def expire(self, item: UUID) -> None:
        """The lease is over."""
        self.sql(
            "UPDATE governance.governance_remediation_dispatch "  # noqa: S608 - an id of ours
            f"SET lease_until = now() - interval '1 second' WHERE id = '{item}'"
        )

    def row(self, item: UUID) -> Row:
        """The work item, as JSON."""
        found: Row = json.loads(
            self.sql(
                "SELECT to_jsonb(d) "  # noqa: S608 - an id of ours
                "FROM governance.governance_remediation_dispatch d "
                f"WHERE id = '{item}'"
            )
        )
        return found


async def make_work_database(server: PostgresServer) -> WorkDatabase:
    """A fresh one, as deploy/database/roles.sql and the migrations make it."""
    name = f"work_{uuid4().hex}"
    server.execute(f"CREATE DATABASE {name}")

    def sql(text: str) -> str:
        return server.execute(text, database=name)

    def login(group: str | None) -> str:
        role = f"login_{uuid4().hex}"
        sql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret' {f'IN ROLE {group}' if group else ''}")
        return server.dsn(user=role, password="secret", database=name)

    sql(ROLES)
    await migrate(server.dsn(database=name), "governance", tls_mode="Disable")
    writer = login("governor_writer")
    return WorkDatabase(
        url=server.dsn(database=name),
        sql=sql,
        login=login,
        executor_url=login("governor_executor"),
        writer_url=writer,
        reader_url=login("governor_reader"),
        sink=PostgresSink(
            make_engine(writer, tls_mode="Disable", pool_size=8), "governance", "cluster"
        ),
    )

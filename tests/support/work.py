"""Work items in the stack's sink: as executors work on them, and as people see them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from tests.support.cluster import EVENTS, Cluster
from tests.support.executors import Executor, Row
from tests.support.manifests import Manifest, built_in

from governor_local.databases import make_login
from governor_local.operator_process import SINK_DATABASE
from governor_local.stack import Stack

_TABLE = "governance.governance_remediation_dispatch"
_LOGIN = "e2e_executor"
LEASE = "1 hour"
"""Longer than any test."""


def executors_url(stack: Stack) -> str:
    """A login that may do what executors may, and nothing else."""
    attributes = "in role governor_executor"
    return make_login(stack.sink, _LOGIN, database=SINK_DATABASE, attributes=attributes)


@dataclass(frozen=True, slots=True)
class Work:
    """The work items of one namespace's policies, whose executors carry its name."""

    cluster: Cluster
    namespace: str
    url: str
    """The executors'."""

    def declared(self, check: str, **dispatch: Any) -> dict[str, Any]:
        """What a check says so that it becomes work: for an executor of its own."""
        return {"dispatch": {"executor": self.executor(check)} | dispatch}

    def executor(self, check: str) -> str:
        """Who works on a check's findings."""
        return f"{self.namespace}.{check}"

    def items(self, check: str | None = None) -> list[Row]:
        """All work items, or one check's, oldest first."""
        which = f"where e.namespace = '{self.namespace}'"
        which += f" and d.check_name = '{check}'" if check else ""
        query = (
            f"select to_jsonb(d) from {_TABLE} d join {EVENTS} e "  # noqa: S608 - a test's own names
            f"on e.id = d.governance_event_id {which} order by d.created_at, d.check_name"
        )
        return [json.loads(line) for line in self._sql(query).splitlines()]

    def statuses(self) -> dict[str, list[str]]:
        """Check → the statuses of its work items, oldest first."""
        found: dict[str, list[str]] = {}
        for item in self.items():
            found.setdefault(item["check_name"], []).append(item["dispatch_status"])
        return found

    def become(self, check: str, status: str) -> None:
        """The check's pending work item gets there as executors and people bring it there."""
        match status:
            case "skipped":
                self._call(check, lambda executor: executor.skip(self._pending(check)))
            case "cancelled":
                self._call(check, lambda executor: executor.cancel(self._pending(check)))
            case "dispatched":
                self.claim(check)
            case "executing":
                item = self.claim(check)
                self._call(check, lambda x: x.progress(item["id"], item["lease_token"], LEASE))
            case "succeeded":
                self.finish(check, self.claim(check))
            case "failed":
                item = self.claim(check)
                self._call(check, lambda x: x.fail(item["id"], item["lease_token"]))
            case _:
                raise ValueError(f"nobody brings a work item to {status!r}")

    def claim(self, check: str, lease: str = LEASE) -> Row:
        """The check's executor begins."""
        claimed: Row = self._call(check, lambda executor: executor.claimed(lease=lease))
        return claimed

    def finish(self, check: str, item: Row) -> None:
        """The check's executor is done with what it has claimed."""
        self._call(check, lambda executor: executor.finish(item["id"], item["lease_token"]))

    def age(self, by: str) -> None:
        """Somebody with all rights makes every work item older by an interval."""
        times = ("created_at", "dispatched_at", "finished_at")
        moved = ", ".join(f"{time} = {time} - interval '{by}'" for time in times)
        ours = f"select id from {EVENTS} where namespace = '{self.namespace}'"  # noqa: S608
        self._sql(f"update {_TABLE} set {moved} where governance_event_id in ({ours})")  # noqa: S608

    def _pending(self, check: str) -> UUID:
        [item] = [item for item in self.items(check) if item["dispatch_status"] == "pending"]
        return UUID(item["id"])

    def _call(self, check: str, call: Callable[[Executor], Awaitable[Any]]) -> Any:
        async def connected() -> Any:
            connection = await asyncpg.connect(self.url, ssl=False)
            try:
                return await call(Executor(connection, self.executor(check)))
            finally:
                await connection.close()

        return asyncio.run(connected())

    def _sql(self, text: str) -> str:
        return self.cluster.stack.sink.execute(text, database=SINK_DATABASE)


def knowledge(name: str, declared: dict[str, Any]) -> Manifest:
    """A check of the platform's knowledge whose findings become work."""
    return built_in(name, "knowledgeDegradation") | declared

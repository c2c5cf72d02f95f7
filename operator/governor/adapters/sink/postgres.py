"""The sink in PostgreSQL, for one cluster."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Executable, Result, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from governor.adapters.sink.cleaning import clean_text
from governor.adapters.sink.dispatches import dispatch_record, latest_dispatches
from governor.adapters.sink.faults import delivering
from governor.adapters.sink.findings import Findings
from governor.adapters.sink.gathering import Gathering
from governor.adapters.sink.tables import dispatches, events, revisions
from governor.adapters.sink.upserts import INSERT_REVISIONS, given, revision_row
from governor.app.ports import (
    DispatchOrder,
    DispatchRecord,
    Episode,
    Json,
    OpenFinding,
    RemediationRecord,
    Revision,
)


class PostgresSink:
    """Implements `app.ports.Sink`."""

    def __init__(
        self, engine: AsyncEngine, schema: str, cluster: str, *, deadline: float = 10.0
    ) -> None:
        """A sink that connects when it is first used.

        Args:
            engine: as `make_engine` builds it; `close` disposes of it.
            schema: where `governor migrate` made the tables.
            cluster: the uid that tells this cluster's rows apart.
            deadline: seconds for one call, waiting for a connection included.
        """
        self._engine = engine.execution_options(schema_translate_map={None: schema})
        self._cluster = clean_text(cluster)
        self._deadline = deadline
        place = engine.dialect.identifier_preparer.quote(schema)
        self._findings = Findings(self._engine, schema, self._cluster, deadline=deadline)
        self._revising = Gathering(self._store_revisions)
        self._release_expired = text(f"SELECT {place}.release_expired_dispatches(:cluster)")

    async def record(
        self, episode: Episode, dispatch: DispatchOrder | None = None
    ) -> OpenFinding | None:
        """Upserts the whole episode; repeating it in any order changes nothing.

        In the same transaction the dispatch is created, unless one of its id exists, one
        of its (policy, check, executor) is active, or the finding is resolved; and a
        pending dispatch of a resolved finding becomes cancelled.

        Returns the finding that is already open under the same (policy, check,
        event type), if there is another: then nothing was stored.

        Raises:
            DeliveryError: not now.
            RejectedError: never.
        """
        return await self._findings.record(episode, dispatch)

    async def record_remediation(
        self, episode: Episode, remediation: RemediationRecord
    ) -> OpenFinding | None:
        """As `record`, and adds to the row what a remediation came to, once per id."""
        return await self._findings.record(episode, remediation=remediation)

    async def dispatches(self, policy_uid: str) -> Sequence[DispatchRecord]:
        """The latest work item of each (check, executor) of a policy of this cluster.

        Raises:
            DeliveryError: not now.
        """
        async with delivering(self._deadline):
            rows = await self._execute(latest_dispatches(self._cluster, clean_text(policy_uid)))
        return [dispatch_record(row) for row in rows.mappings()]

    async def release_expired(self) -> int:
        """Returns work items of this cluster whose lease is over to `pending`; how many.

        Raises:
            DeliveryError: not now.
        """
        async with delivering(self._deadline):
            released = await self._execute(self._release_expired, {"cluster": self._cluster})
            return int(released.scalar_one())

    async def open_findings(self, policy_uid: str | None = None) -> Sequence[OpenFinding]:
        """The unresolved rows of this cluster, or of one policy of it, oldest first.

        Raises:
            DeliveryError: not now.
        """
        return await self._findings.open(policy_uid)

    async def record_revision(self, revision: Revision) -> None:
        """Stores a revision once per (policy uid, generation); the first one stays.

        Raises:
            DeliveryError: not now.
            RejectedError: never.
        """
        await self._revising.ask(revision)

    async def revision(self, policy_uid: str, generation: int) -> Json | None:
        """The spec at that generation, if it was stored.

        Raises:
            DeliveryError: not now.
        """
        wanted = select(revisions.c.spec).where(
            revisions.c.cluster == self._cluster,
            revisions.c.policy_uid == clean_text(policy_uid),
            revisions.c.generation == generation,
        )
        async with delivering(self._deadline):
            spec: Json | None = (await self._execute(wanted)).scalar_one_or_none()
        return spec

    async def ping(self) -> None:
        """Returns if the tables are there and can be read.

        Raises:
            DeliveryError: why not.
        """
        async with delivering(self._deadline):
            await self._execute(select(events.c.id).limit(1))
            await self._execute(select(revisions.c.generation).limit(1))
            await self._execute(select(dispatches.c.id).limit(1))

    async def close(self) -> None:
        """Lets go of every connection."""
        await self._engine.dispose()

    async def _store_revisions(self, those: Sequence[Revision]) -> Sequence[None]:
        rows = [revision_row(revision, self._cluster) for revision in those]
        async with delivering(self._deadline):
            await self._execute(INSERT_REVISIONS, given(rows))
        return [None] * len(rows)

    async def _execute(
        self, statement: Executable, arguments: dict[str, Any] | None = None
    ) -> Result[Any]:
        async with self._engine.begin() as connection:
            return await connection.execute(statement, arguments)

"""The sink in PostgreSQL, for one cluster."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Executable, Result, Select, and_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from governor.adapters.sink.cleaning import clean_text
from governor.adapters.sink.dispatches import (
    dispatch_record,
    dispatch_row,
    in_place_of,
    insert_dispatch,
    latest_dispatches,
    note_active,
)
from governor.adapters.sink.faults import delivering
from governor.adapters.sink.remediations import with_remediation
from governor.adapters.sink.tables import OPEN_FINDING, dispatches, events, revisions
from governor.adapters.sink.upserts import (
    event_row,
    insert_revision,
    revision_row,
    upsert_event,
)
from governor.app.ports import (
    DispatchOrder,
    DispatchRecord,
    Episode,
    Json,
    OpenFinding,
    RemediationRecord,
    Revision,
)
from governor.errors import DeliveryError

_ATTEMPTS = 3
"""A rival may be resolved between being in the way and being read: look again."""

_FINDING = (
    events.c.id,
    events.c.event_type,
    events.c.check_name,
    events.c.policy_uid,
    events.c.namespace,
    events.c.policy,
    events.c.opened_at,
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
        self._cancel_moot = text(f"SELECT {place}.cancel_moot_dispatches(:event)")
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
        return await self._record(episode, dispatch=dispatch)

    async def record_remediation(
        self, episode: Episode, remediation: RemediationRecord
    ) -> OpenFinding | None:
        """As `record`, and adds to the row what a remediation came to, once per id."""
        return await self._record(episode, remediation=remediation)

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
        wanted = _unresolved().where(events.c.cluster == self._cluster)
        if policy_uid is not None:
            wanted = wanted.where(events.c.policy_uid == clean_text(policy_uid))
        async with delivering(self._deadline):
            rows = await self._execute(wanted)
        return [_finding(row) for row in rows]

    async def record_revision(self, revision: Revision) -> None:
        """Stores a revision once per (policy uid, generation); the first one stays.

        Raises:
            DeliveryError: not now.
            RejectedError: never.
        """
        async with delivering(self._deadline):
            await self._execute(insert_revision(revision_row(revision, self._cluster)))

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

    async def _record(
        self,
        episode: Episode,
        *,
        dispatch: DispatchOrder | None = None,
        remediation: RemediationRecord | None = None,
    ) -> OpenFinding | None:
        row = event_row(episode, self._cluster)
        async with delivering(self._deadline):
            for _ in range(_ATTEMPTS):
                if await self._stored(row, dispatch, remediation):
                    return None
                rival = await self._open_like(row)
                # The same id: another delivery of it was faster. Merge with that.
                if rival is not None and rival.id != episode.id:
                    return rival
        raise DeliveryError("another finding of the check opens and ends at this moment")

    async def _stored(
        self,
        row: dict[str, Any],
        dispatch: DispatchOrder | None,
        remediation: RemediationRecord | None,
    ) -> bool:
        """Whether the row went in; False if another open finding is in its place."""
        upsert = upsert_event(row).returning(events.c.resolved, events.c.details)
        try:
            async with self._engine.begin() as connection:
                stored = (await connection.execute(upsert)).one()
                if remediation is not None:
                    details = with_remediation(stored.details, remediation)
                    told = update(events).where(events.c.id == row["id"]).values(details=details)
                    await connection.execute(told)
                if stored.resolved:
                    await connection.execute(self._cancel_moot, {"event": row["id"]})
                elif dispatch is not None:
                    await _create(connection, dispatch_row(dispatch, row))
        except IntegrityError as error:
            if getattr(error.driver_exception, "constraint_name", None) == OPEN_FINDING:
                return False
            raise
        return True

    async def _open_like(self, row: dict[str, Any]) -> OpenFinding | None:
        key = ("cluster", "policy_uid", "check_name", "event_type")
        same = and_(*(events.c[name] == row[name] for name in key))
        found = (await self._execute(_unresolved().where(same))).one_or_none()
        return None if found is None else _finding(found)

    async def _execute(
        self, statement: Executable, arguments: dict[str, Any] | None = None
    ) -> Result[Any]:
        async with self._engine.begin() as connection:
            return await connection.execute(statement, arguments)


async def _create(connection: AsyncConnection, row: dict[str, Any]) -> None:
    """Creates a work item; that one is active already is an outcome, and no error.

    It looks before it inserts: an insert would wait for an executor that is ending the
    active one in a transaction of its own.
    """
    found = await connection.scalar(in_place_of(row))
    if found is None and await connection.scalar(insert_dispatch(row)) is None:
        found = await connection.scalar(in_place_of(row))
    if found is not None and found != row["id"]:
        note_active(row, found)


def _unresolved() -> Select[Any]:
    return select(*_FINDING).where(~events.c.resolved).order_by(events.c.opened_at, events.c.id)


def _finding(row: Any) -> OpenFinding:
    return OpenFinding(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it

"""The rows of findings: stored and asked for, many at once where many come at once."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from governor.adapters.sink.cleaning import clean_text
from governor.adapters.sink.dispatches import (
    dispatch_row,
    in_place_of,
    insert_dispatch,
    note_active,
)
from governor.adapters.sink.faults import delivering
from governor.adapters.sink.gathering import Gathering
from governor.adapters.sink.reading import held
from governor.adapters.sink.remediations import with_remediation
from governor.adapters.sink.tables import OPEN_FINDING, events
from governor.adapters.sink.upserts import UPSERT_EVENTS, event_row, given
from governor.app.ports import DispatchOrder, Episode, OpenFinding, RemediationRecord
from governor.errors import DeliveryError

_ATTEMPTS = 3
"""A rival may be resolved between being in the way and being read: look again."""

_LOCKED = text("SELECT set_config('lock_timeout', '500ms', true)")
"""So long may rows stored together wait for locked ones: then those are found, and wait alone."""

_UNRESOLVED = (
    select(
        events.c.id,
        events.c.event_type,
        events.c.check_name,
        events.c.policy_uid,
        events.c.namespace,
        events.c.policy,
        held(events.c.opened_at),
    )
    .where(~events.c.resolved, events.c.cluster == bindparam("cluster"))
    .order_by(events.c.opened_at, events.c.id)
)
_OF_POLICIES = _UNRESOLVED.where(
    events.c.policy_uid == bindparam("uids", type_=ARRAY(events.c.policy_uid.type)).any_()
)


class Findings:
    """Of one cluster."""

    def __init__(self, engine: AsyncEngine, schema: str, cluster: str, *, deadline: float) -> None:
        """Connects when it is first used; the arguments are `PostgresSink`'s."""
        self._engine = engine
        self._cluster = cluster
        self._deadline = deadline
        place = engine.dialect.identifier_preparer.quote(schema)
        self._cancel_moot = text(
            f"SELECT {place}.cancel_moot_dispatches(id) FROM unnest(CAST(:ids AS uuid[])) id"  # noqa: S608 - quoted
        )
        self._recording = Gathering(self._record_all)
        self._asking = Gathering(self._open_of)

    async def record(
        self,
        episode: Episode,
        dispatch: DispatchOrder | None = None,
        remediation: RemediationRecord | None = None,
    ) -> OpenFinding | None:
        """As the port says of `record` and `record_remediation`.

        Raises:
            DeliveryError: not now.
            RejectedError: never.
        """
        if dispatch is None and remediation is None:
            return await self._recording.ask(episode)
        return await self._record(episode, dispatch, remediation)

    async def open(self, policy_uid: str | None) -> Sequence[OpenFinding]:
        """As the port says of `open_findings`.

        Raises:
            DeliveryError: not now.
        """
        if policy_uid is not None:
            return await self._asking.ask(clean_text(policy_uid))
        return await self._found(_UNRESOLVED, {})

    async def _open_of(self, uids: Sequence[str]) -> Sequence[Sequence[OpenFinding]]:
        found: defaultdict[str, list[OpenFinding]] = defaultdict(list)
        for finding in await self._found(_OF_POLICIES, {"uids": list(uids)}):
            found[finding.policy_uid].append(finding)
        return [found[uid] for uid in uids]

    async def _found(self, wanted: Select[Any], given: dict[str, Any]) -> list[OpenFinding]:
        async with delivering(self._deadline), self._engine.begin() as connection:
            rows = await connection.execute(wanted, {"cluster": self._cluster, **given})
        return [_finding(row) for row in rows]

    async def _record_all(self, episodes: Sequence[Episode]) -> Sequence[OpenFinding | None]:
        if len(episodes) == 1:
            return [await self._record(episodes[0])]
        # In one order, whoever stores them: else two could wait for each other's rows.
        rows = sorted((event_row(it, self._cluster) for it in episodes), key=lambda row: row["id"])
        async with delivering(self._deadline), self._engine.begin() as connection:
            await connection.execute(_LOCKED)
            await self._store(connection, rows)
        return [None] * len(rows)

    async def _record(
        self,
        episode: Episode,
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
        try:
            async with self._engine.begin() as connection:
                resolved = await self._store(connection, [row])
                if remediation is not None:
                    await _add(connection, row, remediation)
                if dispatch is not None and not resolved:
                    await _create(connection, dispatch_row(dispatch, row))
        except IntegrityError as error:
            if getattr(error.driver_exception, "constraint_name", None) == OPEN_FINDING:
                return False
            raise
        return True

    async def _store(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]
    ) -> list[Any]:
        """Merges rows in, and ends what has become moot by it; the ids of those resolved now."""
        stored = await connection.execute(UPSERT_EVENTS, given(rows))
        resolved = list(stored.scalars())
        if resolved:
            await connection.execute(self._cancel_moot, {"ids": resolved})
        return resolved

    async def _open_like(self, row: dict[str, Any]) -> OpenFinding | None:
        key = ("policy_uid", "check_name", "event_type")
        same = and_(*(events.c[name] == row[name] for name in key))
        async with self._engine.begin() as connection:
            found = await connection.execute(_UNRESOLVED.where(same), {"cluster": self._cluster})
        one = found.one_or_none()
        return None if one is None else _finding(one)


async def _add(
    connection: AsyncConnection, row: dict[str, Any], remediation: RemediationRecord
) -> None:
    """Adds to a row's details, which the transaction holds, what a remediation came to."""
    this = events.c.id == row["id"]
    stored = (await connection.execute(select(events.c.details).where(this))).scalar_one()
    details = with_remediation(stored, remediation)
    await connection.execute(update(events).where(this).values(details=details))


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


def _finding(row: Any) -> OpenFinding:
    return OpenFinding(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it

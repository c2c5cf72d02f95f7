"""Effects that only the leader may have: each asks for authority before it is sent.

What waits for its turn at the API server is asked once more when that comes (`Connection`).

What is asked stands between deciding and acting of a process that was stopped, or cut off,
and goes on as if nothing had happened while another leads.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from governor.api.channel import ChannelSpec
from governor.app.around import Remedies
from governor.app.ports import (
    Added,
    AlertNotifier,
    Authority,
    Deprecation,
    DispatchOrder,
    DispatchRecord,
    Episode,
    EventRecord,
    EventRecorder,
    Json,
    Measurements,
    Notifier,
    NotifierMaker,
    ObjectKey,
    OpenFinding,
    Orphan,
    OrphanStore,
    RemediationRecord,
    Revision,
    Sink,
    StatusStore,
)
from governor.domain.alerts import Alert
from governor.domain.channels import kind_of
from governor.domain.measurements import MeasurementRecord
from governor.domain.notices import Notice
from governor.domain.surroundings import ChannelKind
from governor.probes.trust_drift import TrustDrift


class FencedStatusStore(StatusStore):
    """Statuses that only the leader replaces."""

    def __init__(self, store: StatusStore, authority: Authority) -> None:
        self._store = store
        self._authority = authority

    async def read(self, key: ObjectKey) -> Json:
        """As the port says."""
        return await self._store.read(key)

    async def replace_status(self, key: ObjectKey, resource_version: str, status: Json) -> Json:
        """As the port says."""
        self._authority.require()
        return await self._store.replace_status(key, resource_version, status)


class FencedEventRecorder(EventRecorder):
    """Events that only the leader tells."""

    def __init__(self, recorder: EventRecorder, authority: Authority) -> None:
        self._recorder = recorder
        self._authority = authority

    async def record(self, event: EventRecord) -> None:
        """As the port says."""
        self._authority.require()
        await self._recorder.record(event)


class FencedSink(Sink):
    """Rows that only the leader writes."""

    def __init__(self, sink: Sink, authority: Authority) -> None:
        self._sink = sink
        self._authority = authority

    async def record(
        self, episode: Episode, dispatch: DispatchOrder | None = None
    ) -> OpenFinding | None:
        """As the port says."""
        self._authority.require()
        return await self._sink.record(episode, dispatch)

    async def record_remediation(
        self, episode: Episode, remediation: RemediationRecord
    ) -> OpenFinding | None:
        """As the port says."""
        self._authority.require()
        return await self._sink.record_remediation(episode, remediation)

    async def dispatches(self, policy_uid: str) -> Sequence[DispatchRecord]:
        """As the port says."""
        return await self._sink.dispatches(policy_uid)

    async def release_expired(self) -> int:
        """As the port says."""
        self._authority.require()
        return await self._sink.release_expired()

    async def open_findings(self, policy_uid: str | None = None) -> Sequence[OpenFinding]:
        """As the port says."""
        return await self._sink.open_findings(policy_uid)

    async def record_revision(self, revision: Revision) -> None:
        """As the port says."""
        self._authority.require()
        await self._sink.record_revision(revision)

    async def revision(self, policy_uid: str, generation: int) -> Json | None:
        """As the port says."""
        return await self._sink.revision(policy_uid, generation)


class FencedMeasurements(Measurements):
    """Values that only the leader keeps."""

    def __init__(self, measurements: Measurements, authority: Authority) -> None:
        self._measurements = measurements
        self._authority = authority

    async def add(self, records: Sequence[MeasurementRecord]) -> Added:
        """As the port says."""
        self._authority.require()
        return await self._measurements.add(records)

    async def make_room(self, days: int) -> int:
        """As the port says."""
        self._authority.require()
        return await self._measurements.make_room(days)

    async def drop_old(self, days: int) -> int:
        """As the port says."""
        self._authority.require()
        return await self._measurements.drop_old(days)


class FencedOrphanStore(OrphanStore):
    """Orphans that only the leader keeps and removes."""

    def __init__(self, store: OrphanStore, authority: Authority) -> None:
        self._store = store
        self._authority = authority

    async def all(self) -> Sequence[Orphan]:
        """As the port says."""
        return await self._store.all()

    async def put(self, orphan: Orphan) -> None:
        """As the port says."""
        self._authority.require()
        await self._store.put(orphan)

    async def remove(self, policy_uid: str) -> None:
        """As the port says."""
        self._authority.require()
        await self._store.remove(policy_uid)


class FencedRemedies(Remedies):
    """Remediation that only the leader does."""

    def __init__(self, remedies: Remedies, authority: Authority) -> None:
        self._remedies = remedies
        self._authority = authority

    def remediation_refused(self, namespace: str, source: str) -> str | None:
        """As the port says."""
        return self._remedies.remediation_refused(namespace, source)

    async def deprecate(
        self, namespace: str, probe: TrustDrift, ids: Sequence[str], at: datetime
    ) -> Deprecation:
        """As the port says."""
        self._authority.require()
        return await self._remedies.deprecate(namespace, probe, ids, at)


class FencedNotifiers(NotifierMaker):
    """Notifiers through which only the leader tells."""

    def __init__(self, maker: NotifierMaker, authority: Authority) -> None:
        self._maker = maker
        self._authority = authority

    def make(
        self, name: str, spec: ChannelSpec, secrets: Mapping[str, Mapping[str, bytes]]
    ) -> Notifier | AlertNotifier:
        """As the port says."""
        notifier = self._maker.make(name, spec, secrets)
        if kind_of(spec) is ChannelKind.LEVEL:
            return _FencedAlertNotifier(cast(AlertNotifier, notifier), self._authority)
        return _FencedNotifier(cast(Notifier, notifier), self._authority)


class _FencedNotifier(Notifier):
    def __init__(self, notifier: Notifier, authority: Authority) -> None:
        self._notifier = notifier
        self._authority = authority

    async def tell(self, notices: Sequence[Notice]) -> None:
        self._authority.require()
        await self._notifier.tell(notices)

    async def close(self) -> None:
        await self._notifier.close()


class _FencedAlertNotifier(AlertNotifier):
    def __init__(self, notifier: AlertNotifier, authority: Authority) -> None:
        self._notifier = notifier
        self._authority = authority

    async def post(self, alerts: Sequence[Alert]) -> None:
        self._authority.require()
        await self._notifier.post(alerts)

    async def close(self) -> None:
        await self._notifier.close()

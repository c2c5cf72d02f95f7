"""Finds the source that a check names, asks whether it may be used, and measures from it."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from governor.api.source import SourceSpec
from governor.app.ports import (
    Clock,
    Deprecation,
    InstrumentMaker,
    Json,
    SecretReader,
    StatusStore,
    Telemetry,
)
from governor.app.sources.announcing import Announcer, OnChange
from governor.app.sources.entries import Entry, newer, read
from governor.app.sources.instruments import InstrumentKeeper
from governor.app.sources.pace import Pace, forever
from governor.app.sources.readiness import Readiness
from governor.app.sources.secret_cache import SecretCache
from governor.domain.sources import Labels, admit, allows, may_remediate
from governor.probes.base import Probe
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Fault, FaultError, Outcome
from governor.values.reasons import Reason

_log = logging.getLogger(__name__)

Admit = Callable[[SourceSpec, Labels | None], Fault | None]
"""Why a source may not be used from a namespace with these labels; None if it may."""


class SourceDirectory:
    """Every GovernanceSource and every namespace's labels, as last seen."""

    def __init__(
        self,
        *,
        maker: InstrumentMaker,
        secrets: SecretReader,
        store: StatusStore,
        clock: Clock,
        telemetry: Telemetry,
        on_change: OnChange,
        pace: Pace | None = None,
    ) -> None:
        """Joins the parts; nothing is read or sent before `run` or `measure`.

        Args:
            maker: builds instruments.
            secrets: reads Secrets of the operator's own namespace.
            store: holds the GovernanceSources.
            clock: for conditions and `lastProbed`.
            telemetry: told of every probe and of every source's readiness.
            on_change: called with the name of a source whose policies should be
                measured anew: its spec, its Secret or who may use it has changed.
            pace: how often to look.
        """
        pace = pace or Pace()
        self.synced = asyncio.Event()
        """Set by `listed`: from then on a source that is not known does not exist."""
        self._pace = pace
        self._telemetry = telemetry
        self._secrets = SecretCache(secrets, pace.reading)
        self._keeper = InstrumentKeeper(maker, self._secrets)
        self._readiness = Readiness(
            keeper=self._keeper, store=store, clock=clock, telemetry=telemetry, pace=pace
        )
        self._announcer = Announcer(on_change, pace.gathering)
        self._entries: dict[str, Entry] = {}
        self._namespaces: dict[str, Mapping[str, str]] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._running = False

    def seen(self, body: Json) -> None:
        """A source as the API server gave it, new or changed."""
        entry = read(body)
        known = self._entries.get(entry.name)
        if known is not None and known.same_spec(entry):
            known.body = newer(known.body, body)
            return
        if known is not None:
            self._let_go(known)
        self._entries[entry.name] = entry
        self._announcer.add(entry.name)
        if self._running:
            self._watch(entry)

    def gone(self, uid: str) -> None:
        """The source of that uid is no more; another of its name stays."""
        entry = next((e for e in self._entries.values() if e.key.uid == uid), None)
        if entry is None:
            return
        del self._entries[entry.name]
        self._let_go(entry)
        self._telemetry.source_ready(entry.name, None)
        self._announcer.add(entry.name)

    def namespace_seen(self, name: str, labels: Mapping[str, str]) -> None:
        """A namespace's labels, new or changed."""
        before = self._namespaces.get(name)
        self._namespaces[name] = labels = dict(labels)
        for entry in self._entries.values():
            if isinstance(entry.spec, Fault):
                continue
            if allows(entry.spec, before) != allows(entry.spec, labels):
                self._announcer.add(entry.name)

    def namespace_gone(self, name: str) -> None:
        """The namespace is no more, and neither are its policies."""
        self._namespaces.pop(name, None)

    def listed(self) -> None:
        """Every source and namespace was seen once: policies may start.

        What changed until now is not announced, as no policy has measured yet.
        """
        self._announcer.forget()
        self.synced.set()

    async def measure(self, namespace: str, probe: Probe, at: datetime) -> Outcome:
        """One measurement for a policy of that namespace; raises nothing but CancelledError."""
        started = time.perf_counter()
        outcome = await self._measure(namespace, probe, at)
        kind = type(probe).__name__
        self._telemetry.probed(
            kind[0].lower() + kind[1:],
            probe.source_ref.name,
            time.perf_counter() - started,
            outcome,
        )
        return outcome

    def remediation_refused(self, namespace: str, source: str) -> str | None:
        """Why a policy of that namespace may not remediate through that source; None: it may."""
        try:
            self._admit(source, namespace, _remediating(namespace, source))
        except FaultError as error:
            return error.fault.message
        return None

    async def deprecate(
        self, namespace: str, probe: TrustDrift, ids: Sequence[str], at: datetime
    ) -> Deprecation:
        """Deprecates playbooks for a policy of that namespace, as `Instrument.deprecate` says.

        Raises:
            UnconfirmedError: something may have been changed.
            FaultError: why nothing was; also that the source may not be used for it.
        """
        source = probe.source_ref.name
        entry = await self._admitted(source, namespace, _remediating(namespace, source))
        async with self._keeper.borrow(entry) as instrument:
            return await instrument.deprecate(probe, ids, at)

    async def run(self) -> None:
        """Watches Secrets, probes sources, announces changes; until cancelled."""
        self._running = True
        try:
            for entry in self._entries.values():
                self._watch(entry)
            await asyncio.gather(
                forever(self._look_at_secrets, self._pace.secrets),
                forever(self._announcer.announce, 0),
            )
        finally:
            self._running = False
            for task in self._watches.values():
                task.cancel()
            await asyncio.gather(*self._watches.values(), return_exceptions=True)
            self._watches.clear()

    async def close(self) -> None:
        """Closes every instrument once it is idle; after `run` has ended."""
        for entry in self._entries.values():
            self._keeper.drop(entry)
        await self._keeper.close()

    async def _measure(self, namespace: str, probe: Probe, at: datetime) -> Outcome:
        try:
            entry = await self._admitted(
                probe.source_ref.name,
                namespace,
                lambda spec, labels: admit(spec, namespace, labels, probe),
            )
            async with self._keeper.borrow(entry) as instrument:
                return await instrument.measure(probe, at)
        except FaultError as error:
            return error.fault
        except Exception as error:  # noqa: BLE001 - one check's bug must not stop another check
            _log.exception("measuring from source %s failed", probe.source_ref.name)
            return Fault(
                reason=Reason.SERVER_ERROR,
                message=f"the operator failed to measure: {type(error).__name__}",
            )

    async def _admitted(self, name: str, namespace: str, admit: Admit) -> Entry:
        """The source of that name, prepared; asked again if it changed meanwhile.

        Raises:
            FaultError: there is none, it may not be used for this, or not be prepared.
        """
        while True:
            entry = self._admit(name, namespace, admit)
            await self._keeper.prepare(entry)
            if self._entries.get(name) is entry:
                return entry

    def _admit(self, name: str, namespace: str, admit: Admit) -> Entry:
        """The source of that name, as it is now.

        Raises:
            FaultError: there is none, it can't be understood, or may not be used for this.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise FaultError(
                Reason.SOURCE_NOT_FOUND,
                f"there is no GovernanceSource {name}: create it, or name another in sourceRef",
            )
        refused = (
            entry.spec
            if isinstance(entry.spec, Fault)
            else admit(entry.spec, self._namespaces.get(namespace))
        )
        if refused is not None:
            raise FaultError(refused.reason, refused.message)
        return entry

    async def _look_at_secrets(self) -> None:
        """Reads every Secret once; sources whose Secrets changed get new instruments."""
        entries = list(self._entries.values())
        await self._secrets.refresh({name for entry in entries for name in entry.secrets})
        for entry in self._entries.values():
            if self._keeper.outdated(entry):
                self._keeper.drop(entry)
                entry.probe_now.set()
                self._announcer.add(entry.name)

    def _watch(self, entry: Entry) -> None:
        self._watches[entry.key.uid] = asyncio.create_task(
            self._readiness.watch(entry), name=f"probe source {entry.name}"
        )

    def _let_go(self, entry: Entry) -> None:
        """Ends what is done for an entry; measurements under way end by themselves."""
        if watch := self._watches.pop(entry.key.uid, None):
            watch.cancel()
        self._keeper.drop(entry)


def _remediating(namespace: str, source: str) -> Admit:
    return lambda spec, labels: may_remediate(spec, namespace, labels, source)

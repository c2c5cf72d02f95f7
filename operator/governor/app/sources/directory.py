"""Finds the source that a check names, asks whether it may be used, and measures from it."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from governor.api.source import SourceSpec
from governor.app.ports import (
    Clock,
    Deprecation,
    Instrument,
    InstrumentMaker,
    SecretReader,
    StatusStore,
    Telemetry,
)
from governor.app.resources import Directory, Namespaces, OnChange
from governor.app.sources.pace import Pace
from governor.app.sources.readiness import Readiness, SourceEntry
from governor.domain.resources import Labels
from governor.domain.sources import admit, may_remediate, parse
from governor.probes.base import Probe
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Fault, FaultError, Outcome
from governor.values.reasons import Reason

_log = logging.getLogger(__name__)

Admit = Callable[[SourceSpec, Labels | None], Fault | None]
"""Why a source may not be used from a namespace with these labels; None if it may."""


class SourceDirectory(Directory[SourceSpec, Instrument]):
    """Every GovernanceSource, as last seen."""

    def __init__(
        self,
        *,
        maker: InstrumentMaker,
        secrets: SecretReader,
        namespaces: Namespaces,
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
            namespaces: say who may use which source.
            store: holds the GovernanceSources.
            clock: for conditions and `lastProbed`.
            telemetry: told of every probe and of every source's readiness.
            on_change: called with the name of a source whose policies should be
                measured anew: its spec, its Secret or who may use it has changed.
            pace: how often to look.
        """
        pace = pace or Pace()
        super().__init__(
            parse=parse,
            maker=maker,
            secrets=secrets,
            namespaces=namespaces,
            on_change=on_change,
            pace=pace,
        )
        self._telemetry = telemetry
        self._readiness = Readiness(
            keeper=self._keeper, store=store, clock=clock, telemetry=telemetry, pace=pace
        )

    async def watch(self, entry: SourceEntry) -> None:
        """Probes the source, and says in its status what came of it."""
        await self._readiness.watch(entry)

    def forgotten(self, name: str) -> None:
        """The source's series go."""
        self._telemetry.source_ready(name, None)

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

    async def _admitted(self, name: str, namespace: str, admit: Admit) -> SourceEntry:
        """The source of that name, prepared; asked again if it changed meanwhile.

        Raises:
            FaultError: there is none, it may not be used for this, or not be prepared.
        """
        while True:
            entry = self._admit(name, namespace, admit)
            await self._keeper.prepare(entry)
            if self._entries.get(name) is entry:
                return entry

    def _admit(self, name: str, namespace: str, admit: Admit) -> SourceEntry:
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
            else admit(entry.spec, self._namespaces.labels(namespace))
        )
        if refused is not None:
            raise FaultError(refused.reason, refused.message)
        return entry


def _remediating(namespace: str, source: str) -> Admit:
    return lambda spec, labels: may_remediate(spec, namespace, labels, source)

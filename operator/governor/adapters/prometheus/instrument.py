"""Answers promql probes from one Prometheus."""

from collections.abc import Sequence
from datetime import datetime

from governor.adapters.prometheus.queries import QueryRunner
from governor.app.ports import Deprecation
from governor.domain.judging import one_line
from governor.probes.base import Probe, PromProbe
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Fault, FaultError, Outcome
from governor.values.reasons import Reason


class PrometheusInstrument:
    """An `Instrument` over a QueryRunner."""

    def __init__(self, runner: QueryRunner) -> None:
        self._runner = runner

    async def measure(self, probe: Probe, at: datetime) -> Outcome:
        if not isinstance(probe, PromProbe):
            return Fault(reason=Reason.SOURCE_NOT_FOUND, message="a postgres source is needed")
        try:
            return probe.read(await self._runner.instant(probe.expression, at))
        except FaultError as error:
            return Fault(reason=error.fault.reason, message=one_line(error.fault.message))

    async def deprecate(self, probe: TrustDrift, ids: Sequence[str], at: datetime) -> Deprecation:
        del probe, ids, at  # Nothing here can be changed.
        raise FaultError(Reason.SOURCE_NOT_FOUND, "a postgres source is needed")

    async def version(self) -> str:
        try:
            return one_line(await self._runner.version())
        except FaultError as error:
            raise FaultError(error.fault.reason, one_line(error.fault.message)) from error

    async def close(self) -> None:
        await self._runner.close()

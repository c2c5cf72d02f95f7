"""Measures every check of policies once, without a cluster.

The same instruments and the same judge as the operator's, and nothing that remembers or
tells.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

from governor.api.namespaces import AllowedNamespaces
from governor.app.ports import Instrument, InstrumentMaker
from governor.cli.policies import NamedPolicy
from governor.cli.sources import Source
from governor.domain.judging import Judgement, judge
from governor.domain.policies import Check
from governor.domain.sources import admit
from governor.errors import SpecError
from governor.probes.base import Probe
from governor.values.outcomes import Fault, FaultError, Outcome
from governor.values.reasons import Reason, Verdict

AT_ONCE = 16
"""So many checks are measured at the same time."""

_EVERYBODY = AllowedNamespaces.model_validate({"from": "All"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one check says."""

    namespace: str
    policy: str
    check: str
    judgement: Judgement


def worst(results: Iterable[Result]) -> Verdict:
    """The worst verdict of any check."""
    return min((result.judgement.verdict for result in results), key=lambda v: v.rank)


async def measure(
    policies: Iterable[NamedPolicy],
    sources: Mapping[str, Source],
    maker: InstrumentMaker,
    at: datetime,
) -> tuple[Result, ...]:
    """Every check of the policies, in their order, as of one time.

    Raises:
        SpecError: a source or its Secret is such that it could never be measured from.
    """
    async with AsyncExitStack() as stack:
        instruments: dict[str, Instrument] = {}
        for name, source in sources.items():
            instruments[name] = _made(name, source, maker)
            stack.push_async_callback(instruments[name].close)
        bench = _Bench(sources, instruments)
        return tuple(
            await asyncio.gather(
                *(
                    bench.result(policy, check, at)
                    for policy in policies
                    for check in policy.policy.checks
                )
            )
        )


class _Bench:
    """The instruments of one call."""

    def __init__(
        self, sources: Mapping[str, Source], instruments: Mapping[str, Instrument]
    ) -> None:
        self._instruments = instruments
        self._sources = sources
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def result(self, policy: NamedPolicy, check: Check, at: datetime) -> Result:
        async with self._slots:
            outcome = await self._measure(policy.namespace, check.probe, at)
        return Result(
            namespace=policy.namespace,
            policy=policy.name,
            check=check.name,
            judgement=judge(check.objective, outcome),
        )

    async def _measure(self, namespace: str, probe: Probe, at: datetime) -> Outcome:
        name = probe.source_ref.name
        source = self._sources.get(name)
        if source is None:
            return Fault(
                reason=Reason.SOURCE_NOT_FOUND,
                message=f"no source {name} was given: add --source {name}=… or --sources FILE",
            )
        # Which namespaces a source allows depends on labels that only a cluster knows.
        spec = source.spec.model_copy(update={"allowed_namespaces": _EVERYBODY})
        refused = admit(spec, namespace, None, probe)
        return refused or await self._instruments[name].measure(probe, at)


def _made(name: str, source: Source, maker: InstrumentMaker) -> Instrument:
    try:
        return maker.make(name, source.spec, source.secrets)
    except FaultError as error:
        raise SpecError(f"source {name}: {error.fault.message}") from error

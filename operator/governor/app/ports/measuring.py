"""What is needed of the sources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from governor.api.source import SourceSpec
from governor.probes.base import Probe
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """What an UPDATE came to."""

    changed: tuple[str, ...]
    already: tuple[str, ...]
    """Not changed, as they were found deprecated."""
    kept: tuple[str, ...]
    """Not changed, as they are no longer drifted and unused, or no more."""


class Instrument(Protocol):
    """Knows how to measure from one source."""

    async def measure(self, probe: Probe, at: datetime) -> Outcome:
        """One measurement. Never raises but CancelledError: a failure is a Fault."""

    async def deprecate(self, probe: TrustDrift, ids: Sequence[str], at: datetime) -> Deprecation:
        """Deprecates those of the playbooks that still are drifted and unused at that time.

        One transaction, with the login for remediation. An id that several playbooks bear
        stands for all of them; each is judged by itself.

        Raises:
            UnconfirmedError: the answer was lost: all may have been changed, or nothing.
            FaultError: why nothing was changed.
        """

    async def version(self) -> str:
        """The server's version, to show that it can be reached.

        Raises:
            FaultError: why it can't.
        """

    async def close(self) -> None:
        """Lets go of every connection."""


class InstrumentMaker(Protocol):
    """Knows how to build the instrument of a source."""

    def make(
        self, name: str, spec: SourceSpec, secrets: Mapping[str, Mapping[str, bytes]]
    ) -> Instrument:
        """Builds it without connecting.

        Args:
            name: of the source, for messages and metrics.
            spec: the source.
            secrets: Secret name → key → value; every Secret that the spec names
                and that exists.

        Raises:
            FaultError: `SecretInvalid`, naming the Secret, the key and the remedy.
        """

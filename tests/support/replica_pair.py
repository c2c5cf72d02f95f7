"""Two operators beside one stack, of which one leads."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.support.asking import health
from tests.support.cluster import eventually

from governor_local.operator_process import Installation, OperatorProcess
from governor_local.stack import Stack

TAKEN_WITHIN = 40
"""Seconds, generously: after a crash the Lease has to be over first."""


def role(operator: OperatorProcess) -> str:
    """`leader`, `standby`, `unknown`; empty if nobody answers."""
    return str(health(operator, "readyz")[1].get("role", ""))


@dataclass(frozen=True)
class Pair:
    """Both, whichever leads."""

    both: tuple[OperatorProcess, OperatorProcess]

    def leader(self) -> OperatorProcess:
        """The one that leads; waits until one does."""

        def found() -> list[OperatorProcess]:
            leaders = [each for each in self.both if each.running and role(each) == "leader"]
            assert len(leaders) <= 1, "two lead at once"
            return leaders

        return eventually(found, TAKEN_WITHIN)[0]

    def other(self, operator: OperatorProcess) -> OperatorProcess:
        """The one that is not that."""
        return self.both[1] if operator is self.both[0] else self.both[0]


@contextmanager
def replica_pair(stack: Stack, installation: Installation) -> Iterator[Pair]:
    """Both run and are ready, and end with the block."""
    names = ("replica-a", "replica-b")
    both = tuple(OperatorProcess(stack, installation, name=name) for name in names)
    try:
        for each in both:
            each.start()
        yield Pair((both[0], both[1]))
    finally:
        for each in both:
            with suppress(ProcessLookupError):
                each.resume()
            each.stop()

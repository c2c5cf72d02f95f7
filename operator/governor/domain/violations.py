"""A violated run whose check has an open finding: what acting starts from."""

from dataclasses import dataclass

from governor.api.log import Entry, Transition
from governor.api.status import FindingRef
from governor.domain.entries import Decision, Evidence, of_finding
from governor.domain.policies import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One violated run, as one decision sees it."""

    decision: Decision
    check: Check
    finding: FindingRef
    """Open, perhaps since this decision."""
    evidence: Evidence

    @property
    def opens(self) -> bool:
        """Whether this decision has opened the finding."""
        return self.finding.opened_at == self.decision.at

    def entry(self, transition: Transition, target: str) -> Entry:
        """An entry of the finding for one target."""
        return of_finding(
            self.decision,
            self.finding,
            self.check.name,
            self.evidence,
            transition,
            targets=(target,),
        )

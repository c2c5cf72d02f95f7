"""Whether a turn of a policy needs a decision: most ticks bring no news."""

from dataclasses import dataclass

from governor.api.status import PolicyStatus
from governor.app.subjects import Understood
from governor.domain.resting import at_rest
from governor.domain.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class _Rest:
    """What a decision was taken on that stands until there is news, and what it came to."""

    understood: Understood
    surroundings: Surroundings
    status: PolicyStatus


class Resting:
    """The latest decision on one policy, if time alone can't change it."""

    def __init__(self) -> None:
        self._basis: tuple[Understood, Surroundings] | None = None
        self._rest: _Rest | None = None

    def decided(self, understood: Understood, surroundings: Surroundings) -> None:
        """A decision was taken on that; whether it stands is not known yet."""
        self._basis = understood, surroundings

    def stands(self, status: PolicyStatus) -> None:
        """It does, and this is what it came to."""
        basis, self._basis, self._rest = self._basis, None, None
        if basis is not None and at_rest(status, basis[1]):
            self._rest = _Rest(*basis, status)

    def holds(
        self, understood: Understood, status: PolicyStatus, surroundings: Surroundings
    ) -> bool:
        """Whether another decision, without a run or other news, would come to the same status."""
        rest = self._rest
        return (
            rest is not None
            and rest.understood is understood
            and rest.status is status
            and rest.surroundings == surroundings
        )

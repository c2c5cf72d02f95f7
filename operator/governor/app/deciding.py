"""What a turn of one policy comes to, and whether it needs a decision at all."""

from collections.abc import Sequence
from dataclasses import dataclass

from governor.api.status import PolicyStatus
from governor.app.bases import Base
from governor.app.ports import ObjectKey
from governor.app.services import Services
from governor.app.subjects import Understood
from governor.domain.episodes import Run
from governor.domain.plans import NOTHING_LEARNED, Feedback, Snapshot, decide, decide_not_understood
from governor.domain.resting import at_rest
from governor.domain.staleness import expire, expired
from governor.domain.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class _Rest:
    """What a decision was taken on that stands until there is news, and what it came to."""

    understood: Understood
    surroundings: Surroundings
    status: PolicyStatus


class Deciding:
    """One policy's decisions: each on the base as it is then, and in the surroundings of then.

    Most ticks bring no news, and ten thousand policies have as many a minute: it remembers the
    latest decision that stands, if time alone can't change it.
    """

    def __init__(self, key: ObjectKey, base: Base, services: Services) -> None:
        """Nothing is decided yet.

        Args:
            key: the policy.
            base: what decisions start from.
            services: what the runs of all policies share.
        """
        self._key = key
        self._base = base
        self._services = services
        self._basis: tuple[Understood, Surroundings] | None = None
        self._rest: _Rest | None = None

    def decide(
        self, understood: Understood, runs: Sequence[Run], feedback: Feedback
    ) -> PolicyStatus:
        """The whole new status; whether it stands is not known yet."""
        status, now = self._base.status, self._services.clock.now()
        policy, generation = understood.policy, understood.generation
        if policy is None:
            return decide_not_understood(
                self._key.uid, status, generation, understood.fault, feedback, now
            )
        snapshot = Snapshot(
            uid=self._key.uid,
            generation=generation,
            policy=policy,
            status=status,
            surroundings=self._services.around.of(self._key, policy),
        )
        self._basis = understood, snapshot.surroundings
        return decide(snapshot, runs, feedback, now)

    def taken_back(self, understood: Understood) -> PolicyStatus:
        """The status without what an earlier process said too long ago to be believed."""
        status, now = self._base.status, self._services.clock.now()
        if understood.suspended or not expired(status, now):
            return status
        return expire(status, understood.generation, now)

    def stands(self, status: PolicyStatus) -> None:
        """The latest decision does, and this is what it came to."""
        basis, self._basis, self._rest = self._basis, None, None
        if basis is not None and at_rest(status, basis[1]):
            self._rest = _Rest(*basis, status)

    def rests(self, understood: Understood, feedback: Feedback) -> bool:
        """Whether another decision, without a run, would come to the same status."""
        rest, policy = self._rest, understood.policy
        return (
            rest is not None
            and policy is not None
            and feedback == NOTHING_LEARNED
            and rest.understood is understood
            and rest.status is self._base.status
            and rest.surroundings == self._services.around.of(self._key, policy)
        )

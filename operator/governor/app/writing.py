"""The one way a decision reaches the API server: fenced by the version it was taken on."""

from collections.abc import Callable
from datetime import datetime

from governor.api.slimming import slim
from governor.api.status import PolicyStatus
from governor.app.bases import Base
from governor.app.ports import Json, ObjectKey
from governor.app.services import Services
from governor.app.subjects import Subject, dump
from governor.domain.leases import made_up
from governor.domain.writes import Riders, Runs, causes_write, owes, rider_due
from governor.errors import ConflictError, UnavailableError

ATTEMPTS = 4


def _no_runs(_: datetime) -> None:
    return None


class Writing:
    """Writes one policy's status, deciding again on whatever is newest until it is taken."""

    def __init__(
        self,
        key: ObjectKey,
        base: Base,
        services: Services,
        *,
        look: Callable[[Subject], None],
        runs: Callable[[datetime], Runs | None] = _no_runs,
    ) -> None:
        """Joins the parts.

        Args:
            key: the policy.
            base: what decisions start from; keeps what was decided.
            services: what the runs of all policies share.
            look: takes note, also in the base, of a version that was read.
            runs: when the policy's checks are measured, as seen at a time.
        """
        self._runs = runs
        self._key = key
        self._base = base
        self._services = services
        self._look = look
        self.claimed = False
        """Whether this term has written the status: before that, nothing of it is acted on."""

    async def write(self, decide: Callable[[], PolicyStatus]) -> PolicyStatus | None:
        """Writes what is decided until the API server has it, if it is worth a write.

        Returns what stands, which somebody may have overwritten already. None if the spec has
        changed meanwhile: nothing was decided then.

        Raises:
            StoreError: it could not be written; the decision does not stand.
        """
        services, base = self._services, self._base
        generation = base.subject.generation
        why = ""
        for _ in range(ATTEMPTS):
            now = services.clock.now()
            decided = decide().model_copy(update={"epoch": base.written.epoch})
            status = decided.model_copy(update={"epoch": self._epoch(now)})
            rides = self.rides(decided, now)
            claims = not self.claimed and owes(status)
            if not (causes_write(base.written, status) or rides or claims):
                base.hold(status)
                services.telemetry.evaluated(self._key, status)
                return status
            try:
                answer = await self._put(dump(status))
            except (ConflictError, UnavailableError) as error:
                why = str(error)  # the error itself would keep this frame, and all it knows
                self._look(Subject(slim(await services.store.read(self._key))))
                if base.subject.generation != generation:
                    return None
            else:
                base.confirm(Subject(slim(answer)), status, now)
                self.claimed = True
                services.telemetry.evaluated(self._key, status)
                return status
        raise ConflictError(f"{ATTEMPTS} writes in a row failed, at last with: {why}")

    async def _put(self, status: Json) -> Json:
        base = self._base
        base.sending(status)
        try:
            return await self._services.store.replace_status(
                self._key, base.subject.resource_version, status
            )
        except BaseException:
            base.unconfirmed()
            raise

    def rides(self, status: PolicyStatus, now: datetime) -> bool:
        """Whether what waits for a write, if anything does, has waited long enough."""
        written = self._base.written
        if status.model_copy(update={"epoch": written.epoch}) == written:
            return False
        riders = Riders(
            written=self._base.written_at, evaluated=status.last_evaluated, runs=self._runs(now)
        )
        return rider_due(self._key.uid, riders, now)

    def _epoch(self, now: datetime) -> int | None:
        """Our term's. None takes away one that was made up, and would refuse every write."""
        theirs = self._base.written.epoch
        return None if theirs and made_up(theirs, now) else self._services.authority.epoch

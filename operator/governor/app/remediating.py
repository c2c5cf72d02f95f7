"""Carries out what was chosen to be deprecated: once, and only if it is still wanted.

The log names the playbooks before anything is changed. Immediately before it, the policy
is read live: what it no longer wants, or may no longer do, is not done (protocol, rule 22).
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from governor.api.loading import load_policy
from governor.api.log import Entry, Target, Transition
from governor.api.policy import PolicySpec
from governor.app.delivering import Adoption, EntryLane, Office
from governor.app.ports import Clock, Deprecation, Json, ObjectKey, StatusStore
from governor.domain.remediations import RemediationOutcome, chosen
from governor.errors import DeliveryError, GoneError, RejectedError, SpecError, StoreError
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import FaultError, UnconfirmedError

Deprecate: TypeAlias = Callable[[str, TrustDrift, Sequence[str], datetime], Awaitable[Deprecation]]
"""Namespace, probe, ids and time of reference, as `SourceDirectory.deprecate` has them."""

_REMEMBERED = 64
"""So many outcomes are kept: an entry that somebody puts back is not carried out again."""

_Choice: TypeAlias = tuple[str, datetime]
"""Check and time of decision: they stay when a finding, and so its entries, get other ids."""


class RemediationLane(EntryLane):
    """A policy's choices of playbooks, on their way to the platform's database."""

    targets = (Target.REMEDIATION,)

    def __init__(
        self,
        key: ObjectKey,
        office: Office,
        *,
        store: StatusStore,
        clock: Clock,
        deprecate: Deprecate,
        refused: Callable[[str, str], str | None],
        muted: Callable[[str, datetime], bool],
        spec_at: Callable[[int], PolicySpec | None],
        inherited: Callable[[Entry], bool],
    ) -> None:
        """Joins the parts.

        Args:
            key: the policy.
            office: what its lanes share.
            store: where the policy is read live.
            clock: for mutes, and for when an outcome was known.
            deprecate: deprecates playbooks; raises FaultError.
            refused: namespace, source → why it may not be used for this now.
            muted: whether that check is muted then; raises DeliveryError while
                nobody can know.
            spec_at: the spec at a generation, if it is known.
            inherited: whether an earlier process may have tried the entry.
        """
        super().__init__(office)
        self._key = key
        self._store = store
        self._clock = clock
        self._deprecate = deprecate
        self._refused = refused
        self._muted = muted
        self._spec_at = spec_at
        self._inherited = inherited
        self._uncertain: set[_Choice] = set()
        self._outcomes: dict[_Choice, RemediationOutcome] = {}

    @property
    def place(self) -> str:
        """Each policy has its own sources, and its own troubles with them."""
        return f"{self.target} of {self._key.namespace}/{self._key.name}"

    async def tell(self, entry: Entry) -> Adoption | None:
        """Carries out an entry and notes what came of it; a second time only notes it."""
        if entry.transition is not Transition.REMEDIATE:
            raise RejectedError(f"nothing was chosen by a transition {entry.transition}")
        choice = _choice(entry)
        outcome = self._outcomes.get(choice) or await self._carry_out(entry)
        self._remember(choice, outcome)
        self._learned.remediated[entry.id] = outcome
        return None

    async def _carry_out(self, entry: Entry) -> RemediationOutcome:
        ids, before = chosen(entry.lists), self._tried_before(entry)
        try:
            probe = self._wanted(entry, ids, await self._live())
        except _UnwantedError as unwanted:
            # Nothing is done now; what an earlier try has done, nobody looks up.
            told = {"unconfirmed" if before else "not_changed": ids}
            return RemediationOutcome(cancelled=str(unwanted), at=self._clock.now(), **told)
        found = await self._try(entry, probe, ids)
        unconfirmed = found.already if before else ()
        touched = {*found.changed, *unconfirmed}
        return RemediationOutcome(
            changed=found.changed,
            not_changed=tuple(each for each in ids if each not in touched),
            unconfirmed=unconfirmed,
            at=self._clock.now(),
        )

    async def _live(self) -> Json:
        """The policy as the API server has it now.

        Raises:
            RejectedError: it is gone, and what it wanted with it.
            DeliveryError: nobody can say now.
        """
        try:
            return await self._store.read(self._key)
        except GoneError as error:
            raise RejectedError("the policy is gone: its playbooks stay as they are") from error
        except StoreError as error:
            raise DeliveryError(f"the policy can't be read before remediation: {error}") from error

    def _wanted(self, entry: Entry, ids: Sequence[str], body: Json) -> TrustDrift:
        """The probe that the playbooks were chosen by.

        Raises:
            _UnwantedError: they are to stay as they are.
            DeliveryError: nobody can know yet whether the check is muted.
        """
        probe = self._enforced(entry, body)
        if not ids:
            raise _UnwantedError("the log had no room for the playbooks' ids")
        refusal = self._refused(self._key.namespace, probe.source_ref.name)
        if refusal is not None:
            raise _UnwantedError(refusal)
        if self._muted(entry.check, self._clock.now()):
            raise _UnwantedError("the check is muted")
        return probe

    def _enforced(self, entry: Entry, body: Json) -> TrustDrift:
        """The same, as far as the policy itself says."""
        if body["metadata"].get("deletionTimestamp"):
            raise _UnwantedError("the policy is being deleted")
        try:
            spec = load_policy(body)
        except SpecError:
            raise _UnwantedError("the policy can't be understood any more") from None
        if spec.enforcement != "Enforce":
            raise _UnwantedError("enforcement is Audit")
        if spec.suspend:
            raise _UnwantedError("the policy is suspended")
        probe = _probe(spec, entry.check)
        if probe is None:
            raise _UnwantedError("the check is removed, or of another kind")
        if body["metadata"].get("generation") != entry.generation:
            judged = self._spec_at(entry.generation)
            # Of another source, or by another measure, the next run chooses anew.
            if judged is None or _probe(judged, entry.check) != probe:
                raise _UnwantedError("the check has changed since")
        return probe

    async def _try(self, entry: Entry, probe: TrustDrift, ids: Sequence[str]) -> Deprecation:
        choice = _choice(entry)
        earlier = choice in self._uncertain
        self._uncertain.add(choice)
        try:
            return await self._deprecate(self._key.namespace, probe, ids, entry.decided_at)
        except FaultError as error:
            if not (earlier or isinstance(error, UnconfirmedError)):
                self._uncertain.discard(choice)
            raise DeliveryError(f"GovernanceSource {probe.source_ref.name}: {error}") from error

    def _tried_before(self, entry: Entry) -> bool:
        """Whether what is found deprecated may be our own doing."""
        return _choice(entry) in self._uncertain or self._inherited(entry)

    def _remember(self, choice: _Choice, outcome: RemediationOutcome) -> None:
        self._uncertain.discard(choice)
        self._outcomes[choice] = outcome
        while len(self._outcomes) > _REMEMBERED:
            del self._outcomes[next(iter(self._outcomes))]


class _UnwantedError(Exception):
    """The playbooks are to stay as they are; the message says why."""


def _choice(entry: Entry) -> _Choice:
    return entry.check, entry.decided_at


def _probe(spec: PolicySpec, name: str) -> TrustDrift | None:
    """The trustDrift of the check of that name; None where it is another, or none."""
    for check in spec.checks:
        if check.name == name and isinstance(check.trust_drift, TrustDrift):
            return check.trust_drift if len(check.probes) == 1 else None
    return None

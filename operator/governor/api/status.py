"""GovernancePolicy.status: what is known, and the log of what is yet to be told.

Bounds are wide on purpose: a status that the API server refuses is a run that never
happened. What writes it stays far below them.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from governor.api.conditions import Conditions
from governor.api.log import Count, Entry, Message, Word
from governor.values.model import ATOMIC, StatusModel
from governor.values.moments import Time
from governor.values.reasons import Reason, Verdict
from governor.values.rules import VALIDATIONS, Distinct, Keyed

LATEST_EPOCH = 4_102_444_800_000
"""The year 2100: a higher one was made up, and would leave no room for a next one."""

Epoch = Annotated[
    int,
    Field(
        ge=0,
        le=LATEST_EPOCH,
        json_schema_extra={
            "format": "int64",
            VALIDATIONS: [
                {
                    "rule": "self >= oldSelf",
                    "message": "a leader of an earlier term can't write: another one leads now",
                }
            ],
        },
    ),
]
"""When a leader's term began, in milliseconds since 1970."""


class FindingRef(StatusModel):
    """An open finding."""

    model_config = ATOMIC

    id: UUID
    """The finding's id, by which every receiver knows it."""

    event_type: Word
    """The kind of finding, such as trust_drift."""

    opened_at: Time
    """When it was opened."""

    last_told_at: Time | None = None
    """When it was last decided to tell people of it, through channels. None: not yet."""

    told_to: Annotated[tuple[Word, ...], Field(max_length=32), Distinct()] | None = None
    """The channels, but Alertmanagers, that its opening was decided to be told to."""


class LastFinding(FindingRef):
    """The latest finding that was resolved."""

    resolved_at: Time
    """When it was resolved."""

    reason: Word
    """Why it was resolved, such as Recovered."""


DispatchState = Literal[
    "pending", "dispatched", "executing", "succeeded", "failed", "skipped", "cancelled"
]


class DispatchStatus(StatusModel):
    """The latest work item of a check, as the database last told."""

    model_config = ATOMIC

    id: UUID
    """The work item's id."""

    executor: Word
    """Who works on it."""

    status: DispatchState
    """Where it is: pending, dispatched, executing, succeeded, failed, skipped or
    cancelled."""

    finding: UUID
    """The finding that it is for."""

    attempts: Count = 0
    """How often an executor has tried."""

    created_at: Time
    """When it was created."""

    finished_at: Time | None = None
    """When it succeeded, failed, was skipped or cancelled."""


class CheckStatus(StatusModel):
    """One check's latest run, and the life of its finding."""

    model_config = ATOMIC

    name: Annotated[str, Field(min_length=1, max_length=40)]
    """The check's name."""

    verdict: Verdict = Verdict.NO_DATA
    """What the latest run says: Violated, Error, NoData, Warning or Ok."""

    reason: Reason = Reason.NOT_YET_EVALUATED
    """One word for why the verdict is what it is."""

    message: Message = ""
    """Why, for people."""

    value: float | None = None
    """The measured value; at most 5 minutes old. None while there is none."""

    gap: float | None = None
    """Past the red line: how far. Else the distance to the target, positive where it is
    met; without a target, to the red line."""

    samples: Count | None = None
    """How many things the value was computed from, where the probe knows."""

    last_evaluated: Time | None = None
    """When the check was last run."""

    since: Time | None = None
    """Since when the verdict is what it is."""

    digest: Word = ""
    """Changes with the check's spec, and then its counts start anew."""

    violations: Count = 0
    """Violated runs in a row, as far as the failure threshold."""

    successes: Count = 0
    """Ok or Warning runs in a row, as far as the success threshold."""

    blind_since: Time | None = None
    """Since when the check can't be measured, as the CheckBlind Event told."""

    blind_runs: Count = 0
    """Error or NoData runs in a row, as far as selfFailure.blindAfter."""

    counted_slot: Time | None = None
    """The latest slot that violations or successes have counted."""

    blind_slot: Time | None = None
    """The latest slot that blindRuns has counted."""

    finding: FindingRef | None = None
    """The open finding of the check, if there is one."""

    last_finding: LastFinding | None = None
    """The latest finding of the check that was resolved."""

    blind: FindingRef | None = None
    """The open finding that the check is blind, if there is one."""

    last_blind: LastFinding | None = None
    """The latest finding that the check was blind, once resolved."""

    dispatch: DispatchStatus | None = None
    """The latest work item of the check's findings."""

    suppressed: Word | None = None
    """OpenReview: reminders rest, as the work item in dispatch is under way."""

    muted_until: Time | None = None
    """Until when a GovernanceMute silences the check."""


class PolicyFinding(StatusModel):
    """A finding of the whole policy: self failure, data gap."""

    model_config = ATOMIC

    event_type: Annotated[str, Field(min_length=1, max_length=253)]
    """The kind of finding: governance_self_failure or governance_slo_data_gap."""

    finding: FindingRef | None = None
    """The open finding, if there is one."""

    last_finding: LastFinding | None = None
    """The latest one that was resolved."""


class Summary(StatusModel):
    """How many checks have which verdict."""

    model_config = ATOMIC

    ok: Count = 0
    """Checks that are Ok."""
    warning: Count = 0
    """Checks that are past their target."""
    violated: Count = 0
    """Checks that are past their red line."""
    no_data: Count = 0
    """Checks without data to judge."""
    error: Count = 0
    """Checks that could not be measured."""
    muted: Count = 0
    """Checks that a GovernanceMute silences; they count under their verdict, too."""


class MuteRef(StatusModel):
    """A GovernanceMute that is honoured."""

    model_config = ATOMIC

    uid: Annotated[str, Field(min_length=1, max_length=64)]
    """The mute's uid."""

    name: Word
    """The mute's name."""

    finding: FindingRef
    """Its row in the database, of event type governance_mute."""

    expires_at: Time
    """When it ends."""


class SloSummary(StatusModel):
    """The promql checks together."""

    model_config = ATOMIC

    violated: Count = 0
    """Promql checks that are Violated."""
    no_data: Count = 0
    """Promql checks that are NoData."""
    ok: Count = 0
    """Promql checks that are Ok or Warning."""
    error: Count = 0
    """Promql checks that are Error."""
    all_no_data: bool = False
    """Whether at least one is NoData and none was measured."""
    status: Literal["violated", "no_data", "error", "partial_data", "ok"]
    """The first that applies of violated, no_data (all), error, partial_data, ok."""


class PolicyStatus(StatusModel):
    """The whole status of a policy."""

    observed_generation: Count | None = None
    """The generation of the spec that this status is about."""

    epoch: Epoch | None = None
    """The term of the operator's leader that wrote this status. It never goes back, so that
    a leader that is none any more writes nothing."""

    verdict: Literal["Violated", "Error", "NoData", "Warning", "Ok", "Suspended"] | None = None
    """The worst check's verdict; Suspended while the policy is."""

    last_evaluated: Time | None = None
    """When a check of the policy was last run."""

    valid_until: Time | None = None
    """Past this time the status can't be believed: the operator may be down."""

    last_handled_run_now: Word | None = None
    """The latest value of the annotation governance.aiops.dev/run-now that was obeyed."""

    summary: Summary = Summary()
    """How many checks have which verdict."""

    slo: SloSummary | None = None
    """The promql checks together, where there are any."""

    conditions: Conditions = ()
    """Ready: every check could be measured, or had no data. Compliant: no check is
    Violated, and all are known. Stalled: somebody must change a spec."""

    checks: Annotated[tuple[CheckStatus, ...], Field(max_length=32), Keyed("name")] = ()
    """Each check's latest run, and the life of its finding."""

    findings: Annotated[tuple[PolicyFinding, ...], Field(max_length=8), Keyed("eventType")] = ()
    """Findings of the whole policy: self failure, data gap."""

    mutes: Annotated[tuple[MuteRef, ...], Field(max_length=32), Keyed("uid")] = ()
    """The mutes of the policy that are honoured now."""

    pending: Annotated[
        tuple[Entry, ...],
        Field(max_length=256, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """The log: transitions that are yet to be told. Only the operator writes it; an entry
    of another hand is not delivered."""

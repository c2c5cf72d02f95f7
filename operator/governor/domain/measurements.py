"""What is kept of every run of a check: its value, its verdict, and the lines of its day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from governor.domain.episodes import Run
from governor.domain.judging import judge
from governor.domain.policies import Policy
from governor.values.objectives import Objective
from governor.values.reasons import Reason, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementRecord:
    """One check at one slot. Nothing in it is text of a tenant, but for names."""

    namespace: str
    policy: str
    policy_uid: str
    generation: int
    check_name: str
    slot: datetime
    measured_at: datetime
    seconds: float
    """How long measuring took."""
    verdict: Verdict
    reason: Reason
    value: float | None
    """What was judged, unrounded; None where there was no number to judge."""
    samples: int | None
    objective: Objective
    """What the value was judged by."""


def recorded(  # noqa: PLR0917 - whose runs they are
    namespace: str, name: str, uid: str, generation: int, policy: Policy, runs: Sequence[Run]
) -> tuple[MeasurementRecord, ...]:
    """The records of runs of a policy, each judged by this generation's objective."""
    measured = {run.check: run for run in runs}
    return tuple(
        _record(namespace, name, uid, generation, check.objective, measured[check.name])
        for check in policy.checks
        if check.name in measured
    )


def _record(  # noqa: PLR0917
    namespace: str, name: str, uid: str, generation: int, objective: Objective, run: Run
) -> MeasurementRecord:
    judged = judge(objective, run.outcome)
    return MeasurementRecord(
        namespace=namespace,
        policy=name,
        policy_uid=uid,
        generation=generation,
        check_name=run.check,
        slot=run.slot,
        measured_at=run.at,
        seconds=run.seconds,
        verdict=judged.verdict,
        reason=judged.reason,
        value=judged.value,
        samples=judged.samples,
        objective=objective,
    )


def one_a_slot(records: Iterable[MeasurementRecord]) -> tuple[MeasurementRecord, ...]:
    """One record for each (policy, check, slot), in order of their first.

    The first stays, as it was the one that counted; but a number takes the place of an
    Error or a NoData, as the retry that measures counts (protocol, rule 12).
    """
    kept: dict[tuple[str, str, datetime], MeasurementRecord] = {}
    for record in records:
        key = (record.policy_uid, record.check_name, record.slot)
        before = kept.setdefault(key, record)
        if before.value is None and record.value is not None:
            kept[key] = record
    return tuple(kept.values())

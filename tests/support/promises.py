"""What must hold of a policy's status after every decision, as the model and the rules have it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from tests.support.findings_model import BLIND, Model, Place

from governor.api.status import FindingRef, PolicyStatus
from governor.app.subjects import dump
from governor.domain import log
from governor.domain.takeovers import Known

MOST_BYTES = 64 * 1024


def open_findings(status: PolicyStatus) -> dict[Place, FindingRef]:
    """The open findings of a status, but those that are mutes."""
    return {place: ref for place, ref in _refs(status) if ref is not None}


def unknown(
    status: PolicyStatus, rows: Sequence[Known], adopted: Mapping[UUID, FindingRef]
) -> list[Place]:
    """The places of rows that a status says nothing of, under any id that it has learned.

    A row that is older than the last finding of its place that ended was over before that.
    """
    known: set[UUID | None] = {e.finding for e in log.adopt(status.pending, adopted)}
    known |= {ref.id for _, ref in _refs(status) if ref is not None}
    known |= {last.id for _, last in _ended(status)}
    known |= {mute.finding.id for mute in status.mutes}
    begun = {place: last.opened_at for place, last in _ended(status)}
    places = {row.finding.id: (row.check, row.finding.event_type) for row in rows}
    return [
        places[row.finding.id]
        for row in rows
        if row.finding.id not in known
        and row.finding.opened_at >= begun.get(places[row.finding.id], row.finding.opened_at)
    ]


def agrees(model: Model, status: PolicyStatus) -> None:
    """Verdicts, counts and open findings are those of the model."""
    assert str(status.verdict).lower() == model.verdict
    assert open_findings(status).keys() == model.open.keys()
    assert {mute.uid for mute in status.mutes} == model.mutes
    if model.suspended:
        return
    assert [check.name for check in status.checks] == list(model.checks)
    for check in status.checks:
        state = model.checks[check.name]
        counts = (check.violations, check.successes, check.blind_runs)
        assert counts == (state.violations, state.successes, state.blind_runs), check.name
        assert (check.blind_since is not None) == state.dark
        assert str(check.verdict).lower() == state.verdict.replace("new", "nodata")


def keeps_its_bounds(before: PolicyStatus, status: PolicyStatus, now: datetime) -> None:
    """Sizes, and times that move only with what they tell of."""
    assert len(json.dumps(dump(status), separators=(",", ":")).encode()) <= MOST_BYTES
    old = [entry for entry in status.pending if now - entry.decided_at >= log.CHANCE]
    assert sum(log.size(entry) + 1 for entry in old) <= log.LIMIT_BYTES * 3 // 2
    assert len({entry.id for entry in status.pending}) == len(status.pending)
    were = {condition.type: condition for condition in before.conditions}
    for condition in status.conditions:
        was = were.get(condition.type)
        if was is not None and was.status == condition.status:
            assert condition.last_transition_time == was.last_transition_time


def _refs(status: PolicyStatus) -> Iterator[tuple[Place, FindingRef | None]]:
    for check in status.checks:
        if check.finding is not None:
            yield (check.name, check.finding.event_type), check.finding
        yield (check.name, BLIND), check.blind
    for place in status.findings:
        yield ("", place.event_type), place.finding


def _ended(status: PolicyStatus) -> Iterator[tuple[Place, FindingRef]]:
    for check in status.checks:
        for last in (check.last_finding, check.last_blind):
            if last is not None:
                yield (check.name, last.event_type), last
    for place in status.findings:
        if place.last_finding is not None:
            yield ("", place.event_type), place.last_finding

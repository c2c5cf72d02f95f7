"""How deliveries of one finding merge into one row: in any order, repeated at will.

The more folded delivery is the whole truth about its row, as it stands for several
findings; among equals
- `details` and what they rest on are the earliest delivery's (`details_at`),
- the first end counts (`resolved_at`, and the reason goes with it),
- `last_seen_at` is the latest.
What remediations came to stays in the details, whoever's they are (`remediations`).
An UPDATE alone would be lost where the end comes before the opening.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Insert,
    Select,
    Table,
    TableValuedAlias,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from governor.adapters.sink.cleaning import clean_text, json_text
from governor.adapters.sink.remediations import GATHERED, PART, RUNS
from governor.adapters.sink.tables import events, revisions
from governor.app.ports import Episode, Revision

_TOLD_TOGETHER = (
    "details_at",
    "namespace",
    "policy",
    "generation",
    "severity",
)


def event_row(episode: Episode, cluster: str) -> dict[str, Any]:
    """The row that an episode is on its own; `given` cleans its JSON."""
    reason = episode.resolved_reason
    return {
        "id": episode.id,
        "event_type": clean_text(episode.event_type),
        "details": episode.details,
        "details_at": episode.last_seen_at,
        "resolved": episode.resolved_at is not None,
        "resolved_at": episode.resolved_at,
        "resolved_reason": None if reason is None else clean_text(reason),
        "cluster": clean_text(cluster),
        "namespace": clean_text(episode.namespace),
        "policy": clean_text(episode.policy),
        "policy_uid": clean_text(episode.policy_uid),
        "generation": episode.generation,
        "check_name": clean_text(episode.check_name),
        "severity": clean_text(episode.severity),
        "opened_at": episode.opened_at,
        "last_seen_at": episode.last_seen_at,
        "folded": episode.folded,
    }


def revision_row(revision: Revision, cluster: str) -> dict[str, Any]:
    """The row of a revision; `given` cleans its JSON."""
    return {
        "cluster": clean_text(cluster),
        "policy_uid": clean_text(revision.policy_uid),
        "generation": revision.generation,
        "namespace": clean_text(revision.namespace),
        "policy": clean_text(revision.policy),
        "spec": revision.spec,
        "seen_at": revision.seen_at,
        "field_manager": clean_text(revision.field_manager),
    }


def _given(table: Table) -> TableValuedAlias:
    """Rows to insert, as JSON: one statement, and one argument, for any number of them.

    Findings drain a tenth faster so than by an array of each column's values (`make bench-sink`).
    """
    rows = bindparam("rows", type_=Text)
    columns = (column(c.name, c.type) for c in table.c)
    recordset = func.json_to_recordset(cast(rows, JSON)).table_valued(*columns, name="given")
    return recordset.render_derived(with_types=True)


def given(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The arguments of a statement here, for these rows."""
    return {"rows": json_text(rows)}


def _upsert_events() -> Select[Any]:
    rows = _given(events)
    statement = insert(events).from_select([c.name for c in events.c], select(*rows.c))
    old, new = events.c, statement.excluded
    same_fold = new.folded == old.folded
    more_folded = new.folded > old.folded
    tells = or_(more_folded, and_(same_fold, new.details_at < old.details_at))
    ends = and_(
        new.resolved,
        or_(
            ~old.resolved,
            more_folded,
            and_(same_fold, new.resolved_at < old.resolved_at),
        ),
    )

    def newer(condition: ColumnElement[bool], column: str) -> ColumnElement[Any]:
        return case((condition, new[column]), else_=old[column])

    merged = statement.on_conflict_do_update(
        index_elements=[old.id],
        set_={
            "details": case((tells, _keeping_runs(new.details, old.details)), else_=old.details),
            **{column: newer(tells, column) for column in _TOLD_TOGETHER},
            **{column: newer(ends, column) for column in ("resolved_at", "resolved_reason")},
            "resolved": or_(old.resolved, new.resolved),
            "last_seen_at": func.greatest(old.last_seen_at, new.last_seen_at),
            "folded": func.greatest(old.folded, new.folded),
        },
    ).returning(old.id, old.resolved)
    stored = merged.cte("stored")
    return select(stored.c.id).where(stored.c.resolved)


def _keeping_runs(details: ColumnElement[Any], stored: ColumnElement[Any]) -> ColumnElement[Any]:
    kept = [part for name in GATHERED for part in (name, stored[PART][name])]
    is_object = func.jsonb_typeof(details[PART]) == "object"
    own = case((is_object, details[PART]), else_=func.jsonb_build_object(type_=JSONB))
    part = own.concat(func.jsonb_build_object(*kept, type_=JSONB))
    merged = details.concat(func.jsonb_build_object(PART, part, type_=JSONB))
    return case((stored[PART].has_key(RUNS), merged), else_=details)


def _insert_revisions() -> Insert:
    statement = insert(revisions).from_select(
        [c.name for c in revisions.c], select(*_given(revisions).c)
    )
    return statement.on_conflict_do_nothing()


UPSERT_EVENTS = _upsert_events()
"""Stores rows, or merges each into the one of the same id; the ids of those that are resolved
now: of an opening, which comes in crowds, nothing need be read."""

INSERT_REVISIONS = _insert_revisions()
"""Stores rows unless they are there."""

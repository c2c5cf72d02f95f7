"""What remediations came to, kept in the details of their finding.

Details are those of the earliest delivery; what remediations came to is gathered from
all of them. Each is kept once by its id, whatever comes before, between or after.
"""

from datetime import UTC
from typing import Any

from governor.adapters.sink.cleaning import clean_json
from governor.app.ports import Json, RemediationRecord

PART = "remediation"
RUNS = "runs"
GATHERED = (RUNS, "auto_deprecated_count", "auto_deprecated_ids")
"""What is gathered under `details.remediation`; the rest is the earliest delivery's."""


def with_remediation(details: Json, remediation: RemediationRecord) -> dict[str, Any]:
    """The details with this remediation among the runs, and what they all have changed."""
    runs = {run["id"]: run for run in (_run(remediation), *_part(details).get(RUNS, ()))}
    changed = sorted({playbook for run in runs.values() for playbook in run["changed"]})
    gathered = {
        RUNS: sorted(runs.values(), key=lambda run: (run["at"], run["id"])),
        "auto_deprecated_count": len(changed),
        "auto_deprecated_ids": changed,
    }
    return {**details, PART: {**_part(details), **gathered}}


def keeping_runs(details: Json, stored: Json) -> Json:
    """The details with the runs that were stored; `upserts` says the same in SQL."""
    kept = _part(stored)
    if RUNS not in kept:
        return details
    return {**details, PART: {**_part(details), **{name: kept[name] for name in GATHERED}}}


def _part(details: Json) -> dict[str, Any]:
    part = details.get(PART)
    return part if isinstance(part, dict) else {}


def _run(remediation: RemediationRecord) -> dict[str, Any]:
    run: dict[str, Any] = clean_json(
        {
            "id": str(remediation.id),
            "at": remediation.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "changed": remediation.changed,
            "not_changed": remediation.not_changed,
            "unconfirmed": remediation.unconfirmed,
            "cancelled": remediation.cancelled,
        }
    )
    return run

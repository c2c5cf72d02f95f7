"""The rows of the four governed tables: thousands, and the same for the same health.

Ratios are exact by construction; the rest is seeded noise, so that the tables
look like a platform's and not like a test's. Times are relative to *now*:
staleness is measured against the clock.
"""

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from governor_local.world import Health

SCHEMA = """
create table if not exists public.playbooks (
  playbook_id text primary key,
  status text,
  trust_score numeric,
  last_used_at timestamptz,
  created_at timestamptz not null
);
create table if not exists public.knowledge_entries (
  entry_id bigint primary key,
  status text,
  updated_at timestamptz
);
create table if not exists public.incident_evidence (
  evidence_id bigint primary key,
  verification_result text,
  collected_at timestamptz
);
create index if not exists incident_evidence_newest
  on public.incident_evidence (collected_at desc nulls last);
create table if not exists public.auto_repair_executions (
  execution_id bigint primary key,
  success boolean,
  created_at timestamptz
);
create index if not exists auto_repair_executions_newest
  on public.auto_repair_executions (created_at desc nulls last);
"""

TABLES = ("playbooks", "knowledge_entries", "incident_evidence", "auto_repair_executions")

PLAYBOOKS, RETIRED_PLAYBOOKS = 1_800, 200
ENTRIES, ARCHIVED_ENTRIES = 4_800, 200
EVIDENCE, UNVERIFIED_EVIDENCE = 4_000, 800
EXECUTIONS = 3_000
WINDOW = 100
"""How many of the newest rows the sample's windows look at."""

DRIFTED: Mapping[Health, int] = {Health.GOOD: 0, Health.BAD: 36}
UNUSED_DRIFTED = 12
"""So many of the drifted playbooks were last used over 30 days ago."""
STALE: Mapping[Health, int] = {Health.GOOD: 480, Health.BAD: 1_440}
FAILED_VERIFICATIONS: Mapping[Health, int] = {Health.GOOD: 3, Health.BAD: 25}
FAILED_REPAIRS: Mapping[Health, int] = {Health.GOOD: 4, Health.BAD: 30}

_SEED = 20_261_122
_OTHER_RESULTS = ("success", "success", "success", "degraded", "timeout")

Row = tuple[object, ...]


def rows(health: Health, now: datetime) -> dict[str, list[Row]]:
    """All rows by table, the columns in the order of `SCHEMA`."""
    noise = random.Random(_SEED)  # noqa: S311 - the same numbers each time are the point
    return {
        "playbooks": list(_playbooks(health, now, noise)),
        "knowledge_entries": list(_entries(health, now, noise)),
        "incident_evidence": list(_evidence(health, now, noise)),
        "auto_repair_executions": list(_executions(health, now, noise)),
    }


def _playbooks(health: Health, now: datetime, noise: random.Random) -> Iterator[Row]:
    for number in range(PLAYBOOKS + RETIRED_PLAYBOOKS):
        status = _playbook_status(number)
        trust = round(noise.uniform(0.35, 0.99), 2)
        used = now - timedelta(days=noise.uniform(0.1, 20))
        if status in ("deprecated", "archived"):
            trust, used = round(trust / 10, 2), used - timedelta(days=90)
        elif number < DRIFTED[health]:
            trust = round(0.02 + number * 0.005, 3)
            if number < UNUSED_DRIFTED:
                used -= timedelta(days=45)
        created = used - timedelta(days=noise.uniform(30, 300))
        yield f"pb-{number:05}", status, trust, used, created


def _playbook_status(number: int) -> str | None:
    if number >= PLAYBOOKS:
        return "archived" if number % 4 == 0 else "deprecated"
    # A status that nobody set is in the population.
    return None if number % 90 == 89 else "draft" if number % 15 == 14 else "active"  # noqa: PLR2004


def _entries(health: Health, now: datetime, noise: random.Random) -> Iterator[Row]:
    for number in range(ENTRIES + ARCHIVED_ENTRIES):
        age = noise.uniform(0.01, 4)
        if number < STALE[health] or number >= ENTRIES:
            age += 10
        status = "archived" if number >= ENTRIES else "published"
        yield number + 1, status, now - timedelta(days=age)


def _evidence(health: Health, now: datetime, noise: random.Random) -> Iterator[Row]:
    """Newest first; every fifth was never verified, so it is in no window."""
    failed = set(noise.sample(range(WINDOW), FAILED_VERIFICATIONS[health]))
    verified = 0
    for number in range(EVIDENCE):
        result: str | None = None
        if number % (EVIDENCE // UNVERIFIED_EVIDENCE):
            beyond = verified >= WINDOW and noise.random() < 0.08  # noqa: PLR2004
            result = "failed" if verified in failed or beyond else noise.choice(_OTHER_RESULTS)
            verified += 1
        yield EVIDENCE - number, result, now - timedelta(minutes=3 * number + noise.random())


def _executions(health: Health, now: datetime, noise: random.Random) -> Iterator[Row]:
    """Newest first."""
    failed = set(noise.sample(range(WINDOW), FAILED_REPAIRS[health]))
    for number in range(EXECUTIONS):
        beyond = number >= WINDOW and noise.random() < 0.12  # noqa: PLR2004
        success = not (number in failed or beyond)
        yield EXECUTIONS - number, success, now - timedelta(minutes=7 * number + noise.random())

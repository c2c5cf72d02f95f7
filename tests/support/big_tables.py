"""Governed tables of any size, made by the server itself."""

from collections.abc import Mapping

from tests.support.governed import Governed

from governor.probes.base import SourceRef, SqlProbe
from governor.probes.execution_blast_radius import ExecutionBlastRadius
from governor.probes.knowledge_degradation import KnowledgeDegradation
from governor.probes.llm_hallucination import LlmHallucination
from governor.probes.trust_drift import TrustDrift
from governor_local import manifests

INDEXES = manifests.DEPLOY / "database" / "platform-indexes.sql"

_SOURCE = SourceRef(name="platform")
PROBES: Mapping[str, SqlProbe] = {
    "knowledge_entries": KnowledgeDegradation(source_ref=_SOURCE),
    "incident_evidence": LlmHallucination(source_ref=_SOURCE),
    "auto_repair_executions": ExecutionBlastRadius(source_ref=_SOURCE),
    "playbooks": TrustDrift(source_ref=_SOURCE),
}
"""Table → the built-in check that measures it."""

_ROWS = {
    "knowledge_entries": """
        SELECT CASE WHEN i % 25 = 0 THEN 'archived' ELSE 'published' END,
               timestamptz '2026-11-22' - i % 1000 * interval '12 minutes'""",
    "incident_evidence": """
        SELECT CASE WHEN i % 5 = 0 THEN NULL WHEN i % 31 = 0 THEN 'failed' ELSE 'success' END,
               timestamptz '2026-11-22' - i * interval '1 second'""",
    "auto_repair_executions": """
        SELECT i % 17 <> 0, timestamptz '2026-11-22' - i * interval '1 second'""",
    "playbooks": """
        SELECT 'pb-' || i || '-' || md5(i::text) || md5((i + 1)::text),
               CASE WHEN i % 20 = 0 THEN 'deprecated' ELSE 'active' END,
               CASE WHEN i % 10000 = 1 THEN 0.1 ELSE 0.3 + i % 70 / 100.0 END,
               timestamptz '2026-11-22' - i % 90 * interval '1 day',
               timestamptz '2025-11-22'""",
}


def fill(governed: Governed, table: str, count: int) -> None:
    """So many rows, as a platform's: archived, unverified and drifted ones among them."""
    rows = f"{_ROWS[table]} FROM generate_series(1, {count}) AS i"
    governed.sql(f"INSERT INTO {table} {rows}")


def index(governed: Governed) -> None:
    """As deploy/database/platform-indexes.sql says; and the tables are vacuumed."""
    governed.sql(INDEXES.read_text())
    for table in PROBES:
        governed.sql(f"VACUUM ANALYZE {table}")

"""knowledgeDegradation: how much of the agents' knowledge nobody has touched lately."""

from collections.abc import Mapping
from datetime import datetime

from governor.probes import counting
from governor.probes.base import Access, Guidance, SqlAnswer, SqlProbe, SqlQuery
from governor.probes.slo import DECIMALS
from governor.values.durations import Age
from governor.values.objectives import Direction, Objective
from governor.values.outcomes import Fact, Outcome

STALE_AFTER = "7d"

_QUERY = """\
SELECT
  count(*) AS total,
  count(*) FILTER (WHERE updated_at IS NULL OR updated_at < $1) AS stale,
  count(*) FILTER (WHERE updated_at IS NULL) AS unjudged
FROM {entries}
WHERE status IS NULL OR status <> 'archived'"""


class KnowledgeDegradation(SqlProbe):
    """The share of knowledge entries that are stale. Archived entries do not count."""

    ACCESS = Access.BUILTIN_CHECKS
    FINDING_STATUS = "warning"
    OBJECTIVE = Objective(direction=Direction.BELOW, red_line=0.20)
    GUIDANCE = Guidance(
        hint="Agents decide by knowledge that nobody has confirmed for long.",
        next_action="run_kb_growth_healthcheck",
        items=(
            "Find out whether what feeds the knowledge base still runs",
            "Refresh the stale entries that incidents and playbooks rely on most",
            "Archive entries that describe what no longer exists",
        ),
    )

    stale_after: Age | None = None
    """How long after its last update an entry becomes stale.
    A whole number of s, m, h or d, such as 7d. Default: 7d."""

    @classmethod
    def event_type(cls, check: str) -> str:
        del check  # One event type for the kind.
        return "knowledge_degradation"

    def query(self, relations: Mapping[str, str], at: datetime) -> SqlQuery:
        entries = relations["knowledge_entries"]
        return SqlQuery(
            text=_QUERY.format(entries=entries),
            parameters=(counting.earlier(at, self._stale_after),),
            columns={entries: {"status": counting.TEXT, "updated_at": counting.TIME}},
        )

    def read(self, answer: SqlAnswer) -> Outcome:
        row = answer.row()
        stale, total = counting.count(row, "stale"), counting.count(row, "total")
        return counting.share(
            stale,
            total,
            of="knowledge entries",
            facts={
                "stale_count": stale,
                "total_count": total,
                "unjudged": counting.count(row, "unjudged"),
            },
        )

    def impact(
        self, check: str, value: float, objective: Objective, facts: Mapping[str, Fact]
    ) -> dict[str, Fact]:
        del check
        return {
            "stale_count": facts.get("stale_count"),
            "total_count": facts.get("total_count"),
            "stale_ratio": round(value, DECIMALS),
            "threshold": objective.red_line,
            "stale_days": counting.days(self._stale_after),
        }

    @property
    def _stale_after(self) -> str:
        return self.stale_after or STALE_AFTER

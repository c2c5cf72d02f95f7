"""llmHallucination: how often the agents' diagnoses failed verification."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field

from governor.probes import counting
from governor.probes.base import Access, Guidance, SqlAnswer, SqlProbe, SqlQuery
from governor.probes.slo import DECIMALS
from governor.values.objectives import Direction, Objective
from governor.values.outcomes import Fact, Outcome

WINDOW = 100

# Of rows collected at the same time, failures come first: the window's last place is
# never a matter of chance, and doubt counts against.
_QUERY = """\
SELECT
  count(*) AS total,
  count(*) FILTER (WHERE verification_result = 'failed') AS failed
FROM (
  SELECT verification_result
  FROM {evidence}
  WHERE verification_result IS NOT NULL
  ORDER BY collected_at DESC NULLS LAST, verification_result = 'failed' DESC
  LIMIT $1
) AS latest"""


class LlmHallucination(SqlProbe):
    """The share of the latest verified incident evidence whose verification failed."""

    ACCESS = Access.BUILTIN_CHECKS
    FINDING_STATUS = "warning"
    OBJECTIVE = Objective(direction=Direction.BELOW, red_line=0.10)
    GUIDANCE = Guidance(
        hint="What the agents concluded about incidents failed verification too often.",
        next_action="run_knowledge_gap_audit",
        items=(
            "Read the latest evidence that failed: which services, alerts and agents recur?",
            "Audit the knowledge that those diagnoses were drawn from, and fill its gaps",
            "Ask for a person's approval of diagnoses until the rate is down",
        ),
    )

    window: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many of the latest verified rows to look at, 1 to 10000. Default: 100."""

    @classmethod
    def event_type(cls, check: str) -> str:
        del check  # One event type for the kind.
        return "llm_hallucination"

    def query(self, relations: Mapping[str, str], at: datetime) -> SqlQuery:
        del at  # The latest rows, however old they are.
        evidence = relations["incident_evidence"]
        return SqlQuery(
            text=_QUERY.format(evidence=evidence),
            parameters=(self.window or WINDOW,),
            columns={
                evidence: {"verification_result": counting.TEXT, "collected_at": counting.TIME}
            },
        )

    def read(self, answer: SqlAnswer) -> Outcome:
        row = answer.row()
        failed, total = counting.count(row, "failed"), counting.count(row, "total")
        return counting.share(
            failed,
            total,
            of="verified pieces of incident evidence",
            facts={"failed_count": failed, "total_checked": total},
        )

    def impact(
        self, check: str, value: float, objective: Objective, facts: Mapping[str, Fact]
    ) -> dict[str, Fact]:
        del check
        return {
            "failed_count": facts.get("failed_count"),
            "total_checked": facts.get("total_checked"),
            "hallucination_rate": round(value, DECIMALS),
            "threshold": objective.red_line,
        }

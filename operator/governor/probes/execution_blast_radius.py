"""executionBlastRadius: how often the agents' automatic repairs failed."""

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

# Of repairs made at the same time, failures come first: the window's last place is
# never a matter of chance, and doubt counts against.
_QUERY = """\
SELECT
  count(*) AS total,
  count(*) FILTER (WHERE success IS NOT TRUE) AS failed,
  count(*) FILTER (WHERE success IS NULL) AS unjudged
FROM (
  SELECT success
  FROM {executions}
  ORDER BY created_at DESC NULLS LAST, success IS NOT TRUE DESC, success IS NULL DESC
  LIMIT $1
) AS latest"""


class ExecutionBlastRadius(SqlProbe):
    """The share of the latest automatic repairs that failed."""

    ACCESS = Access.BUILTIN_CHECKS
    FINDING_STATUS = "warning"
    OBJECTIVE = Objective(direction=Direction.BELOW, red_line=0.15)
    GUIDANCE = Guidance(
        hint="Automatic repairs fail more often than the platform tolerates.",
        next_action="pause_auto_repair_for_top_failing_playbooks",
        items=(
            "Find the playbooks behind most of the failed repairs, and pause those",
            "Check what the failed repairs left behind, and undo what did harm",
            "Let a person approve automatic repairs until the rate is down",
        ),
    )

    window: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many of the latest repairs to look at, 1 to 10000. Default: 100."""

    @classmethod
    def event_type(cls, check: str) -> str:
        del check  # One event type for the kind.
        return "execution_blast_radius"

    def query(self, relations: Mapping[str, str], at: datetime) -> SqlQuery:
        del at  # The latest rows, however old they are.
        executions = relations["auto_repair_executions"]
        return SqlQuery(
            text=_QUERY.format(executions=executions),
            parameters=(self.window or WINDOW,),
            columns={executions: {"success": counting.FLAG, "created_at": counting.TIME}},
        )

    def read(self, answer: SqlAnswer) -> Outcome:
        row = answer.row()
        failed, total = counting.count(row, "failed"), counting.count(row, "total")
        return counting.share(
            failed,
            total,
            of="automatic repairs",
            facts={
                "failed_count": failed,
                "total_executions": total,
                "unjudged": counting.count(row, "unjudged"),
            },
        )

    def impact(
        self, check: str, value: float, objective: Objective, facts: Mapping[str, Fact]
    ) -> dict[str, Fact]:
        del check
        return {
            "failed_count": facts.get("failed_count"),
            "total_executions": facts.get("total_executions"),
            "failure_rate": round(value, DECIMALS),
            "threshold": objective.red_line,
        }

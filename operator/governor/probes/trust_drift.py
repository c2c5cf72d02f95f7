"""trustDrift: how many playbooks in use have lost the platform's trust."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from governor.probes import counting
from governor.probes.base import Access, Guidance, SqlAnswer, SqlProbe, SqlQuery
from governor.probes.slo import DECIMALS
from governor.values.durations import Age
from governor.values.objectives import Direction, Objective
from governor.values.outcomes import Fact, Outcome

MINIMUM_TRUST = 0.2
DEPRECATE_UNUSED_AFTER = "30d"

MAX_PER_RUN = 20
MOST_SAMPLES = 10
"""How many of the drifted playbooks that are kept are named."""
LONGEST_ID = 200
"""So much of an id is told, in characters. A playbook with a longer one is never chosen:
an id that was cut must not reach an UPDATE."""

_COLUMNS = {
    "playbook_id": counting.TEXT,
    "status": counting.TEXT,
    "trust_score": counting.NUMBER,
    "last_used_at": counting.TIME,
    "created_at": counting.TIME,
}

# NaN sorts above every number in PostgreSQL and NULL compares with none: both are
# asked for by name. `at` alone says what is old; the server's clock is not asked.
_QUERY = """\
WITH drifted AS (
  SELECT playbook_id, trust_score,
         COALESCE(trust_score <> 'NaN'
                  AND COALESCE(last_used_at, created_at) < $2, false) AS unused
  FROM {playbooks}
  WHERE (status IS NULL OR status NOT IN ('deprecated', 'archived'))
    AND (trust_score < $1::numeric OR trust_score IS NULL OR trust_score = 'NaN')
)
SELECT
  (SELECT count(*) FROM {playbooks}
   WHERE status IS NULL OR status NOT IN ('deprecated', 'archived')) AS total,
  count(*) AS drifted,
  count(*) FILTER (WHERE trust_score IS NULL OR trust_score = 'NaN') AS unjudged,
  count(*) FILTER (WHERE unused) AS unused,
  ARRAY(SELECT id FROM (
          SELECT playbook_id COLLATE "C" AS id, min(trust_score) AS trust FROM drifted
          WHERE unused AND char_length(playbook_id) <= {longest} GROUP BY 1
        ) AS nameable
        ORDER BY trust, id LIMIT $3) AS unused_ids,
  ARRAY(SELECT left(playbook_id, {longest}) FROM drifted
        WHERE NOT unused AND playbook_id IS NOT NULL
        ORDER BY trust_score NULLS LAST, playbook_id COLLATE "C" LIMIT {samples}) AS kept_ids
FROM drifted"""

# The first comparison is for the index; the second keeps apart what a collation that is
# blind for case takes for one.
_NAMED = 'playbook_id = ANY($1::text[]) AND playbook_id COLLATE "C" = ANY($1::text[])'

# In READ COMMITTED: a row that somebody else is changing is judged as they leave it.
_DEPRECATE = f"""\
UPDATE {{playbooks}} SET status = 'deprecated'
WHERE {_NAMED}
  AND (status IS NULL OR status NOT IN ('deprecated', 'archived'))
  AND trust_score < $2::numeric AND trust_score <> 'NaN'
  AND COALESCE(last_used_at, created_at) < $3
RETURNING playbook_id"""  # noqa: S608 - our own words

_DEPRECATED = f"""\
SELECT DISTINCT playbook_id COLLATE "C" AS playbook_id FROM {{playbooks}}
WHERE {_NAMED} AND status = 'deprecated'"""  # noqa: S608 - our own words


class TrustDrift(SqlProbe):
    """The share of playbooks in use whose trust score is below a minimum.

    Playbooks that are deprecated or archived do not count; one without a score
    counts as drifted.
    """

    ACCESS = Access.BUILTIN_CHECKS
    FINDING_STATUS = "warning"
    OBJECTIVE = Objective(direction=Direction.BELOW, red_line=0)
    GUIDANCE = Guidance(
        hint="Agents still follow playbooks that they should no longer trust.",
        next_action="review_low_trust_playbooks",
        items=(
            "Review the playbooks with the lowest trust first: repair, retrain or retire each",
            "Look at the incidents that lowered their trust, and at what the repairs did",
            "Deprecate drifted playbooks that nobody has used for long",
        ),
    )

    minimum_trust: Annotated[float, Field(ge=0, le=1)] | None = None
    """A playbook with a lower trust score has drifted. A number from 0 to 1. Default: 0.2."""

    deprecate_unused_after: Age | None = None
    """How long a drifted playbook may go unused before it is listed as one to deprecate.
    A whole number of s, m, h or d, such as 30d, up to 3650d. Default: 30d."""

    max_per_run: Annotated[int, Field(ge=1, le=100)] | None = None
    """How many drifted, unused playbooks one run chooses, lowest trust first: to deprecate
    them under enforcement Enforce, to list them under Audit. The rest waits for the next
    run. One whose id is longer than 200 characters is never chosen. 1 to 100. Default: 20."""

    @classmethod
    def event_type(cls, check: str) -> str:
        del check  # One event type for the kind.
        return "trust_drift"

    def query(self, relations: Mapping[str, str], at: datetime) -> SqlQuery:
        playbooks = relations["playbooks"]
        return SqlQuery(
            text=_QUERY.format(playbooks=playbooks, samples=MOST_SAMPLES, longest=LONGEST_ID),
            # As the policy spells it: 0.2 has no exact float, but an exact numeric.
            parameters=(
                Decimal(repr(self._minimum)),
                counting.earlier(at, self._unused_after),
                self.max_per_run or MAX_PER_RUN,
            ),
            columns={playbooks: _COLUMNS},
        )

    def deprecation(
        self, relations: Mapping[str, str], ids: Sequence[str], at: datetime
    ) -> SqlQuery:
        """The UPDATE of those that are still drifted and unused at that time; their ids.

        An id that several playbooks bear stands for all of them, and comes once for each
        that is changed: each is judged by itself.
        """
        playbooks = relations["playbooks"]
        return SqlQuery(
            text=_DEPRECATE.format(playbooks=playbooks),
            parameters=(
                list(ids),
                Decimal(repr(self._minimum)),
                counting.earlier(at, self._unused_after),
            ),
            columns={playbooks: _COLUMNS},
        )

    def deprecated(self, relations: Mapping[str, str], ids: Sequence[str]) -> SqlQuery:
        """Which of these ids a playbook bears that is deprecated now."""
        text = _DEPRECATED.format(playbooks=relations["playbooks"])
        return SqlQuery(text=text, parameters=(list(ids),))

    def read(self, answer: SqlAnswer) -> Outcome:
        row = answer.row()
        drifted, total = counting.count(row, "drifted"), counting.count(row, "total")
        return counting.share(
            drifted,
            total,
            of="playbooks in use",
            facts={
                "drifted_count": drifted,
                "total_playbooks": total,
                "would_deprecate_count": counting.count(row, "unused"),
                "unjudged": counting.count(row, "unjudged"),
            },
            lists={
                "would_deprecate_ids": counting.names(row, "unused_ids"),
                "sample_playbook_ids": counting.names(row, "kept_ids"),
            },
        )

    def impact(
        self, check: str, value: float, objective: Objective, facts: Mapping[str, Fact]
    ) -> dict[str, Fact]:
        """`threshold` is the minimum trust, not the red line."""
        del check, objective
        return {
            "drifted_count": facts.get("drifted_count"),
            "total_playbooks": facts.get("total_playbooks"),
            "drift_ratio": round(value, DECIMALS),
            "threshold": self._minimum,
            "auto_deprecate_after_days": counting.days(self._unused_after),
        }

    @property
    def _minimum(self) -> float:
        return MINIMUM_TRUST if self.minimum_trust is None else self.minimum_trust

    @property
    def _unused_after(self) -> str:
        return self.deprecate_unused_after or DEPRECATE_UNUSED_AFTER

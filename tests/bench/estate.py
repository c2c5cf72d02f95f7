"""The policies of the bench: any number of them, each like the others and none the same.

Every query is another text, reads no series and gives another number on every run: the time
of its evaluation, plus the query's own number. So the value tells when the run began.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.manifests import Manifest, allowed_namespace, policy

PROMQL_CHECKS = 4
CHECKS = PROMQL_CHECKS + 1
"""Of each policy: the queries, and one built-in check on the database."""

NAMESPACES = 10
RED_LINE = 5 * 10**9
_LEAP = 10**10
"""What is added to a flipping query's number while it is past the red line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """So many policies."""

    policies: int
    interval: int = 60
    """Seconds between two runs of a check."""
    flipping: int = 0
    """So many of them, the first ones, change their verdict on every run."""
    name: str = "policy"
    """What their names begin with; two estates of different names stand side by side."""

    @property
    def checks(self) -> int:
        """Of all policies together."""
        return CHECKS * self.policies

    def namespaces(self) -> list[Manifest]:
        """Where they are; the sources allow these."""
        return [allowed_namespace(f"bench-{each}") for each in range(NAMESPACES)]

    def manifests(self) -> Iterator[Manifest]:
        """All of them."""
        return (self.manifest(number) for number in range(self.policies))

    def manifest(self, number: int) -> Manifest:
        """One of them, counted from 0."""
        flips = number < self.flipping
        checks = [
            {
                "name": f"query-{each}",
                "promql": {
                    "sourceRef": {"name": "prometheus"},
                    "query": self._query(PROMQL_CHECKS * number + each, flips=flips and not each),
                },
                "objective": {"direction": "Below", "redLine": RED_LINE},
            }
            for each in range(PROMQL_CHECKS)
        ]
        # All of the table's rows may be stale, and will be: the share grows at every moment.
        knowledge = {
            "name": "knowledge",
            "knowledgeDegradation": {"sourceRef": {"name": "platform"}},
            "objective": {"redLine": 1},
        }
        name, namespace = f"{self.name}-{number:05}", f"bench-{number % NAMESPACES}"
        return policy(name, namespace, *checks, knowledge, interval=f"{self.interval}s")

    def evaluated_at(self, name: str, check: str, value: float) -> float:
        """When a query gave this value, in seconds of the epoch."""
        number = int(name.rpartition("-")[2])
        return value % _LEAP - (PROMQL_CHECKS * number + int(check.rpartition("-")[2]))

    def _query(self, number: int, *, flips: bool) -> str:
        past = f"(time() % {2 * self.interval} >= bool {self.interval})"
        leap = f" + {_LEAP} * {past}" if flips else ""
        return f"vector(time() + {number}{leap})"


LIFETIME_HOURS = 1
"""So long the share of stale entries grows."""

AGEING = f"""
update public.knowledge_entries
set status = 'published',
    updated_at = now() - interval '7 days' + entry_id * interval '{LIFETIME_HOURS} hour'
      / (select count(*) from public.knowledge_entries);
analyze public.knowledge_entries;
"""  # noqa: S608 - our own number
"""Makes the table's entries stale one after the other, several in each second."""

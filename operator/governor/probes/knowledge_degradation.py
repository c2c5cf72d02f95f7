"""knowledgeDegradation: how much of the agents' knowledge nobody has touched lately."""

from governor.probes.base import SqlProbe
from governor.values.durations import Duration


class KnowledgeDegradation(SqlProbe):
    """The share of knowledge entries that are stale. Archived entries do not count."""

    stale_after: Duration | None = None
    """How long after its last update an entry becomes stale.
    A whole number of s, m, h or d, such as 7d. Default: 7d."""

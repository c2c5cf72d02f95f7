"""The demo's world: a platform whose agents do well, or badly, in known numbers.

Four tables in PostgreSQL, a file of metrics with an exporter and recording
rules. Everything follows from a :class:`Health` and a seed, so that what the
operator must say about it is known beforehand (:mod:`.expected`).
"""

from enum import StrEnum


class Health(StrEnum):
    """How well the platform's agents do."""

    GOOD = "good"
    BAD = "bad"

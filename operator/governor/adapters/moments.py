"""The moments that queries ask about: the same for all that arrive within a tenth of a second.

Only queries of one moment can be asked together, or answered for each other, and policies
start at any millisecond.
"""

from datetime import datetime, timedelta

TENTH = timedelta(milliseconds=100)


def moment(at: datetime) -> datetime:
    """The end of the tenth of a second in which a run began: the time of all its queries.

    Never before the run, or it could miss what it was started for.
    """
    return at + (datetime.min.replace(tzinfo=at.tzinfo) - at) % TENTH


def left(at: datetime) -> float:
    """Seconds until that moment, from the run's beginning: less than 0.1."""
    return (moment(at) - at).total_seconds()

"""Times as they are read: PostgreSQL has infinities, and years that Python can't hold."""

from datetime import datetime

from sqlalchemy import Column, ColumnElement, DateTime, Label, case, literal_column

from governor.values.moments import EARLIEST, LATEST, rfc3339


def _literal(at: datetime) -> ColumnElement[datetime]:
    return literal_column(f"timestamptz '{rfc3339(at)}'", DateTime(timezone=True))


_FIRST, _LAST = _literal(EARLIEST), _literal(LATEST)


def held(at: Column[datetime]) -> Label[datetime]:
    """A column whose times a status can hold, too: for one that it can't, the nearest that it can.

    Only somebody's hand writes such a time, and no id of ours derives from one.
    """
    return case((at < _FIRST, _FIRST), (at > _LAST, _LAST), else_=at).label(at.name)

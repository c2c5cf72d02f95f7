"""sql: any number that the team can write as one row of one SELECT."""

from typing import Annotated

from pydantic import Field

from governor.probes.base import SqlProbe


class Sql(SqlProbe):
    """The number that one read-only SELECT gives. Only on sources that allow CustomSql."""

    # Not `query` in Python: that is what every SqlProbe is asked for.
    statement: Annotated[str, Field(alias="query", min_length=1, max_length=4096)]
    """One SELECT, 1 to 4096 characters, that gives one row: the value and, if wanted, a
    second column `samples`, the count of things it was computed from."""

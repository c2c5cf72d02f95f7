"""The encoding of the sink's database: UTF8, or characters of findings have no place there.

In any other PostgreSQL refuses the row of such a finding, though nothing is wrong with the row.
"""

import logging
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from governor.errors import SettingsError

UTF8 = "UTF8"

REMEDY = (
    "create a database with ENCODING 'UTF8' TEMPLATE template0, move there what this one holds, "
    "and name it in GOVERNOR_DATABASE_URL_FILE"
)

_log = logging.getLogger(__name__)


def require_utf8(connection: Connection) -> None:
    """Returns if the database has a place for every character.

    Raises:
        SettingsError: it has not; which encoding it has, and the remedy.
    """
    found = connection.scalar(text("SELECT pg_catalog.current_setting('server_encoding')"))
    if found != UTF8:
        raise SettingsError(
            f"the database's encoding is {found}, which lacks characters that findings hold: "
            f"nothing was changed; {REMEDY}"
        )


def warn_unless_utf8(engine: AsyncEngine) -> None:
    """Has the encoding looked at when the engine first connects, and complained of in the log.

    An older version of governor may have made its tables in such a database. What has a place
    there is still stored; the rest waits.
    """
    event.listen(engine.sync_engine, "connect", _look, once=True)


def _look(connection: Any, _record: Any) -> None:
    # The server says it by itself when a session begins.
    found = getattr(connection.driver_connection.get_settings(), "server_encoding", UTF8)
    if found != UTF8:
        _log.warning(
            "the sink's database lacks characters: findings and specs that hold them wait",
            extra={"encoding": found, "remedy": REMEDY},
        )

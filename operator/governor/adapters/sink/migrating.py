"""Makes and updates the sink's schema: all of it or nothing, one run at a time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from governor.adapters.sink.characters import require_utf8
from governor.adapters.sink.engine import TlsMode, make_engine
from governor.adapters.sink.faults import delivering, sqlstate
from governor.adapters.sink.tables import VERSIONS
from governor.errors import SettingsError

_DEADLINE = 300.0
"""Seconds for a whole run: another one may have to end first."""

_LOCK = 0x676F7665  # "gove": the class of our advisory locks; the second key is the schema's
_ROLE = "governor_owner"
_DUPLICATES = ("42P06", "42P07", "42710")  # schema, table or index, type or constraint


def head() -> str:
    """The newest migration that this version of governor knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if newest is None:
        raise AssertionError("the package holds no migrations")
    return newest


async def migrate(
    url: str, schema: str, *, tls_mode: TlsMode = "VerifyFull", ca_file: Path | None = None
) -> tuple[str | None, str]:
    """Brings the schema up to date in one transaction; makes it if there is none.

    What is made belongs to the schema's owner, where the login is a member of it.

    Returns:
        The migration that the schema was at (None: none yet), and the one it is at now.

    Raises:
        SettingsError: the URL is wrong; the database is not UTF8; a table of ours exists and is
            not ours; or the schema is newer than this governor. Nothing was changed.
        DeliveryError: the database can't be reached or refuses. Nothing was changed.
    """
    engine = make_engine(
        url,
        tls_mode=tls_mode,
        ca_file=ca_file,
        command_timeout=_DEADLINE,
        pool_size=1,
        application_name="governor-migrate",
    )
    try:
        async with delivering(_DEADLINE, role=_ROLE), engine.begin() as connection:
            return await connection.run_sync(_upgrade, schema)
    finally:
        await engine.dispose()


async def current(
    url: str, schema: str, *, tls_mode: TlsMode = "VerifyFull", ca_file: Path | None = None
) -> str | None:
    """The migration that the schema is at; None if `migrate` never ran there.

    Raises:
        SettingsError: the URL is wrong.
        DeliveryError: the database can't be reached or refuses.
    """
    engine = make_engine(url, tls_mode=tls_mode, ca_file=ca_file, pool_size=1)
    try:
        async with delivering(_DEADLINE), engine.connect() as connection:
            return await connection.run_sync(_current, schema)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, schema: str) -> tuple[str | None, str]:
    require_utf8(connection)
    # Two runs at once would both find the tables missing.
    connection.execute(
        text("SELECT pg_catalog.pg_advisory_xact_lock(:class, pg_catalog.hashtext(:schema))"),
        {"class": _LOCK, "schema": schema},
    )
    _enter(connection, schema)
    before = _current(connection, schema)
    config = _config()
    config.attributes.update(connection=connection, schema=schema)
    try:
        command.upgrade(config, "head")
    except ProgrammingError as error:
        if sqlstate(error) in _DUPLICATES:
            raise SettingsError(
                f"in schema {schema}, {_first_line(error)}, and governor did not make it: "
                "nothing was changed; choose another schema, or move what is there"
            ) from error
        raise
    except CommandError as error:
        raise SettingsError(
            f"schema {schema} is at migration {before}, which this governor does not know: "
            f"nothing was changed; run a newer governor ({error})"
        ) from error
    return before, head()


def _enter(connection: Connection, schema: str) -> None:
    """Makes sure of the schema, and acts as its owner from here on."""
    quote = connection.dialect.identifier_preparer.quote
    owner = _owner(connection, schema)
    if owner is None:
        # Not IF NOT EXISTS: that needs the right to create schemas even if it exists.
        connection.execute(text(f"CREATE SCHEMA {quote(schema)}"))
        return
    if connection.scalar(
        text("SELECT pg_catalog.pg_has_role(CAST(:owner AS name), 'MEMBER')"), {"owner": owner}
    ):
        connection.execute(text(f"SET LOCAL ROLE {quote(owner)}"))


def _owner(connection: Connection, schema: str) -> str | None:
    found: str | None = connection.scalar(
        text(
            "SELECT pg_catalog.pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace "
            "WHERE nspname = :schema"
        ),
        {"schema": schema},
    )
    return found


def _current(connection: Connection, schema: str) -> str | None:
    context = MigrationContext.configure(
        connection, opts={"version_table": VERSIONS, "version_table_schema": schema}
    )
    return context.get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "governor.adapters.sink:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _first_line(error: ProgrammingError) -> str:
    return str(error.orig).splitlines()[0]

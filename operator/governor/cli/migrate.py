"""`governor migrate`: makes or updates the tables of the sink."""

import os

import click

from governor.cli.output import printed
from governor.cli.settings_help import DatabaseSettingsCommand


@click.command(cls=DatabaseSettingsCommand)
def migrate() -> None:
    """Make or update the schema in the database that keeps governance events.

    All of it or nothing; running it again changes nothing. Use a login that may act as
    the schema's owner (role governor_owner of deploy/database/roles.sql), not the
    writer's that `governor run` uses: that one can change no table.
    """
    from governor import settings  # noqa: PLC0415 - slow to import
    from governor.telemetry import logs  # noqa: PLC0415

    wanted = settings.load(settings.DatabaseSettings, os.environ)
    logs.configure(style=wanted.log_format, level=wanted.log_level)
    from governor import wiring  # noqa: PLC0415 - slower still
    from governor.wiring.looping import in_loop  # noqa: PLC0415

    before, after = in_loop(wiring.migrate(wanted))
    schema = wanted.database_schema
    if before == after:
        printed(f"schema {schema} is up to date, at {after}")
    else:
        printed(f"schema {schema} migrated from {before or 'nothing'} to {after}")

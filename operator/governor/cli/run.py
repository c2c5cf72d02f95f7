"""`governor run`: the operator itself."""

import os

import click

from governor.cli.settings_help import SettingsCommand


@click.command(cls=SettingsCommand)
def run() -> None:
    """Run the operator until it is told to stop.

    SIGTERM and SIGINT stop it: nothing new is started, what runs gets a moment to end, and
    the Lease is given back. Several may run on one cluster, for safety: one of them leads.
    """
    from governor import settings  # noqa: PLC0415 - slow to import
    from governor.telemetry import logs  # noqa: PLC0415

    wanted = settings.load(settings.Settings, os.environ)
    logs.configure(style=wanted.log_format, level=wanted.log_level, cluster=wanted.cluster_name)
    from governor import wiring  # noqa: PLC0415 - slower still
    from governor.wiring.looping import in_loop  # noqa: PLC0415

    in_loop(wiring.run(wanted))

"""`governor history`: what a policy's checks measured lately."""

import os
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from governor.cli.output import printed
from governor.cli.settings_help import DatabaseSettingsCommand
from governor.errors import NoHistoryError

if TYPE_CHECKING:
    from governor.adapters.sink.history import Found

LAST = 20
MOST = 10_000


def _policy(_ctx: click.Context, _option: click.Parameter, value: str) -> tuple[str, str]:
    namespace, slash, name = value.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise click.BadParameter(f"must be NAMESPACE/POLICY, not {value!r}")
    return namespace, name


def _since(_ctx: click.Context, _option: click.Parameter, value: str | None) -> timedelta | None:
    from governor.values.durations import PATTERN, seconds  # noqa: PLC0415 - slow to import

    if value is None:
        return None
    if re.fullmatch(PATTERN, value) is None:
        raise click.BadParameter("must be a whole number and s, m, h or d, such as 90m or 24h")
    return timedelta(seconds=min(seconds(value), 366 * 86400))


@click.command(cls=DatabaseSettingsCommand)
@click.argument("policy", metavar="NAMESPACE/POLICY", callback=_policy)
@click.argument("check", required=False)
@click.option(
    "--last",
    type=click.IntRange(1, MOST),
    help=f"So many values of each check at most. Default: {LAST}, with --since all.",
)
@click.option("--since", metavar="AGE", callback=_since, help="None older than that, such as 24h.")
@click.option(
    "--cluster", metavar="UID", help="Of this cluster, where several keep values in the database."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print the values.",
)
def history(
    *,
    policy: tuple[str, str],
    check: str | None,
    last: int | None,
    since: timedelta | None,
    cluster: str | None,
    output: str,
) -> None:
    """Print the last values of a policy's checks, or of one of them.

    The operator keeps every value for GOVERNOR_MEASUREMENTS_DAYS. A slot of which there is
    no value, and one that nobody measured, is a gap in the line. Any login in
    governor_reader or governor_writer will do; no cluster is needed.
    """
    from governor import settings, wiring  # noqa: PLC0415 - slow to import
    from governor.cli import history_rendering as rendering  # noqa: PLC0415
    from governor.wiring.looping import in_loop  # noqa: PLC0415

    namespace, name = policy
    wanted = settings.load(settings.DatabaseSettings, os.environ)
    found = in_loop(
        wiring.history(
            wanted,
            namespace,
            name,
            check=check,
            last=last or (LAST if since is None else MOST),
            since=None if since is None else datetime.now(UTC) - since,
            cluster=cluster,
        )
    )
    if not found.series:
        raise NoHistoryError(_why_nothing(found, f"{namespace}/{name}", check, since, cluster))
    if len(found.clusters) > 1:
        raise NoHistoryError(
            f"several clusters keep values of {namespace}/{name} in this database: add "
            f"--cluster with one of {', '.join(found.clusters)}"
        )
    render = rendering.table if output == "table" else rendering.as_json
    printed(render(namespace, name, found.series))


def _why_nothing(
    found: "Found", policy: str, check: str | None, since: timedelta | None, cluster: str | None
) -> str:
    if not found.keeps:
        return (
            "no values are kept in this database: GOVERNOR_MEASUREMENTS_DAYS of the operator is "
            "0, or no operator has led since `governor migrate`"
        )
    if not found.known:
        return (
            f"no policy {policy} was ever seen by an operator that writes to this database: look "
            "at the name, and at GOVERNOR_DATABASE_URL_FILE and GOVERNOR_DATABASE_SCHEMA"
        )
    of = f"check {check} of {policy}" if check else policy
    if check or since or cluster:
        where = f" in a cluster {cluster}" if cluster else ""
        when = " that are as young" if since else ""
        return (
            f"there are no values of {of}{where}{when}: `governor history {policy}` prints all "
            "there are"
        )
    return (
        f"there are no values of {of}: its checks were not measured within the days that values "
        "are kept, or the operator sheds them (governor_measurements_shed_total)"
    )

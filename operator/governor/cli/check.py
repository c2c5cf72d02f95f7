"""`governor check`: what a policy would say, before anybody applies it."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from governor.cli.sources import Source
    from governor.values.reasons import Verdict

COMPLIANT, VIOLATED, UNKNOWN = 0, 1, 2
"""What the command exits with."""


def _pairs(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE options as a mapping."""
    pairs: dict[str, str] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not (name and equals and rest):
            # Not repeated: it may hold a password.
            raise click.BadParameter(f"must be {option.make_metavar(ctx)}")
        if name in pairs:
            raise click.BadParameter(f"{name} is given twice")
        pairs[name] = rest
    return pairs


@click.command()
@click.option(
    "-f",
    "--filename",
    "files",
    metavar="FILE",
    multiple=True,
    help="Manifests with policies, and maybe channels and mutes; - is standard input. May be "
    "given several times.",
)
@click.argument("more", metavar="[FILE]...", nargs=-1)
@click.option(
    "--source",
    "urls",
    metavar="NAME=URL",
    multiple=True,
    callback=_pairs,
    help="A source by its URL, postgresql://… or http(s)://…; '${NAME}' in it stands for "
    "an environment variable, and NAME=@FILE reads the URL from a file. The source "
    "may be used for every check.",
)
@click.option(
    "--sources",
    "source_files",
    metavar="FILE",
    multiple=True,
    help="Manifests with GovernanceSources and the Secrets that they name; '${NAME}' in "
    "stringData stands for an environment variable.",
)
@click.option(
    "--tls-mode",
    "tls_modes",
    metavar="NAME=MODE",
    multiple=True,
    callback=_pairs,
    help="For a PostgreSQL --source: VerifyFull (the default), VerifyCA or Disable.",
)
@click.option(
    "--ca-file",
    "ca_files",
    metavar="NAME=FILE",
    multiple=True,
    callback=_pairs,
    help="For a --source: the certificate authorities to trust. Default: the system's.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print the results.",
)
@click.pass_context
def check(
    ctx: click.Context,
    *,
    files: tuple[str, ...],
    more: tuple[str, ...],
    urls: dict[str, str],
    source_files: tuple[str, ...],
    tls_modes: dict[str, str],
    ca_files: dict[str, str],
    output: str,
) -> None:
    """Measure every check of the policies in the files, once.

    It tells nobody, changes nothing, and needs no cluster, whatever a policy says of
    notify, dispatch and enforcement. Suspended policies are measured too, and muted
    ones: GovernanceChannels and GovernanceMutes in the files only have to be right.
    Which namespaces a source allows is not looked at.

    Exits with 0 if every policy is compliant, 1 if a check is Violated, else 2 if one is
    NoData or Error, 3 on bad input, and 70 if it could not do its work.
    """
    from governor.cli import measuring, rendering  # noqa: PLC0415 - slow to import
    from governor.cli.policies import read_policies  # noqa: PLC0415

    if not files and not more:
        raise click.UsageError("say what to check: -f FILE")
    policies, others = read_policies((*files, *more))
    sources = _sources(urls, source_files, tls_modes, ca_files)
    for other in others:
        click.echo(f"governor: left alone: {other}", err=True)
    from governor.cli.output import printed  # noqa: PLC0415
    from governor.wiring import instruments  # noqa: PLC0415 - slower still
    from governor.wiring.looping import in_loop  # noqa: PLC0415

    at = datetime.now(UTC)
    results = in_loop(measuring.measure(policies, sources, instruments(), at))
    printed(rendering.table(results) if output == "table" else rendering.as_json(results, at))
    ctx.exit(_exit_code({result.judgement.verdict for result in results}))


def _sources(
    urls: dict[str, str],
    files: tuple[str, ...],
    tls_modes: dict[str, str],
    ca_files: dict[str, str],
) -> dict[str, "Source"]:
    from governor.cli import sources  # noqa: PLC0415 - slow to import

    if not urls and not files:
        raise click.UsageError("say where to measure: --source NAME=URL or --sources FILE")
    for option, given in (("--tls-mode", tls_modes), ("--ca-file", ca_files)):
        if unknown := given.keys() - urls.keys():
            raise click.UsageError(f"{option} {min(unknown)}=…: there is no such --source")
    found = sources.from_files(files)
    if both := found.keys() & urls.keys():
        raise click.UsageError(f"{min(both)} is given by --source and by --sources: choose one")
    return found | {
        name: sources.from_url(name, url, tls_mode=tls_modes.get(name), ca_file=ca_files.get(name))
        for name, url in urls.items()
    }


def _exit_code(verdicts: "Collection[Verdict]") -> int:
    if any(verdict == "Violated" for verdict in verdicts):
        return VIOLATED
    return COMPLIANT if all(verdict.measured for verdict in verdicts) else UNKNOWN

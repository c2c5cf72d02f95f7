"""The group of commands, and what each way to fail exits with."""

import sys
import traceback
from collections.abc import Sequence

import click

from governor import __version__
from governor.cli.check import check
from governor.cli.history import history
from governor.cli.migrate import migrate
from governor.cli.output import discard, printed
from governor.cli.run import run
from governor.errors import GovernorError, OutputError, SettingsError, SpecError

FAILED = 1
"""It was tried and did not work."""

BAD_INPUT = 3
"""Wrong usage, settings or manifests. Not 2, which `governor check` needs."""

UNEXPECTED = 70
"""A bug, or output that can't be written (EX_SOFTWARE of sysexits.h): none of what `governor check`
says about policies."""

INTERRUPTED = 130


@click.group(
    commands=[run, migrate, check, history],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="governor %(version)s")
def governor() -> None:
    """Watches what AI agents do, and says so truthfully."""


@governor.command()
def version() -> None:
    """Print the version."""
    printed(f"governor {__version__}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; the process's exit code."""
    try:
        return _run(arguments)
    except OSError:  # Standard error takes nothing either: the exit code has to do.
        discard(sys.stderr)
        return UNEXPECTED


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = governor.main(arguments, prog_name="governor", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return BAD_INPUT
    except GovernorError as error:
        print(f"governor: {error}", file=sys.stderr)  # noqa: T201 - a command speaks to a person
        return _code(error)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception:  # noqa: BLE001 - Python itself would exit with 1
        traceback.print_exc()
        return UNEXPECTED
    return code if isinstance(code, int) else 0


def _code(error: GovernorError) -> int:
    match error:
        case SettingsError() | SpecError():
            return BAD_INPUT
        case OutputError():
            return UNEXPECTED
        case _:
            return FAILED

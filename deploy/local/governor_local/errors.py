"""Everything that can go wrong, each with a message fit for a person.

StackError
├ PlatformError   this machine is of a kind the stack does not run on
├ BuildError      a Go part could not be compiled
├ StartError      a server ended early or never became ready
├ RunningError    the name is taken by a running stack
├ AbsentError     no running stack has that name
└ CommandError    kubectl or psql answered with a failure
"""

from pathlib import Path


class StackError(Exception):
    """The base of all errors of this package; its text needs no traceback."""


class PlatformError(StackError):
    """The stack runs on Linux x86-64 only."""


class BuildError(StackError):
    """A Go part could not be compiled; the text holds the log's end and a way on."""


class StartError(StackError):
    """A server ended early or did not become ready in time; the text holds its log's end."""


class RunningError(StackError):
    """A stack of that name is already up."""


class AbsentError(StackError):
    """No stack of that name is up."""


class CommandError(StackError):
    """kubectl or psql failed; the text holds what it said."""


def log_end(log: Path, lines: int = 25) -> str:
    """Give the last lines of a log, indented, or a word that there are none."""
    try:
        text = log.read_text(errors="replace").rstrip()
    except OSError:
        text = ""
    if not text:
        return "    (its log is empty)"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])

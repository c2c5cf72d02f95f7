"""Where commands print what was asked for."""

import os
import sys
from typing import TextIO

import click

from governor.errors import OutputError


def printed(text: str) -> None:
    """Prints it. That nobody reads on, as in `governor check … | head`, changes no exit code.

    Raises:
        OutputError: it can't be written, as to a full disk.
    """
    try:
        click.echo(text)
    except OSError as error:
        discard(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"the output can't be written: {error.strerror}") from None


def discard(stream: TextIO) -> None:
    """Lets go of what a stream could not write: Python would fail at its end, on flushing it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

"""Where commands print what was asked for."""

import os
import sys

import click


def printed(text: str) -> None:
    """Prints it. That nobody reads on, as in `governor check … | head`, changes no exit code."""
    try:
        click.echo(text)
    except BrokenPipeError:
        # Else Python would fail at its end, when it flushes what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

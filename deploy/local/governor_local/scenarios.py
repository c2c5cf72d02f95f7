"""The command `governor-local scenario`: changes of the demo's world, each seen through."""

import sys
from collections.abc import Callable, Mapping

import click

from governor_local import muting, observing
from governor_local.cli import main, name_option
from governor_local.errors import AbsentError
from governor_local.reporting import Reporter
from governor_local.stack import Stack
from governor_local.world.states import STATES, play

_COURSES: Mapping[str, Callable[[Stack, Reporter], None]] = {"mute": muting.show}
"""Scenarios with a beginning and an end; the others are states."""

_SUMMARIES = {name: state.summary for name, state in STATES.items()} | {"mute": muting.SUMMARY}


@main.command(
    epilog="".join(f"\b\n{name}:\n  {summary}\n\n" for name, summary in _SUMMARIES.items())
)
@click.argument("scenario", type=click.Choice(list(_SUMMARIES)))
@name_option
def scenario(*, scenario: str, name: str) -> None:
    """Change the demo's world, and see the verdicts change.

    The demo must be running in another shell (make demo).
    """
    try:
        stack = Stack.attach(name)
    except AbsentError as error:
        raise AbsentError(f"No demo is running in a stack {name!r}. Start it: make demo") from error
    reporter = Reporter(sys.stdout)
    reporter.say(f"{scenario}: {_SUMMARIES[scenario]}")
    if course := _COURSES.get(scenario):
        course(stack, reporter)
    else:
        _enter(stack, scenario, reporter)


def _enter(stack: Stack, name: str, reporter: Reporter) -> None:
    before, after = play(stack, name, reporter)
    changed = observing.changes(before, after) or ["nothing: it was like this before"]
    reporter.say(f"\nBefore:\n{before.text}\n\nAfter:\n{after.text}\n\nWhat changed:")
    for line in changed:
        reporter.say(f"  {line}")

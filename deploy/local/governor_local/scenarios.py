"""Changes of the demo's world, each seen through: from verdicts to verdicts."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import click

from governor_local import observing
from governor_local.cli import main, name_option
from governor_local.errors import AbsentError, CommandError
from governor_local.reporting import Reporter
from governor_local.stack import Stack
from governor_local.world import Health, expected
from governor_local.world.expected import Check, Seen
from governor_local.world.governed import Platform

DEADLINE_SECONDS = 90
_USUAL_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A whole state of the world, whatever it was before.

    Attributes:
        summary: what happens, for `--help` and before it does.
        verdicts: what the operator must say then.
        health: how well the agents do.
        prometheus: whether Prometheus is up.
        database: whether the governed database is up; the sink always is.
    """

    summary: str
    verdicts: Mapping[Check, Seen]
    health: Health = Health.GOOD
    prometheus: bool = True
    database: bool = True


SCENARIOS: Mapping[str, Scenario] = {
    "degrade": Scenario(
        summary="the agents do badly: all nine checks of aiops/flywheel are violated",
        verdicts=expected.BAD,
        health=Health.BAD,
    ),
    "recover": Scenario(
        summary="all servers are up and the agents do well, as at the start",
        verdicts=expected.GOOD,
    ),
    "prometheus-down": Scenario(
        summary="Prometheus is stopped; what is measured from PostgreSQL goes on",
        verdicts=expected.PROMETHEUS_DOWN,
        prometheus=False,
    ),
    "database-down": Scenario(
        summary="the governed PostgreSQL is stopped; the sink stays up",
        verdicts=expected.DATABASE_DOWN,
        database=False,
    ),
}


def play(stack: Stack, name: str, reporter: Reporter) -> tuple[observing.View, observing.View]:
    """Change the world and wait until the operator says so; the policies before and after.

    Raises:
        CommandError: nothing is governed here, or the verdicts did not come in time.
        StartError: a server did not start again.
    """
    scenario = SCENARIOS[name]
    before = _governed(stack)
    _enter(stack, scenario)
    with reporter.work("waiting for the verdicts", usual_seconds=_USUAL_SECONDS):
        came = observing.wait_for(
            lambda: not observing.wrong(observing.policies(stack).seen, scenario.verdicts),
            DEADLINE_SECONDS,
        )
    after = observing.policies(stack)
    if not came:
        differing = "\n".join(
            f"  {line}" for line in observing.wrong(after.seen, scenario.verdicts)
        )
        raise CommandError(
            f"After {DEADLINE_SECONDS} s the verdicts are still not those of {name!r}:\n"
            f"{differing}\nIs the operator running? Its log: {stack.processes.log('operator')}"
        )
    return before, after


@main.command(
    epilog="".join(f"\b\n{name}:\n  {each.summary}\n\n" for name, each in SCENARIOS.items())
)
@click.argument("scenario", type=click.Choice(list(SCENARIOS)))
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
    reporter.say(f"{scenario}: {SCENARIOS[scenario].summary}")
    before, after = play(stack, scenario, reporter)
    changed = observing.changes(before, after) or ["nothing: it was like this before"]
    reporter.say(f"\nBefore:\n{before.text}\n\nAfter:\n{after.text}\n\nWhat changed:")
    for line in changed:
        reporter.say(f"  {line}")


def _governed(stack: Stack) -> observing.View:
    remedy = f"Nothing is governed in stack {stack.name!r}. Start the demo first: make demo"
    try:
        view = observing.policies(stack)
    except CommandError as error:
        raise CommandError(f"{remedy}\n({error})") from error
    if not view.seen:
        raise CommandError(remedy)
    return view


def _enter(stack: Stack, scenario: Scenario) -> None:
    platform = Platform(stack)
    if scenario.prometheus:
        stack.prometheus.start()
    else:
        stack.prometheus.stop()
    if scenario.database:
        stack.governed.start()
    if stack.governed.running:  # a database that is down can't change, and nobody reads it
        platform.become(scenario.health)
    if not scenario.database:
        stack.governed.stop()

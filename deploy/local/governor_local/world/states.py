"""States of the demo's world, and the way into each: from verdicts to verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass

from governor_local import observing
from governor_local.errors import CommandError
from governor_local.reporting import Reporter
from governor_local.stack import Stack
from governor_local.world import Health, expected
from governor_local.world.expected import Check, Seen
from governor_local.world.governed import Platform

DEADLINE_SECONDS = 90
_USUAL_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
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


STATES: Mapping[str, State] = {
    "degrade": State(
        summary="the agents do badly: all nine checks of aiops/flywheel are violated",
        verdicts=expected.BAD,
        health=Health.BAD,
    ),
    "recover": State(
        summary="all servers are up and the agents do well, as at the start",
        verdicts=expected.GOOD,
    ),
    "prometheus-down": State(
        summary="Prometheus is stopped; what is measured from PostgreSQL goes on",
        verdicts=expected.PROMETHEUS_DOWN,
        prometheus=False,
    ),
    "database-down": State(
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
    state = STATES[name]
    before = _governed(stack)
    enter(stack, state)
    with reporter.work("waiting for the verdicts", usual_seconds=_USUAL_SECONDS):
        came = observing.wait_for(
            lambda: not observing.wrong(observing.policies(stack).seen, state.verdicts),
            DEADLINE_SECONDS,
        )
    after = observing.policies(stack)
    if not came:
        differing = "\n".join(f"  {line}" for line in observing.wrong(after.seen, state.verdicts))
        raise CommandError(
            f"After {DEADLINE_SECONDS} s the verdicts are still not those of {name!r}:\n"
            f"{differing}\nIs the operator running? Its log: {stack.processes.log('operator')}"
        )
    return before, after


def _governed(stack: Stack) -> observing.View:
    remedy = f"Nothing is governed in stack {stack.name!r}. Start the demo first: make demo"
    try:
        view = observing.policies(stack)
    except CommandError as error:
        raise CommandError(f"{remedy}\n({error})") from error
    if not view.seen:
        raise CommandError(remedy)
    return view


def enter(stack: Stack, state: State) -> None:
    """Change the world, and wait for nobody's word on it.

    Raises:
        StackError: a server refused or did not start.
    """
    platform = Platform(stack)
    if state.prometheus:
        stack.prometheus.start()
    else:
        stack.prometheus.stop()
    if state.database:
        stack.governed.start()
    if stack.governed.running:  # a database that is down can't change, and nobody reads it
        platform.become(state.health)
    if not state.database:
        stack.governed.stop()

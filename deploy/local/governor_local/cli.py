"""The command ``governor-local``.

Other modules add their commands to :data:`main` with ``@main.command()``.
"""

import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

import click

from governor_local.errors import AbsentError, StackError
from governor_local.operator_process import SINK_DATABASE, history_settings
from governor_local.paths import stack_directory, state_root
from governor_local.reporting import Reporter
from governor_local.stack import Stack, remove_leftovers
from governor_local.state import StateFile

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _FriendlyGroup(click.Group):
    """Shows our own errors as one message instead of a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except StackError as error:
            raise click.ClickException(str(error)) from error


def name_option(command: _Command) -> _Command:
    """Add ``--name`` to a command: the stack's name."""
    option = click.option(
        "--name", default="default", show_default=True, metavar="NAME", help="Name of the stack."
    )
    return option(command)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into what Ctrl-C is, and stay quiet about all three.

    The body's clean-up runs, during which a second signal changes nothing.
    """

    def end(number: int, _: FrameType | None) -> NoReturn:
        for other in signals:
            signal.signal(other, signal.SIG_IGN)
        raise SystemExit(128 + number)  # what a shell says of a process that a signal ended

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@click.group(cls=_FriendlyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run a Kubernetes API server, PostgreSQL, Prometheus and Alertmanager on this machine.

    All of them are real; no container engine and no root are needed. The first start
    builds what no package offers, which takes some minutes; later ones take seconds.
    """


@main.command()
@click.option("--detach", is_flag=True, help="Return when all is ready, and leave it running.")
@name_option
def up(*, detach: bool, name: str) -> None:
    """Start a stack; it stays up until Ctrl-C, or with --detach until `down`."""
    reporter = Reporter(sys.stderr)
    with ended_by_signals():
        stack = Stack.up(name=name, report=reporter, detached=detach)
        if detach:
            click.echo(_description(stack))
            return
        with stack:
            click.echo(_description(stack))
            click.echo("\nCtrl-C takes it down.")
            stack.watch()
    click.echo(f"Stack {name} was taken down from elsewhere.")


@main.command()
@name_option
def down(*, name: str) -> None:
    """Take a stack down, or remove what a killed run left."""
    state = StateFile(stack_directory(name))
    if remove_leftovers(state):
        click.echo(f"Removed the leftovers of a killed run of stack {name}.")
    elif record := state.read():
        Stack(state, record).down()
        click.echo(f"Stack {name} is down.")
    else:
        raise AbsentError(f"No stack {name!r} is up.")


@main.command()
@click.option("--name", metavar="NAME", help="Only this stack.")
def status(*, name: str | None) -> None:
    """Show the stacks that are up, and remove what killed runs left."""
    folders = [stack_directory(name)] if name else _folders()
    seen = 0
    for folder in folders:
        state = StateFile(folder)
        if remove_leftovers(state):
            click.echo(f"{folder.name}: removed the leftovers of a killed run")
        elif state.read():
            click.echo(_status(Stack.attach(folder.name)))
            seen += 1
    if not seen:
        which = f"No stack {name!r}" if name else "No stack"
        raise AbsentError(f"{which} is up. Start one with: governor-local up")


@main.command()
@name_option
def env(*, name: str) -> None:
    """Print shell exports for a stack that is up: KUBECONFIG, PATH, and the sink.

    Use it so: eval "$(governor-local env)"

    psql is then the administrator of the sink, in the operator's database, and `governor
    history` reads it, once the operator is installed.
    """
    stack = Stack.attach(name)
    kubeconfig = {"KUBECONFIG": stack.environment["KUBECONFIG"]}
    sink = stack.sink.client_settings(SINK_DATABASE) | history_settings(stack)
    for variable, value in (kubeconfig | sink).items():
        click.echo(f"export {variable}={shlex.quote(value)}")
    ours, governor = stack.environment["PATH"], str(Path(sys.executable).parent)
    click.echo(f'export PATH={shlex.quote(ours)}:"$PATH":{shlex.quote(governor)}')


def _folders() -> list[Path]:
    return sorted(state_root().iterdir()) if state_root().is_dir() else []


def _description(stack: Stack) -> str:
    option = "" if stack.name == "default" else f" --name {stack.name}"
    return "\n".join(
        (
            f"Stack {stack.name} is up.",
            f"  API server   {stack.api_server_url}",
            f"  kubeconfig   {stack.kubeconfig}",
            f"  governed     {stack.governed.admin_dsn}",
            f"  sink         {stack.sink.admin_dsn}",
            f"  Prometheus   {stack.prometheus.url}",
            f"  Alertmanager {stack.alertmanager.url}",
            f"  receiver     {stack.receiver.url}",
            f"  data, logs   {stack.data}",
            f'In another shell: eval "$(governor-local env{option})"',
        )
    )


def _status(stack: Stack) -> str:
    lines = [f"{stack.name}: up, kubeconfig {stack.kubeconfig}"]
    for name, process in stack.processes.all().items():
        what = f"runs, process {process.pid}" if process.running else "stopped"
        lines.append(f"  {name:<16} {what}; log {stack.processes.log(name)}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

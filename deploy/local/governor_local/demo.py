"""The demo: the operator on real servers, with a platform that gives it every verdict."""

import os
import shlex
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from governor_local import builds, hearing, manifests, observing
from governor_local.cli import ended_by_signals, main, name_option
from governor_local.errors import StackError
from governor_local.operator_process import (
    OperatorProcess,
    give_channels,
    give_logins,
    install,
)
from governor_local.paths import stack_directory
from governor_local.pictures import pictures
from governor_local.reporting import Reporter
from governor_local.stack import Stack, refuse_if_running
from governor_local.state import StateFile
from governor_local.world import expected
from governor_local.world.governed import Platform

_DEADLINE_SECONDS = 60
_A_WHILE_SECONDS = 3600


@main.command()
@click.option("--once", is_flag=True, help="Stop after printing; exit 0 only if all was right.")
@name_option
def demo(*, once: bool, name: str) -> None:
    """Show the operator at work, with every verdict."""
    reporter = Reporter(sys.stdout)
    refuse_if_running(StateFile(stack_directory(name)), name)  # before any promise
    reporter.say(_announcement())
    with (
        ended_by_signals(),
        _said_when_ended(reporter, "Everything is stopped and removed."),
        Stack.up(name=name, report=reporter) as stack,
        _said_when_ended(reporter, "\nStopping…"),
    ):
        since = datetime.now(UTC)
        operator = _start(stack, reporter)
        faults = _wait(stack, since, reporter)
        for part in pictures(stack, since):
            reporter.say(f"\n{part}")
        for fault in faults:
            reporter.say(f"NOT AS EXPECTED: {fault}")
        if not faults:
            reporter.say(
                f"\nAll {len(expected.GOOD)} checks say what they must,"
                " and everybody was told who must be."
            )
        if once:
            operator.stop()
        else:
            reporter.say(f"\n{_invitation(stack, operator)}")
            threading.Thread(
                target=_keep_running, args=(stack, operator, reporter), daemon=True
            ).start()
            stack.watch()
    if faults:
        raise StackError(f"The demo saw {len(faults)} things that it did not expect (see above).")


@contextmanager
def _said_when_ended(reporter: Reporter, words: str) -> Iterator[None]:
    """Say this on the way out after Ctrl-C, which `ended_by_signals` turns into an exit."""
    try:
        yield
    except SystemExit:
        reporter.say(words)
        raise


def _announcement() -> str:
    wanted = [builds.PROMETHEUS, builds.ALERTMANAGER]
    if not os.environ.get("KUBEBUILDER_ASSETS"):
        wanted.append(builds.KUBERNETES)
    missing = [build for build in wanted if not build.directory.is_dir()]
    if not missing:
        return "The demo will be ready in about 20 to 60 seconds."
    minutes = 1 + round(sum(build.usual_seconds for build in missing) / 60)
    return (
        f"The demo will be ready in about {minutes} minutes: this first time"
        f" {', '.join(build.title for build in missing)} are built from source."
    )


def _start(stack: Stack, reporter: Reporter) -> OperatorProcess:
    """Everything up to the samples, which the operator finds when it starts."""
    what = "filling the platform's database, installing and starting the operator"
    with reporter.work(what, usual_seconds=10), ThreadPoolExecutor() as pool:
        platform = pool.submit(Platform(stack).build)
        installation = install(stack)
        give_logins(stack, platform.result())
        operator = OperatorProcess(stack, installation)
        operator.launch()
        apply_samples(stack)
        operator.wait_ready()
    return operator


def apply_samples(stack: Stack) -> None:
    """Apply the shipped samples through the local overlay with their Secrets, and the demo's own.

    Raises:
        CommandError: the API server refused something.
    """
    give_channels(stack)
    samples = manifests.local_samples(stack.binaries.kubectl, manifests.Addresses.of(stack))
    own = manifests.rendered(stack.binaries.kubectl, manifests.DEPLOY / "local" / "samples")
    stack.kubectl("apply", "-f", "-", input=f"{samples}---\n{own}")


def _wait(stack: Stack, since: datetime, reporter: Reporter) -> list[str]:
    """Wait for the first evaluation of everything; what was not as it should be."""
    with reporter.work("waiting for the first evaluation", usual_seconds=5):
        observing.wait_for(lambda: not _faults(stack, since), _DEADLINE_SECONDS)
    return _faults(stack, since)


def _faults(stack: Stack, since: datetime) -> list[str]:
    faults = observing.wrong(observing.policies(stack).seen, expected.GOOD)
    return faults or [*_not_stored(stack), *_not_told(stack, since)]


def _not_stored(stack: Stack) -> Iterator[str]:
    rows = {(r["policy"], r["check"], r["event type"]) for r in observing.findings(stack)}
    for policy, _, event_type in expected.OPENED - rows:
        yield f"no row {event_type} of {policy}"
    items = {(r["policy"], r["check"], r["executor"]) for r in observing.work_items(stack)}
    if expected.WORK not in items:
        yield f"no work item for {expected.WORK[-1]}"


def _not_told(stack: Stack, since: datetime) -> Iterator[str]:
    events = stack.kubectl("get", "events", "-A", "-o", "name").stdout.splitlines()
    if len(events) < len(expected.OPENED):
        yield f"{len(events)} Events about {len(expected.OPENED)} findings"
    for finding in expected.OPENED:
        for channel in hearing.CHANNELS - hearing.heard(stack, finding, since):
            yield f"nobody told {channel} of {finding[-1]} of {finding[0]}"


def _keep_running(stack: Stack, operator: OperatorProcess, reporter: Reporter) -> None:
    """Starts an operator again that has ended, as Kubernetes would; and says so.

    Without one everything looks as before.
    """
    closing = stack.processes.closing
    while process := operator.process:
        while not process.wait(_A_WHILE_SECONDS):
            pass
        if closing.is_set():
            return
        reporter.say(
            "\nThe operator has ended. It is started again, as Kubernetes would do it;"
            f" its log: {operator.log}"
        )
        try:
            operator.start()
        except StackError as error:
            if not closing.is_set():
                reporter.say(str(error))
            return
        reporter.say("The operator is ready again.")


def _invitation(stack: Stack, operator: OperatorProcess) -> str:
    kubectl = shlex.join([str(stack.binaries.kubectl), "--kubeconfig", str(stack.kubeconfig)])
    ours = shlex.join([str(Path(sys.argv[0]).absolute()), "scenario"])
    option = "" if stack.name == "default" else f" --name {stack.name}"
    return (
        "Now open a second shell, in any folder, and copy:\n\n"
        f"  {kubectl} get governancepolicies -A --watch\n"
        f"  {ours} degrade{option}\n"
        f"  {ours} recover{option}\n\n"
        "Other scenarios: mute, prometheus-down, database-down.\n"
        f"The operator's log: {operator.log}\n"
        f"What the channels were told: {stack.receiver.file}\n"
        "The demo runs until you press Ctrl-C."
    )

"""The scenario `mute`: one finding opens under a mute, and is told when the mute ends."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from governor_local import hearing, observing
from governor_local.errors import CommandError
from governor_local.reporting import Reporter
from governor_local.stack import Stack
from governor_local.world.expected import MUTABLE
from governor_local.world.states import STATES, enter, play

SUMMARY = "a mute keeps one finding quiet for half a minute; at its end it is told"

_NAME = "demo-mute"
_SECONDS = 30
_SPARE_SECONDS = 2
_DEADLINE_SECONDS = 150
"""What a chat is told may wait for a minute, and Alertmanager is told once a minute."""

_POLICY, _CHECK, _EVENT_TYPE = MUTABLE
_NAMESPACE, _POLICY_NAME = _POLICY.split("/")
_MUTES = ("get", "governancemutes", "-n", _NAMESPACE)


def show(stack: Stack, reporter: Reporter) -> None:
    """Show what a mute keeps quiet, what it does not, and what happens at its end.

    Raises:
        CommandError: something was told that must not be, or was not that must be.
        StartError: a server did not start again.
    """
    reporter.say("First, the agents do well: nothing of theirs is open.")
    play(stack, "recover", reporter)
    with reporter.work("waiting until all is told and no alert is left", usual_seconds=5):
        observing.wait_for(lambda: not (_owes(stack) or _fires(stack)), _DEADLINE_SECONDS)
    with _muted(stack) as ends:
        reporter.say(f"\n{_CHECK} is muted until {ends:%H:%M:%S} UTC. Now the agents do badly.")
        reporter.say(_kubectl(stack, *_MUTES))
        since = datetime.now(UTC)
        enter(stack, STATES["degrade"])
        with reporter.work("waiting for the finding", usual_seconds=5):
            row = _opened(stack, ends)
        _show_quiet(stack, row, ends, since, reporter)
        _show_end(stack, row, since, reporter)
    reporter.say("\nThe agents still do badly: the scenario recover mends them.")


def _show_quiet(
    stack: Stack, row: Mapping[str, str], ends: datetime, since: datetime, reporter: Reporter
) -> None:
    with reporter.work("waiting for the end of the mute", usual_seconds=_SECONDS):
        told = _told_before(stack, ends, since)
    if told:
        raise CommandError(f"{_EVENT_TYPE} was told under the mute: {', '.join(sorted(told))}")
    heard = map(hearing.what_is_open, hearing.chat_messages(stack, since))
    reporter.say(
        "\nA mute changes no verdict, and the finding is a row as ever:\n"
        f"{observing.table([row])}\n\nBut nobody was told. The chat heard of others only:"
    )
    for line in "\n".join(heard).splitlines():
        if line.startswith(("[", "- ")):  # titles, and what a digest lists
            reporter.say(f"  | {line}")


def _show_end(stack: Stack, row: Mapping[str, str], since: datetime, reporter: Reporter) -> None:
    with reporter.work("waiting for what waited", usual_seconds=10):
        observing.wait_for(lambda: not _missing(stack, row["id"], since), _DEADLINE_SECONDS)
    if missing := _missing(stack, row["id"], since):
        raise CommandError(
            f"{_DEADLINE_SECONDS} s after the mute's end, {_EVENT_TYPE} is still not told:"
            f" {', '.join(missing)}. The operator's log: {stack.processes.log('operator')}"
        )
    _wait_for(stack, "condition=Active=false")
    reporter.say(f"\nAt its end, what is still wrong is told.\n{_kubectl(stack, *_MUTES)}\n")
    [message, *_] = hearing.messages_about(stack, MUTABLE, since)
    reporter.say("\n".join(f"  | {line}".rstrip() for line in message.splitlines()))
    reporter.say(f"\nAnd it became work.\n{observing.table(_work(stack, row['id']))}")


@contextmanager
def _muted(stack: Stack) -> Iterator[datetime]:
    """Mute the check, and wait until the operator honours it; gives the mute's end."""
    _remove(stack)
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=_SECONDS)
    mute = {
        "apiVersion": "governance.aiops.dev/v1alpha1",
        "kind": "GovernanceMute",
        "metadata": {"name": _NAME, "namespace": _NAMESPACE},
        "spec": {
            "policyRef": {"name": _POLICY_NAME},
            "checks": [_CHECK],
            "reason": "The demo shows what a mute does.",
            "owner": "demo",
            "expiresAt": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        },
    }
    stack.kubectl("apply", "-f", "-", input=json.dumps(mute))
    try:
        _wait_for(stack, "condition=Active")
        yield ends
    finally:
        _remove(stack)


def _wait_for(stack: Stack, condition: str) -> None:
    options = (f"--for={condition}", f"--timeout={_SECONDS}s")
    stack.kubectl("wait", f"governancemute/{_NAME}", "-n", _NAMESPACE, *options)


def _remove(stack: Stack) -> None:
    stack.kubectl("delete", "governancemute", _NAME, "-n", _NAMESPACE, "--ignore-not-found")


def _fires(stack: Stack) -> bool:
    return "oncall" in hearing.heard(stack, MUTABLE, datetime.now(UTC))


def _owes(stack: Stack) -> bool:
    """Whether the policy has something left to tell: a chat would hear it late."""
    pending = ("get", "governancepolicy", _POLICY_NAME, "-n", _NAMESPACE)
    return stack.kubectl(*pending, "-o", "jsonpath={.status.pending}").stdout not in ("", "[]")


def _opened(stack: Stack, ends: datetime) -> Mapping[str, str]:
    """The row of the finding once it is open.

    Raises:
        CommandError: it did not open under the mute.
    """

    def rows() -> Sequence[Mapping[str, str]]:
        return [
            row
            for row in observing.findings(stack)
            if (row["policy"], row["check"], row["event type"]) == MUTABLE
            and row["state"] == "open"
        ]

    left = (ends - datetime.now(UTC)).total_seconds() - _SPARE_SECONDS
    if not observing.wait_for(lambda: bool(rows()), left):
        raise CommandError(
            f"{_EVENT_TYPE} did not open within {left:.0f} s, while the mute lasted. The operator's"
            f" log: {stack.processes.log('operator')}"
        )
    return rows()[-1]


def _told_before(stack: Stack, ends: datetime, since: datetime) -> frozenset[str]:
    """Wait until just before the end; the channels that were told by then."""
    while (left := (ends - datetime.now(UTC)).total_seconds() - _SPARE_SECONDS / 2) > 0:
        time.sleep(left)
    return hearing.heard(stack, MUTABLE, since)


def _missing(stack: Stack, finding: str, since: datetime) -> Sequence[str]:
    """The channels that were not told, and the work item if there is none."""
    missing = sorted(hearing.CHANNELS - hearing.heard(stack, MUTABLE, since))
    return missing if _work(stack, finding) else [*missing, "no work item"]


def _work(stack: Stack, finding: str) -> Sequence[Mapping[str, str]]:
    return [item for item in observing.work_items(stack) if item["finding"] == finding]


def _kubectl(stack: Stack, *arguments: str) -> str:
    return f"$ kubectl {' '.join(arguments)}\n{stack.kubectl(*arguments).stdout.rstrip()}"

"""The embedded stack as a whole: up, found by others, down without a trace."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from governor_local.cli import main
from governor_local.databases import make_database
from governor_local.errors import AbsentError
from governor_local.processes import Process
from governor_local.stack import Stack
from governor_local.state import Record, StateFile

COMMAND = [sys.executable, "-m", "governor_local.cli"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder of the tests' own, so that a developer's stacks stay out of it."""
    folder = tmp_path_factory.mktemp("state")
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(folder)
    yield folder / "governor-local"
    if before is None:
        del os.environ["XDG_STATE_HOME"]
    else:
        os.environ["XDG_STATE_HOME"] = before


@pytest.fixture(scope="module")
def stack(home: Path) -> Iterator[Stack]:
    """A stack that this process holds up."""
    with Stack.up(name="held") as stack:
        yield stack


def run(*arguments: str) -> tuple[int, str]:
    """Run governor-local in this process; gives its exit code and all it printed."""
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output


def until(condition: Callable[[], object]) -> None:
    """Wait for something that other processes bring about."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def recorded(state: StateFile) -> Record:
    """The record of a stack that is there."""
    record = state.read()
    assert record
    return record


def is_open(port: int) -> bool:
    """Whether something listens on that port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def assert_gone(record: Record, state: StateFile) -> None:
    """Nothing of the stack is left: no process, no port, no file."""
    assert [name for name, process in record.processes.items() if process.running] == []
    assert [name for name, port in record.ports.items() if is_open(port)] == []
    assert not record.data.exists()
    assert not state.directory.exists()


def test_two_stacks_side_by_side_and_no_trace_of_the_one_taken_down(
    stack: Stack, home: Path
) -> None:
    code, printed = run("up", "--detach", "--name", "beside")
    assert code == 0, printed
    other = Stack.attach("beside")
    other.kubectl("create", "namespace", "only-beside")

    shown = run("status")[1]
    exports = run("env", "--name", "beside")[1]
    record = recorded(StateFile(home / "beside"))
    code, _ = run("down", "--name", "beside")

    assert code == 0
    assert "held: up" in shown
    assert "beside: up" in shown
    assert f"export KUBECONFIG={home}/beside/kubeconfig" in exports
    assert_gone(record, StateFile(home / "beside"))
    assert "only-beside" not in stack.kubectl("get", "namespaces").stdout
    assert all(server.running for server in stack.servers)


def test_killed_start_of_a_detached_stack_leaves_leftovers_that_are_cleaned(home: Path) -> None:
    # Detached processes outlive their starter by design: the hardest case of a kill.
    state = StateFile(home / "killed")
    with subprocess.Popen(
        [*COMMAND, "up", "--detach", "--name", "killed"], stderr=subprocess.DEVNULL
    ) as starter:
        until(lambda: (record := state.read()) and "kube-apiserver" in record.processes)
        starter.kill()
    record = recorded(state)
    assert any(process.running for process in record.processes.values())

    code, printed = run("status", "--name", "killed")

    assert "killed: removed the leftovers of a killed run" in printed
    assert code != 0
    assert_gone(record, state)


def test_a_database_being_made_when_its_starter_is_killed_leaves_nothing(home: Path) -> None:
    state = StateFile(home / "killed")
    with subprocess.Popen(
        [*COMMAND, "up", "--detach", "--name", "killed"], stderr=subprocess.DEVNULL
    ) as starter:
        until(lambda: (found := state.read()) and any(found.data.glob("*/data/base")))
        starter.kill()
    record = recorded(state)

    code, printed = run("status", "--name", "killed")

    assert "killed: removed the leftovers of a killed run" in printed
    assert code != 0
    assert_gone(record, state)


def test_interrupted_start_leaves_nothing(home: Path) -> None:
    state = StateFile(home / "interrupted")
    with subprocess.Popen(
        [*COMMAND, "up", "--name", "interrupted"], stderr=subprocess.DEVNULL
    ) as starter:
        until(lambda: (record := state.read()) and "kube-apiserver" in record.processes)
        record = recorded(state)
        starter.send_signal(signal.SIGINT)
        code = starter.wait(20)

    assert code == 128 + signal.SIGINT
    assert_gone(record, state)


def test_killed_owner_takes_its_processes_along(home: Path) -> None:
    state = StateFile(home / "owned")
    with subprocess.Popen([*COMMAND, "up", "--name", "owned"], stderr=subprocess.DEVNULL) as owner:
        until(lambda: (record := state.read()) and "kube-apiserver" in record.processes)
        record = recorded(state)
        owner.kill()

    assert [name for name, process in record.processes.items() if not process.wait(10)] == []
    assert run("down", "--name", "owned") == (
        0,
        "Removed the leftovers of a killed run of stack owned.\n",
    )
    assert_gone(record, state)


def test_stack_in_the_foreground_ends_when_another_shell_takes_it_down(home: Path) -> None:
    state = StateFile(home / "front")
    with subprocess.Popen(
        [*COMMAND, "up", "--name", "front"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as front:
        until(lambda: (record := state.read()) and not record.starter)
        record = recorded(state)
        assert run("down", "--name", "front") == (0, "Stack front is down.\n")
        printed, _ = front.communicate(timeout=20)

    assert front.returncode == 0
    assert "Stack front was taken down from elsewhere." in printed
    assert_gone(record, state)


def test_ambient_kubeconfig_and_kubectl_are_never_used(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impostor = tmp_path / "kubectl"
    impostor.write_text("#!/bin/sh\necho impostor\n")
    impostor.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "elsewhere"))

    printed = stack.kubectl("config", "view", "-o", "json").stdout

    assert stack.api_server_url == json.loads(printed)["clusters"][0]["cluster"]["server"]


def test_exports_let_another_shell_use_the_stack(stack: Stack) -> None:
    make_database(stack.sink, "governance")
    exports = run("env", "--name", "held")[1]
    where = "select current_user, current_database(), current_setting('port')"
    programs = (
        f'kubectl get --raw /readyz && psql --version && amtool --version && psql -XAtc "{where}"'
    )

    answer = subprocess.run(
        ["sh", "-c", f"{exports}\ncd / && {programs}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.startswith("ok")
    assert "PostgreSQL) 18" in answer.stdout
    assert "amtool, version 0.31.1" in answer.stdout
    assert answer.stdout.splitlines()[-1] == f"postgres|governance|{stack.sink.port}"


def test_attached_process_stops_and_starts_a_server_of_the_owner(stack: Stack) -> None:
    attached = Stack.attach("held")
    attached.sink.stop()
    assert not stack.sink.running

    attached.sink.start()

    assert stack.sink.execute("SELECT 1") == "1"


def test_second_up_of_a_name_is_refused(stack: Stack) -> None:
    code, printed = run("up", "--name", "held")

    assert code == 1
    assert "A stack 'held' is up already" in printed


@pytest.mark.parametrize("command", ["down", "env", "status"])
def test_unknown_stack_is_said_and_fails(home: Path, command: str) -> None:
    code, printed = run(command, "--name", "nobody")

    assert code == 1
    assert "No stack 'nobody' is up" in printed


@pytest.mark.parametrize("name", ["", "../up", "Upper", "a" * 41])
def test_name_that_is_no_folder_name_is_refused(home: Path, name: str) -> None:
    code, printed = run("env", "--name", name)

    assert code == 1
    assert "is no name for a stack" in printed


def test_stack_that_still_starts_can_not_be_attached_to(tmp_path: Path) -> None:
    us = Process.of(os.getpid())
    state = StateFile(tmp_path / "early")
    state.write(Record(name="early", data=tmp_path, binaries={}, owner=us, starter=us))

    with pytest.raises(AbsentError, match="still starting"):
        Stack.attach("early", directory=state.directory)


@pytest.mark.parametrize("command", ["", "up", "down", "status", "env"])
def test_every_command_has_help(command: str) -> None:
    code, printed = run(*command.split(), "--help")

    assert code == 0
    assert "Usage:" in printed

"""The embedded stack's processes: known for sure, and never left behind."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governor_local import cleanup
from governor_local.binaries import Binaries
from governor_local.errors import RunningError, StackError, StartError
from governor_local.ports import free_port, port_range
from governor_local.processes import Process, spawn
from governor_local.prometheus import PrometheusServer
from governor_local.reporting import Reporter
from governor_local.stack import Stack, remove_leftovers
from governor_local.state import Record, StateFile
from governor_local.table import ProcessTable

SLEEP = ["/bin/sleep", "60"]


def record_of(data: Path, **fields: object) -> Record:
    """A record without processes, held up by this test."""
    us = Process.of(os.getpid())
    whole = {"name": "t", "data": data, "binaries": {}, "owner": us, "starter": None, **fields}
    return Record(**whole)  # type: ignore[arg-type]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    """A running process of ours."""
    process = spawn(SLEEP, log=tmp_path / "log", directory=tmp_path, environment={})
    yield process
    process.send(signal.SIGKILL)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[ProcessTable]:
    """An empty process table whose processes end with the test."""
    state = StateFile(tmp_path / "t")
    record = record_of(cleanup.make_data_folder("t"))
    state.write(record)
    yield ProcessTable(state, record)
    cleanup.remove(state, state.read() or record)


def leftover(tmp_path: Path, process: Process) -> StateFile:
    """The state file of a killed run, which had that process."""
    gone = dataclasses.replace(Process.of(os.getpid()), started=1)
    state = StateFile(tmp_path / "killed")
    data = cleanup.make_data_folder("killed")
    state.write(
        record_of(
            data, owner=gone, processes={"x": process}, end_signals={"x": int(signal.SIGTERM)}
        )
    )
    return state


def test_leftover_process_and_files_of_a_killed_run_are_removed(
    tmp_path: Path, sleeper: Process
) -> None:
    state = leftover(tmp_path, sleeper)
    record = state.read()
    assert record

    assert remove_leftovers(state)

    assert not sleeper.running
    assert not record.data.exists()
    assert not state.directory.exists()


@pytest.mark.parametrize("stranger", [{"started": 7}, {"boot": "another"}])
def test_process_that_got_a_recycled_pid_is_left_alone(
    tmp_path: Path, sleeper: Process, stranger: dict[str, Any]
) -> None:
    state = leftover(tmp_path, dataclasses.replace(sleeper, **stranger))

    assert remove_leftovers(state)

    assert sleeper.running


def test_stack_of_a_living_owner_is_no_leftover(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "alive")
    state.write(record_of(tmp_path / "data"))

    assert not remove_leftovers(state)
    with pytest.raises(RunningError, match="governor-local down --name alive"):
        Stack.up(name="alive", directory=tmp_path / "alive")


def test_folder_that_is_not_ours_is_never_removed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    state = StateFile(tmp_path / "odd")
    state.write(record_of(precious, owner=None))

    assert remove_leftovers(state)

    assert precious.exists()


def test_unreadable_state_file_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"name": ')

    with pytest.raises(StackError, match="delete the folder"):
        StateFile(tmp_path).read()


def test_child_dies_with_its_killed_parent(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time; from pathlib import Path;"
        "from governor_local.processes import spawn;"
        f"here = Path({str(tmp_path)!r});"
        f"p = spawn({SLEEP}, log=here / 'log', directory=here, environment={{}},"
        " death_signal=signal.SIGTERM);"
        "print(p.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = Process.of(int(parent.stdout.readline()))
        assert child.running
        parent.kill()

    assert child.wait(5)


def test_child_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    made: list[Process] = []

    def start() -> None:
        made.append(
            spawn(
                SLEEP,
                log=tmp_path / "log",
                directory=tmp_path,
                environment={},
                death_signal=signal.SIGKILL,
            )
        )

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    time.sleep(0.2)

    assert made[0].running
    made[0].end(signal.SIGTERM, 5)


def test_dead_child_is_reaped_and_counts_as_gone(sleeper: Process) -> None:
    sleeper.end(signal.SIGKILL, 5)

    assert not sleeper.running
    assert not sleeper.send(signal.SIGTERM)
    assert sleeper.wait(0)


def test_paused_process_can_be_ended(sleeper: Process) -> None:
    sleeper.send(signal.SIGSTOP)
    assert sleeper.running

    sleeper.end(signal.SIGTERM, 5)

    assert not sleeper.running


def test_nothing_of_our_environment_reaches_a_process(
    table: ProcessTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/ambient")
    process = table.spawn("env", ["/usr/bin/env"], environment={"GIVEN": "1"})
    process.wait(5)

    printed = table.log("env").read_text()

    assert "GIVEN=1" in printed
    assert "KUBECONFIG" not in printed


def test_program_that_refuses_root_runs_without_it(table: ProcessTable) -> None:
    process = table.spawn("id", ["/usr/bin/id", "-u"], unprivileged=True)
    process.wait(5)

    assert table.log("id").read_text().strip() != "0"


def test_program_without_root_still_reaches_what_only_root_may(
    table: ProcessTable, tmp_path: Path
) -> None:
    """As in a checkout below a home folder: it must be found, not only opened."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    process = table.spawn(
        "test", ["/bin/sh", "-c", f"/usr/bin/test -x {program} && echo found"], unprivileged=True
    )
    process.wait(5)

    assert table.log("test").read_text() == "found\n"


def test_a_name_is_given_to_one_running_process_only(table: ProcessTable) -> None:
    table.spawn("x", SLEEP)

    with pytest.raises(StartError, match="runs already"):
        table.spawn("x", SLEEP)


def test_server_that_ends_early_shows_its_log(table: ProcessTable) -> None:
    server = PrometheusServer(Path("/bin/false"), table)
    table.log("prometheus").write_text("the reason\n")

    with pytest.raises(StartError, match=r"(?s)prometheus ended.*the reason.*How to go on"):
        server.start()


def test_server_that_is_never_ready_is_ended(
    table: ProcessTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PrometheusServer, "ready_seconds", 0.2)
    monkeypatch.setattr(PrometheusServer, "_program", lambda _: SLEEP)
    server = PrometheusServer(Path("/bin/sleep"), table)

    with pytest.raises(StartError, match=r"was not ready in 0\.2 s"):
        server.start()

    assert not server.running


def test_free_port_stays_out_of_the_range_of_outgoing_connections() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])

    assert free_port() < first


def test_free_ports_are_all_different_and_of_the_range_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ports = port_range()
    half = ports[len(ports) // 2 :]
    monkeypatch.setenv("LOCAL_PORTS", f"{half[0]}-{half[-1]}")

    given = {free_port() for _ in range(50)}

    assert len(given) == 50
    assert given <= {*half}


@pytest.mark.parametrize("given", ["", "15000", "a-b", "16000-15000", "1-20000", "15000-65535"])
def test_what_is_no_range_of_ports_says_what_is(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_PORTS", given)

    with pytest.raises(StartError, match=r"LOCAL_PORTS='.*such as 15000-19000"):
        free_port()


def test_server_whose_port_is_taken_meanwhile_chooses_another(table: ProcessTable) -> None:
    found = Binaries.find(Reporter())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", table.port("prometheus")))
        taken.listen()
        server = PrometheusServer(found.prometheus, table)

        server.start()

        assert server.port != taken.getsockname()[1]

"""The demo as a newcomer runs it: the command, its output, its scenarios, its end."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from governor_local.processes import Process

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

COMMAND = Path(sys.executable).with_name("governor-local")
NAME = "demo-e2e"
READY_SECONDS = 240
SERVERS = 7


class Demo:
    """`governor-local demo` with a state folder of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
        self.output = folder / "output"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [COMMAND, "demo", "--name", NAME, *arguments],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd="/",
                env=self.environment,
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while words not in self.text:
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.2)

    def wait_for_more(self, words: str, count: int) -> None:
        """Until they were said more often than that."""
        deadline = time.monotonic() + READY_SECONDS
        while self.text.count(words) <= count:
            assert time.monotonic() < deadline, self.text
            time.sleep(0.2)

    def kill(self, name: str) -> None:
        """Ends one of its processes by SIGKILL."""
        [state] = self.folder.rglob("state.json")
        process = Process(**json.loads(state.read_text())["processes"][name])
        process.send(signal.SIGKILL)

    def processes(self) -> list[Process]:
        """Every process of its stack."""
        [state] = self.folder.rglob("state.json")
        recorded = json.loads(state.read_text())["processes"].values()
        return [Process(**process) for process in recorded]

    def left(self) -> list[Path]:
        """Files that it left in its state folder."""
        return [path for path in (self.folder / "state").rglob("*") if path.is_file()]

    def shell(self, command: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Runs a command as a second shell would, in another folder."""
        return subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=self.environment | {"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def copied(self, word: str) -> str:
        """The command to copy that has this word."""
        [command] = [line for line in self.text.splitlines() if re.search(rf"^  /.* {word}", line)]
        return command.strip()

    def scenario(self, name: str) -> str:
        """What a scenario prints."""
        done = self.shell(f"{shlex.quote(str(COMMAND))} scenario {name} --name {NAME}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def assert_ctrl_c_ends(demo: Demo) -> None:
    """Presses Ctrl-C; afterwards no process and no file of the stack may be there."""
    processes = demo.processes()
    demo.process.send_signal(signal.SIGINT)
    demo.process.wait(60)

    assert len(processes) >= SERVERS
    assert not any(process.running for process in processes)
    assert demo.left() == []
    assert demo.process.returncode == 130, demo.text
    assert demo.text.splitlines()[-1] == "Everything is stopped and removed."


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"))
    try:
        demo.wait_for("until you press Ctrl-C")
        yield demo
    finally:
        assert_ctrl_c_ends(demo)


def test_shown_once_it_ends_well_and_leaves_nothing(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "--once")

    assert demo.process.wait(READY_SECONDS) == 0, demo.text
    lines = demo.text.splitlines()
    assert re.search(r"in about \d+ (to \d+ )?(seconds|minutes)", lines[0])
    assert "$ kubectl get governancepolicies -A" in lines
    assert "NOT AS EXPECTED" not in demo.text
    assert demo.left() == []


def test_it_prints_what_kubectl_and_the_database_show(demo: Demo) -> None:
    assert re.search(r"^aiops +flywheel +True +Warning +8 +1 +0 +0 +0 ", demo.text, re.MULTILINE)
    assert re.search(
        r"^demo +every-verdict +False +Violated +1 +1 +1 +2 +2 ", demo.text, re.MULTILINE
    )
    assert re.search(
        r"^demo +awaiting-data +Unknown +NoData +0 +0 +0 +2 +0 ", demo.text, re.MULTILINE
    )
    assert "$ kubectl describe governancepolicy awaiting-data -n demo" in demo.text
    assert re.search(r"Warning +FindingOpened +governancepolicy/every-verdict", demo.text)
    assert re.search(
        r"^sql_unverified_evidence_violation +demo/every-verdict +unverified-evidence +info +open ",
        demo.text,
        re.MULTILINE,
    )


def test_it_prints_what_people_were_told_and_what_became_work(demo: Demo) -> None:
    finding = "demo/every-verdict unverified-evidence"
    for line in (
        r"\$ amtool --alertmanager\.url=http://127\S+ alert query$",
        r"sql_unverified_evidence_violation +\S+ \S+ UTC +\S*every-verdict.* active",
        rf"  \| \[info\] {finding}: 0\.2 is above the red line 0\.05$",
        r'  \|   "type": "dev\.aiops\.governance\.finding\.opened\.v1",$',
        r"evidence_verification +pending +demo/every-verdict +unverified-evidence +0 of 1 ",
    ):
        assert re.search(f"^{line}", demo.text, re.MULTILINE), line


def test_it_says_where_what_the_channels_were_told_can_be_read(demo: Demo) -> None:
    (path,) = re.findall("^What the channels were told: (.*)$", demo.text, re.MULTILINE)

    paths = {json.loads(line)["path"] for line in Path(path).read_text("utf-8").splitlines()}
    assert {"alertmanager", "chat", "cloudevents"} <= paths


def test_psql_of_a_second_shell_shows_the_work_items(demo: Demo) -> None:
    exports = f"$({shlex.quote(str(COMMAND))} env --name {NAME})"
    query = "select executor_type from governance.governance_remediation_dispatch"

    done = demo.shell(f'eval "{exports}" && psql -XAtc "{query}"')

    assert "evidence_verification" in done.stdout.splitlines(), done.stderr


def test_its_commands_work_in_a_second_shell_in_another_folder(demo: Demo) -> None:
    watched = demo.shell("timeout 5 " + demo.copied("get governancepolicies"))
    degraded = demo.shell(demo.copied("scenario degrade"))
    recovered = demo.shell(demo.copied("scenario recover"))

    assert "flywheel" in watched.stdout, watched.stderr
    assert degraded.returncode == 0, degraded.stderr
    assert "aiops/flywheel trust-drift: Ok (Met) → Violated (PastRedLine)" in degraded.stdout
    assert recovered.returncode == 0, recovered.stderr
    assert "aiops/flywheel trust-drift: Violated (PastRedLine) → Ok (Met)" in recovered.stdout


def test_a_second_one_is_refused_before_any_promise(demo: Demo) -> None:
    done = demo.shell(f"{shlex.quote(str(COMMAND))} demo --name {NAME}")

    assert done.returncode == 1
    assert "is up already" in done.stderr
    assert done.stdout == ""


def test_a_server_that_is_down_is_said_to_be_and_comes_back(demo: Demo) -> None:
    without_prometheus = demo.scenario("prometheus-down")
    without_database = demo.scenario("database-down")
    recovered = demo.scenario("recover")

    assert "autonomy-rate: Ok (Met) → Error (Unreachable)" in without_prometheus
    assert "trust-drift: Ok" not in without_prometheus
    assert "trust-drift: Ok (Met) → Error (Unreachable)" in without_database
    assert "autonomy-rate: Error (Unreachable) → Ok (Met)" in without_database
    assert "trust-drift: Error (Unreachable) → Ok (Met)" in recovered


def test_an_operator_that_is_killed_is_started_again(demo: Demo) -> None:
    """As whoever tries the promises does first; and the second shell's view goes on."""
    ready = "The operator is ready again."
    before = demo.text.count(ready)
    demo.kill("operator")
    demo.wait_for_more(ready, before)

    assert "The operator has ended. It is started again" in demo.text
    assert "autonomy-rate" in demo.scenario("degrade") + demo.scenario("recover")


def test_a_mute_keeps_a_finding_quiet_until_it_ends(demo: Demo) -> None:
    shown = demo.scenario("mute")
    demo.scenario("recover")

    under_it, _, after = shown.partition("At its end, what is still wrong is told.")
    told = r"  \| .*aiops/flywheel knowledge-degradation: 0\.3 is above the red line 0\.2$"
    for text, lines in (
        (under_it, (r"demo-mute .* True ", r"knowledge_degradation +aiops/flywheel .* open ")),
        (after, (r"demo-mute .* False ", told, r"hermes_kb_growth_healthcheck +pending ")),
    ):
        for line in lines:
            assert re.search(f"^{line}", text, re.MULTILINE), (line, shown)
    assert not re.search(f"^{told}", under_it, re.MULTILINE)


def test_a_scenario_without_a_demo_says_how_to_start_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "scenario", "degrade", "--name", "nobody"],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "make demo" in done.stderr


def test_ctrl_c_while_it_starts_takes_everything_down(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    demo.wait_for("installing and starting the operator")

    assert_ctrl_c_ends(demo)

"""The command line: what it prints, what it refuses, what it exits with."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from governor import __version__
from governor.cli.main import main
from governor.settings import Settings, describe

POLICY = """
apiVersion: governance.aiops.dev/v1alpha1
kind: GovernancePolicy
metadata: {name: p, namespace: ns}
spec:
  checks:
    - name: up
      promql: {sourceRef: {name: prom}, query: up}
      objective: {direction: Above, redLine: 1}
"""


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """A file with a good policy."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return str(path)


def test_both_ways_to_ask_for_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """A command and an option."""
    assert main(["version"]) == 0
    assert main(["--version"]) == 0

    assert capsys.readouterr().out == f"governor {__version__}\n" * 2


def test_help_of_run_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """With its default and its meaning."""
    assert main(["run", "--help"]) == 0

    words = " ".join(capsys.readouterr().out.split())
    for name, default, text in describe(Settings):
        assert f"{name} {text}" in words
        assert f"[{default}]" in words or not default


def test_help_of_migrate_says_which_role_to_use(capsys: pytest.CaptureFixture[str]) -> None:
    """And lists only what it reads."""
    assert main(["migrate", "--help"]) == 0

    out = capsys.readouterr().out
    assert "governor_owner" in out
    assert "GOVERNOR_DATABASE_URL_FILE" in out
    assert "GOVERNOR_METRICS_ADDRESS" not in out


@pytest.mark.parametrize("command", ["run", "migrate"])
def test_wrong_settings_exit_with_3(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is connected to."""
    monkeypatch.setenv("GOVERNOR_LOG_LEVEL", "loud")
    monkeypatch.delenv("GOVERNOR_DATABASE_URL_FILE", raising=False)

    assert main([command]) == 3

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "governor: the settings are wrong:"
    assert [line.split()[0] for line in lines[1:]] == [
        "GOVERNOR_DATABASE_URL_FILE",
        "GOVERNOR_LOG_LEVEL='loud'",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chek"], "No such command 'chek'"),
        (["run", "--verbose"], "No such option"),
        (["check"], "say what to check: -f FILE"),
        (["check", "-f", "{policy}"], "say where to measure: --source NAME=URL or --sources FILE"),
        (["check", "-f", "{policy}", "-o", "xml"], "'xml' is not one of 'table', 'json'"),
        (["check", "-f", "{policy}", "--source", "http://x"], "must be NAME=URL"),
        (["check", "-f", "{policy}", "--source", "=http://x"], "must be NAME=URL"),
        (
            ["check", "-f", "{policy}", "--source", "a=http://x", "--source", "a=http://y"],
            "a is given twice",
        ),
        (
            ["check", "-f", "{policy}", "--source", "a=http://x", "--tls-mode", "b=Disable"],
            "--tls-mode b=…: there is no such --source",
        ),
        (
            ["check", "-f", "{policy}", "--source", "a=http://x", "--ca-file", "b=/x"],
            "--ca-file b=…: there is no such --source",
        ),
        (
            ["check", "-f", "{policy}", "--source", "a=ftp://x"],
            "source a: its URL must start with postgresql://, http:// or https://",
        ),
        (["check", "-f", "/no/such", "--source", "a=http://x"], "/no/such: no such file"),
        (
            ["check", "-f", "{policy}", "/no/such", "--source", "a=http://x"],
            "/no/such: no such file",
        ),
    ],
)
def test_wrong_usage_exits_with_3(
    arguments: list[str], message: str, policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never with 1 or 2, which are verdicts."""
    assert main([argument.format(policy=policy) for argument in arguments]) == 3

    captured = capsys.readouterr()
    assert message in captured.err
    assert not captured.out


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@h/db",
        "postgresql://u@h/db?password=hunter2",
        "https://u:hunter2@h",
    ],
)
def test_a_password_on_the_command_line_is_refused(
    url: str, policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the remedy, and without repeating it."""
    assert main(["check", "-f", policy, "--source", f"prom={url}"]) == 3

    err = capsys.readouterr().err
    assert "source prom: no password on the command line: write '${VARIABLE}'" in err
    assert "hunter2" not in err


def test_help_answers_at_once() -> None:
    """Nothing heavy is imported for it: well under a second, even on a busy machine."""
    program = (
        "import sys; from governor.cli.main import main; code = main(['--help']);"
        "heavy = {'kopf', 'sqlalchemy', 'aiohttp', 'httpx', 'kubernetes', 'pydantic'};"
        "sys.exit(code or str(sorted(heavy & set(sys.modules)) or ''))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.stderr.strip() == ""
    assert "Commands:" in done.stdout


def test_a_source_given_in_both_ways_is_refused(
    tmp_path: Path, policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which one is meant would be a guess."""
    sources = tmp_path / "sources.yaml"
    sources.write_text(
        "apiVersion: governance.aiops.dev/v1alpha1\nkind: GovernanceSource\n"
        "metadata: {name: prom}\n"
        "spec: {allowedNamespaces: {from: All}, prometheus: {url: 'http://x'}}\n"
    )

    assert (
        main(["check", "-f", policy, "--source", "prom=http://y", "--sources", str(sources)]) == 3
    )

    assert "prom is given by --source and by --sources: choose one" in capsys.readouterr().err


def test_a_source_that_could_never_be_measured_from_is_bad_input(
    policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not a verdict on the policy."""
    assert main(["check", "-f", policy, "--source", "prom=http://127.0.0.1:99999"]) == 3

    assert "GovernanceSource prom: prometheus.url must have a port" in capsys.readouterr().err


def test_a_bug_is_no_verdict(
    policy: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python would exit with 1, as if the policy were violated."""
    monkeypatch.setattr("governor.cli.measuring.judge", None)

    assert main(["check", "-f", policy, "--source", "prom=http://127.0.0.1:9"]) == 70

    assert "TypeError" in capsys.readouterr().err


def into(
    stdout: Any, policy: str, *, stderr: Any = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """Checks a policy that nobody can measure, and prints there."""
    options = ["check", "-f", policy, "--source", "prom=http://127.0.0.1:9"]
    return subprocess.run(
        [sys.executable, "-m", "governor", *options],
        stdout=stdout,
        stderr=stderr,
        text=True,
        check=False,
    )


def test_who_reads_no_further_changes_no_verdict(policy: str) -> None:
    """As in `governor check … | head`."""
    read, write = os.pipe()
    os.close(read)
    done = into(write, policy)
    os.close(write)

    assert (done.returncode, done.stderr) == (2, "")


def test_output_that_can_not_be_written_is_no_verdict(policy: str) -> None:
    """A full disk is neither compliant nor violated."""
    with Path("/dev/full").open("w") as full:
        done = into(full, policy)

    assert done.returncode == 70
    assert done.stderr == "governor: the output can't be written: No space left on device\n"


def test_a_full_disk_for_messages_too_is_no_verdict(policy: str) -> None:
    """As in `governor check … > file 2>&1`: nobody can be told, but by the exit code."""
    with Path("/dev/full").open("w") as full:
        assert into(full, policy, stderr=full).returncode == 70
        missing = into(subprocess.DEVNULL, "missing.yaml", stderr=full)

    assert missing.returncode not in (0, 1, 2)


def test_standard_input_that_is_closed_is_bad_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in `governor check -f - <&-`."""
    monkeypatch.setattr("sys.stdin", None)

    assert main(["check", "-f", "-", "--source", "prom=http://x"]) == 3

    assert "standard input: it is closed" in capsys.readouterr().err

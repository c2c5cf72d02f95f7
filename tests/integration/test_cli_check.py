"""`governor check` against a real PostgreSQL and a real Prometheus."""

import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.governed import PASSWORD, READER, Governed

from governor.cli.main import main
from governor_local.stack import Stack

TABLE = """\
NAMESPACE   POLICY     CHECK       VERDICT    VALUE   GAP     REASON            MESSAGE
aiops       flywheel   repairs     Violated   0.25    0.1     PastRedLine       \
0.25 is above the red line 0.15
aiops       flywheel   rate        Warning    0.75    -0.05   PastTarget        \
0.75 is below the target 0.8, red line 0.7
aiops       flywheel   count       Ok         4       6       Met               \
4 is not above the red line 10
aiops       flywheel   knowledge   NoData     -       -       EmptyPopulation   \
there are no knowledge entries to judge
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a call of the command did."""

    code: int
    out: str
    err: str

    def checks(self) -> dict[str, tuple[str, str]]:
        """Check → verdict and reason, of the first policy in the JSON."""
        return {
            check["name"]: (check["verdict"], check["reason"])
            for check in json.loads(self.out)["policies"][0]["checks"]
        }


@pytest.fixture(scope="module")
def governed(stack: Stack) -> Governed:
    """A database in which one of four repairs failed, and no knowledge entry is."""
    database = Governed.create(stack.governed)
    database.sql(
        "INSERT INTO auto_repair_executions SELECT n <> 1, now() FROM generate_series(1, 4) n"
    )
    return database


@pytest.fixture
def governor(
    tmp_path: Path,
    stack: Stack,
    governed: Governed,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> "Governor":
    """The command, with both servers as sources `platform` and `prometheus`."""
    monkeypatch.setenv("DSN", governed.dsn())
    sources = ["--source", "platform=${DSN}", "--tls-mode", "platform=Disable"]
    sources += ["--source", f"prometheus={stack.prometheus.url}"]
    return Governor(tmp_path / "policy.yaml", sources, capsys)


@dataclass(frozen=True, slots=True)
class Governor:
    """Runs `governor check` on checks."""

    manifest: Path
    sources: list[str]
    capsys: pytest.CaptureFixture[str]

    def check(self, *checks: dict[str, Any], options: tuple[str, ...] = ("-o", "json")) -> Ran:
        """Measures these checks."""
        self.manifest.write_text(yaml.safe_dump(policy(*checks)))
        return self.run("-f", str(self.manifest), *self.sources, *options)

    def run(self, *arguments: str) -> Ran:
        """Runs it with these arguments."""
        code = main(["check", *arguments])
        captured = self.capsys.readouterr()
        return Ran(code, captured.out, captured.err)


def policy(*checks: dict[str, Any]) -> dict[str, Any]:
    """A policy's manifest."""
    return {
        "apiVersion": "governance.aiops.dev/v1alpha1",
        "kind": "GovernancePolicy",
        "metadata": {"name": "flywheel", "namespace": "aiops"},
        "spec": {"checks": list(checks)},
    }


def repairs(red_line: float = 0.15, source: str = "platform") -> dict[str, Any]:
    """The share of failed repairs, which is 0.25."""
    probe = {"sourceRef": {"name": source}}
    return {
        "name": "repairs",
        "executionBlastRadius": probe,
        "objective": {"redLine": red_line},
    }


def rate(query: str = "vector(0.75)", source: str = "prometheus") -> dict[str, Any]:
    """A number from Prometheus that should be above 0.7, better 0.8."""
    return {
        "name": "rate",
        "promql": {"sourceRef": {"name": source}, "query": query},
        "objective": {"direction": "Above", "redLine": 0.7, "target": 0.8},
    }


def count() -> dict[str, Any]:
    """A number from a statement of the policy's own."""
    statement = "SELECT count(*) AS value FROM auto_repair_executions"
    return {
        "name": "count",
        "sql": {"sourceRef": {"name": "platform"}, "query": statement},
        "objective": {"direction": "Below", "redLine": 10},
    }


def knowledge() -> dict[str, Any]:
    """A built-in check of an empty table."""
    return {"name": "knowledge", "knowledgeDegradation": {"sourceRef": {"name": "platform"}}}


def test_the_table_and_violated_wins(governor: Governor) -> None:
    """Every check is measured once and judged; the exit code says the worst."""
    ran = governor.check(repairs(), rate(), count(), knowledge(), options=())

    assert ran == Ran(code=1, out=TABLE, err="")


def test_compliant_is_0(governor: Governor) -> None:
    """A warning is no violation."""
    ran = governor.check(repairs(red_line=0.25), rate(), count())

    assert ran.code == 0
    assert json.loads(ran.out)["verdict"] == "Warning"
    assert ran.checks() == {
        "repairs": ("Ok", "Met"),
        "rate": ("Warning", "PastTarget"),
        "count": ("Ok", "Met"),
    }


@pytest.mark.parametrize(
    ("query", "verdict", "reason"),
    [
        ("absent(vector(1))", "NoData", "EmptyResult"),
        ("vector(NaN)", "NoData", "NonFinite"),
        ("sum(", "Error", "QueryInvalid"),
    ],
)
def test_unknown_is_2(governor: Governor, query: str, verdict: str, reason: str) -> None:
    """No data is never a pass, and neither is a fault."""
    ran = governor.check(rate(query), count())

    assert ran.code == 2
    assert ran.checks()["rate"] == (verdict, reason)
    assert ran.checks()["count"] == ("Ok", "Met")


def test_a_violation_wins_over_an_error(governor: Governor) -> None:
    """1, not 2."""
    assert governor.check(repairs(), rate("sum(")).code == 1


def test_a_source_that_was_not_given_is_an_error_of_its_checks(governor: Governor) -> None:
    """The other checks are measured."""
    ran = governor.check(rate(source="elsewhere"), count())

    assert ran.code == 2
    assert ran.checks()["rate"] == ("Error", "SourceNotFound")
    assert "no source elsewhere was given: add --source elsewhere=" in ran.out
    assert ran.checks()["count"] == ("Ok", "Met")


def test_a_source_of_another_kind_is_an_error(governor: Governor) -> None:
    """PromQL is not sent to PostgreSQL."""
    ran = governor.check(rate(source="platform"))

    assert ran.checks()["rate"] == ("Error", "SourceNotFound")
    assert "platform is a postgres source: this check needs a prometheus source" in ran.out


def test_a_wrong_password_is_an_error_that_does_not_tell_it(
    governor: Governor, governed: Governed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even in part."""
    monkeypatch.setenv("DSN", governed.server.dsn(user=READER, password="hunter2", database="x"))

    ran = governor.check(repairs())

    assert ran.code == 2
    assert ran.checks()["repairs"] == ("Error", "AuthenticationFailed")
    assert "hunter2" not in ran.out + ran.err


def test_sources_of_manifests_with_a_secret_from_the_environment(
    governor: Governor, governed: Governed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the source allows is respected; which namespaces it allows is not looked at."""
    monkeypatch.setenv("PASSWORD", "s3cret%2F%40%3A%25%23%3F")
    address = governed.server.dsn(database=governed.name).rpartition("@")[2]
    source = {
        "apiVersion": "governance.aiops.dev/v1alpha1",
        "kind": "GovernanceSource",
        "metadata": {"name": "platform"},
        "spec": {
            "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}},
            "postgres": {"secretRef": {"name": "db", "key": "dsn"}, "tls": {"mode": "Disable"}},
        },
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db"},
        "stringData": {"dsn": f"postgresql://{READER}:${{PASSWORD}}@{address}"},
    }
    path = tmp_path / "sources.yaml"
    path.write_text(yaml.safe_dump_all([source, secret]))
    governor.manifest.write_text(yaml.safe_dump(policy(repairs(), count())))

    ran = governor.run("-f", str(governor.manifest), "--sources", str(path), "-o", "json")

    assert ran.code == 1
    assert ran.checks() == {
        "repairs": ("Violated", "PastRedLine"),
        "count": ("Error", "SourceForbidden"),
    }
    assert PASSWORD not in ran.out + ran.err


def test_standard_input_and_what_is_no_policy(
    governor: Governor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was left alone is said, but not where programs read."""
    text = yaml.safe_dump_all([policy(count()), {"kind": "Namespace", "metadata": {"name": "n"}}])
    monkeypatch.setattr("sys.stdin", io.StringIO(text))

    ran = governor.run("-f", "-", *governor.sources, "-o", "json")

    assert ran.code == 0
    assert ran.checks() == {"count": ("Ok", "Met")}
    assert ran.err == "governor: left alone: standard input: Namespace\n"


def test_as_a_process(governor: Governor) -> None:
    """The exit code reaches the shell, and nothing else is printed."""
    governor.manifest.write_text(yaml.safe_dump(policy(repairs())))
    command = [sys.executable, "-m", "governor", "check", "-f", str(governor.manifest)]

    done = subprocess.run(
        [*command, *governor.sources], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (1, "")
    assert len(done.stdout.splitlines()) == 2

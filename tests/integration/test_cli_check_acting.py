"""`governor check` of a policy that tells and acts: the same measurement, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.governed import REMEDIATOR, Governed

from governor.api import API_VERSION
from governor.cli.main import main
from governor_local.stack import Stack


@pytest.fixture
def governed(stack: Stack) -> Governed:
    """A database with a playbook that drifted and is long unused, and one that is well."""
    database = Governed.create(stack.governed)
    database.sql(
        "INSERT INTO playbooks VALUES ('low', 'active', 0.1, NULL, '2020-01-01T00:00:00Z'),"
        " ('high', 'active', 0.9, now(), now())"
    )
    return database


def manifest(kind: str, name: str, spec: dict[str, Any], **metadata: str) -> dict[str, Any]:
    """An object of ours."""
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }


def policy(check: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A policy about the playbooks, with these fields of its check and of its own."""
    drift = {"name": "drift", "trustDrift": {"sourceRef": {"name": "platform"}}}
    spec = {"checks": [drift | check], **fields}
    return manifest("GovernancePolicy", "flywheel", spec, namespace="aiops")


def sources(governed: Governed, folder: Path) -> Path:
    """The platform as a source with which playbooks may be deprecated."""
    postgres = {
        "secretRef": {"name": "db", "key": "dsn"},
        "remediationSecretRef": {"name": "db", "key": "remediation"},
        "tls": {"mode": "Disable"},
    }
    access = ["BuiltinChecks", "Remediation"]
    everybody = {"from": "All"}
    spec = {"allowedNamespaces": everybody, "access": access, "postgres": postgres}
    secret = {
        "kind": "Secret",
        "metadata": {"name": "db"},
        "stringData": {"dsn": governed.dsn(), "remediation": governed.dsn(REMEDIATOR)},
    }
    file = folder / "sources.yaml"
    file.write_text(yaml.safe_dump_all([manifest("GovernanceSource", "platform", spec), secret]))
    return file


def test_a_policy_that_enforces_is_measured_like_any_other(
    governed: Governed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is told, no playbook is touched, and a mute in the same file mutes nothing."""
    chat = {
        "allowedNamespaces": {"from": "All"},
        "apprise": {"secretRef": {"name": "chat", "key": "url"}},
    }
    mute = {
        "policyRef": {"name": "flywheel"},
        "reason": "the base is rebuilt",
        "owner": "SRE",
        "expiresAt": "2099-01-01T00:00:00Z",
    }
    acting = policy(
        {"dispatch": {"executor": "hermes"}},
        enforcement="Enforce",
        mutes="Allowed",
        notify={"channels": [{"name": "chat"}]},
    )
    beside = [
        manifest("GovernanceChannel", "chat", chat),
        manifest("GovernanceMute", "rebuild", mute, namespace="aiops"),
    ]
    told = []
    for documents in ([policy({})], [acting, *beside]):
        file = tmp_path / "policy.yaml"
        file.write_text(yaml.safe_dump_all(documents))
        arguments = ["-f", str(file), "--sources", str(sources(governed, tmp_path)), "-o", "json"]
        assert main(["check", *arguments]) == 1
        captured = capsys.readouterr()
        assert captured.err == ""
        told.append(json.loads(captured.out)["policies"])

    assert told[0] == told[1]
    assert told[0][0]["checks"][0]["value"] == 0.5
    statuses = "SELECT string_agg(status, ',') FROM playbooks"
    assert governed.sql(statuses).strip() == "active,active"

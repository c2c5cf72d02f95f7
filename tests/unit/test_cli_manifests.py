"""What `governor check` takes for a policy, and what it refuses with which words."""

import io
from pathlib import Path

import pytest

from governor.cli.documents import read
from governor.cli.policies import read_policies
from governor.errors import SpecError

HEAD = "apiVersion: governance.aiops.dev/v1alpha1\nkind: GovernancePolicy\n"
CHECK = (
    "    - name: up\n"
    "      promql: {sourceRef: {name: prom}, query: up}\n"
    "      objective: {direction: Above, redLine: 1}\n"
)
GOOD = f"{HEAD}metadata: {{name: p, namespace: ns}}\nspec:\n  checks:\n{CHECK}"

CHANNEL = """\
---
apiVersion: governance.aiops.dev/v1alpha1
kind: GovernanceChannel
metadata: {name: chat}
spec: {allowedNamespaces: {from: All}, apprise: {secretRef: {name: chat, key: url}}}
"""
MUTE = """\
---
apiVersion: governance.aiops.dev/v1alpha1
kind: GovernanceMute
metadata: {name: rebuild, namespace: ns}
spec: {policyRef: {name: p}, reason: rebuilt, owner: SRE, expiresAt: 2026-12-01T08:00:00Z}
"""
NO_MOMENT = "write a date and a time with its zone, such as 2026-12-01T08:00:00Z"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A file for a manifest."""
    return tmp_path / "policy.yaml"


def test_several_documents_files_and_standard_input(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their order; what is no policy is named, not swallowed."""
    written.write_text(f"{GOOD}---\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: ns}}\n")
    monkeypatch.setattr("sys.stdin", io.StringIO(GOOD.replace("namespace: ns", "namespace: ms")))

    policies, others = read_policies([str(written), "-"])

    assert [(p.namespace, p.name, len(p.policy.checks)) for p in policies] == [
        ("ns", "p", 1),
        ("ms", "p", 1),
    ]
    assert others == (f"{written}: Namespace",)


@pytest.mark.parametrize("name", ["p" * 253, "a.b-c.9"])
def test_names_are_as_long_as_the_api_server_takes_them(written: Path, name: str) -> None:
    """A namespace's has at most 63 characters; an object's 253, dots or not."""
    written.write_text(
        GOOD.replace("{name: p, namespace: ns}", f"{{name: {name}, namespace: {'n' * 63}}}")
    )

    [policy], _ = read_policies([str(written)])

    assert (policy.namespace, policy.name) == ("n" * 63, name)


def test_a_list_as_kubectl_gets_it(written: Path) -> None:
    """With the metadata and the status that the server added."""
    item = {
        "apiVersion": "governance.aiops.dev/v1alpha1",
        "kind": "GovernancePolicy",
        "metadata": {"name": "p", "uid": "u", "resourceVersion": "1"},
        "spec": {
            "interval": "5m",
            "checks": [{"name": "stale", "knowledgeDegradation": {"sourceRef": {"name": "pg"}}}],
        },
        "status": {"verdict": "Ok"},
    }
    written.write_text(str({"apiVersion": "v1", "kind": "List", "items": [item]}))

    [policy], _ = read_policies([str(written)])

    assert (policy.namespace, policy.name) == ("default", "p")
    assert policy.policy.checks[0].interval == 300


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no GovernancePolicy in these files"),
        ("kind: Namespace", "there is no GovernancePolicy in these files; found"),
        (
            GOOD.replace("kind: GovernancePolicy", "kind: GovernancePolcy"),
            "GovernancePolcy p: there is no such kind in governance.aiops.dev, only Govern",
        ),
        ("a: !!timestamp foo", "not valid YAML: "),
        ("&a {kind: List, items: [*a]}", "not valid YAML: nested too deeply"),
        (
            f"{HEAD}metadata: {{name: p}}\nspec: &a {{checks: [*a]}}",
            "GovernancePolicy p: spec: can't be written as JSON: Circular reference",
        ),
        (
            f"{HEAD}metadata: {{name: p}}\nspec: {{!!binary aGk=: 1, checks: []}}",
            "GovernancePolicy p: spec: can't be written as JSON: keys must be",
        ),
        (
            f"{HEAD}metadata: {{name: 5}}\nspec: {{}}",
            "metadata.name: should be a text: put it in q",
        ),
        (f"{HEAD}metadata: {{name: P_1}}\nspec: {{}}", "metadata.name: use lower case letters, di"),
        (f'{HEAD}metadata: {{name: "\\ud800"}}\nspec: {{}}', "hyphens, and dots, not '\\ud800'"),
        (f"{HEAD}metadata: {{name: {'p' * 254}}}\nspec: {{}}", "metadata.name: use lower case"),
        (
            GOOD.replace("namespace: ns", "namespace: 123"),
            "GovernancePolicy p: metadata.namespace: should be a text: put it in quotes",
        ),
        (
            GOOD.replace("namespace: ns", "namespace: a.b"),
            "metadata.namespace: use lower case letters, digits and hyphens, not 'a.b'",
        ),
        (
            GOOD.replace("namespace: ns", "lables: {a: b}"),
            "GovernancePolicy p: metadata.lables: unknown field: remove it",
        ),
        (f"metdata: {{}}\n{GOOD}", "GovernancePolicy p: metdata: unknown field: remove it"),
        ("[1, 2]", "a document must be an object with apiVersion and kind"),
        ("a: [", "not valid YAML: while parsing a flow node"),
        ("a: 1\nb: 2\na: 3", "not valid YAML: 'a' stands twice"),
        ("[" * 5000, "not valid YAML: "),
        ("!!python/object/apply:os.getcwd []", "not valid YAML: could not determine a constructor"),
        (f"{HEAD}spec: {{}}", "GovernancePolicy: give it a metadata.name"),
        (f"{HEAD}metadata: [x]\nspec: {{}}", "GovernancePolicy: give it a metadata.name"),
        (f"{HEAD}metadata: {{name: p}}", "GovernancePolicy p: spec: is required"),
        (
            f"{HEAD}metadata: {{name: p}}\nspec: {{}}",
            "GovernancePolicy p: spec.checks: is required",
        ),
        (
            GOOD.replace("v1alpha1", "v9"),
            "GovernancePolicy p: apiVersion must be governance.aiops.dev/v1alpha1, not gov",
        ),
        (
            GOOD.replace("query: up", "query: up, qery: up"),
            "spec.checks[0].promql.qery: unknown field: remove it, or check its spelling",
        ),
        (
            GOOD.replace("redLine: 1", "redLine: high"),
            "spec.checks[0].objective.redLine: should be",
        ),
        (
            GOOD.replace("  checks:", "  interval: 7s\n  checks:"),
            "spec.interval: choose a multiple of 5s",
        ),
        (
            GOOD.replace("      objective: {direction: Above, redLine: 1}\n", ""),
            "GovernancePolicy p",
        ),
        (f"{GOOD}{CHECK}", "name up occurs twice"),
        (f"{GOOD}---\n{GOOD}", "GovernancePolicy p: stands there twice"),
    ],
)
def test_a_bad_manifest_is_refused(written: Path, text: str, message: str) -> None:
    """With the file, the object, the field and the reason."""
    written.write_text(text)

    with pytest.raises(SpecError) as caught:
        read_policies([str(written)])

    assert message in str(caught.value)
    assert str(written) in str(caught.value) or "these files" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_bad_policy_is_told_at_once(written: Path) -> None:
    """One line each."""
    bad = GOOD.replace("name: up", "name: Up!")
    written.write_text(f"{bad}---\n{GOOD}---\n{bad.replace('name: p', 'name: q')}")

    with pytest.raises(SpecError) as caught:
        read_policies([str(written)])

    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "GovernancePolicy p",
        "GovernancePolicy q",
    ]


def test_channels_and_mutes_may_stand_beside_policies(written: Path) -> None:
    """One file for all that a team declares."""
    written.write_text(f"{MUTE}{CHANNEL}---\n{GOOD}")

    policies, others = read_policies([str(written)])

    assert [policy.name for policy in policies] == ["p"]
    assert others == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            CHANNEL.replace("apprise:", "alertmanager: {urls: []}, apprise:"),
            "GovernanceChannel chat: spec.alertmanager.urls: should have at least 1 items",
        ),
        (
            CHANNEL.replace("metadata: {name: chat}", "metadata: {}"),
            "GovernanceChannel: give it a metadata.name",
        ),
        (
            CHANNEL.replace("governance.aiops.dev/v1alpha1", "v1"),
            "GovernanceChannel chat: apiVersion must be governance.aiops.dev/v1alpha1, not v1",
        ),
        (f"{CHANNEL}{CHANNEL}", "GovernanceChannel chat: stands there twice"),
        (
            MUTE.replace("T08:00:00Z", ""),
            f"GovernanceMute rebuild: spec.expiresAt: {NO_MOMENT}",
        ),
        (
            MUTE.replace("T08:00:00Z", " 08:00:00"),
            f"GovernanceMute rebuild: spec.expiresAt: {NO_MOMENT}",
        ),
        (MUTE.replace("owner: SRE, ", ""), "GovernanceMute rebuild: spec.owner: is required"),
        (f"{MUTE}{MUTE}", "GovernanceMute rebuild: stands there twice"),
    ],
)
def test_a_wrong_channel_or_mute_is_named(written: Path, text: str, message: str) -> None:
    """As a wrong policy would be."""
    written.write_text(f"{GOOD}{text}")

    with pytest.raises(SpecError) as caught:
        read_policies([str(written)])

    assert str(caught.value) == f"{written}: {message}"


def test_what_looks_like_a_date_is_the_text_that_it_is(written: Path) -> None:
    """As kubectl reads it."""
    written.write_text("{a: 2026-12-01, b: 2026-12-01 08:00:00, c: 2026-12-01T08:00:00Z}")

    [document] = read([str(written)])

    assert document.body == {
        "a": "2026-12-01",
        "b": "2026-12-01 08:00:00",
        "c": "2026-12-01T08:00:00Z",
    }


def test_a_file_that_is_no_text_is_refused(written: Path) -> None:
    """It is named."""
    written.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(SpecError, match=r"policy\.yaml: not UTF-8 text"):
        read_policies([str(written)])

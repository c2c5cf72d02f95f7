"""The CRDs as a real API server serves them: explained, listed, selected, waited for."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from tests.support.served import Served, condition, status

from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack

pytestmark = pytest.mark.e2e

CHAT = {
    "allowedNamespaces": {"from": "All"},
    "apprise": {"secretRef": {"name": "chat", "key": "url"}},
}
MUTE = {
    "policyRef": {"name": "flywheel"},
    "reason": "the base is rebuilt",
    "owner": "SRE",
    "expiresAt": "2026-12-01T08:00:00Z",
}
AS_TEAM = ("--server-side", "--field-manager=team")
AS_PLATFORM = ("--server-side", "--field-manager=platform")


@pytest.fixture(autouse=True)
def no_operator(one_operator: OperatorProcess) -> None:
    """Statuses are written by hand here: the session's operator would write them too."""
    one_operator.stop()


@pytest.fixture(scope="module")
def served(stack: Stack) -> Served:
    """The CRDs, served."""
    return Served.on(stack)


@pytest.fixture
def policy(served: Served) -> Iterator[str]:
    """The name of a policy."""
    with served.policy() as name:
        yield name


@pytest.fixture
def name(served: Served) -> Iterator[str]:
    """A name for objects of other kinds, which are gone in the end."""
    name = f"served-{uuid4().hex[:8]}"
    yield name
    served.stack.kubectl("delete", "govmute,govchan,govpol", name, "--ignore-not-found")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("governancepolicies", "what a platform team tolerates from its AI agents"),
        ("govpol.spec.checks", "1 to 32 checks with distinct names"),
        ("govpol.spec.checks.objective.redLine", "Past this value the check is Violated"),
        ("govpol.spec.checks.promql.reduce", "several series are then an Error"),
        ("govpol.spec.checks.trustDrift.minimumTrust", "Default: 0.2."),
        ("govpol.status.checks.verdict", "What the latest run says"),
        ("govpol.spec.checks.dispatch.executor", "Who works on it, as executors claim by"),
        ("govpol.spec.enforcement", "Enforce: trustDrift checks have drifted, unused playbooks"),
        ("govpol.spec.mutes", "Default: Forbidden for critical checks"),
        ("govpol.spec.notify", "Who is told of findings, beside this status"),
        ("govpol.spec.notify.channels", "1 to 8 channels with distinct names"),
        ("govpol.spec.notify.channels.name", "a GovernanceChannel that allows this namespace"),
        ("govpol.status.checks.dispatch", "The latest work item of the check's findings"),
        ("govpol.status.checks.mutedUntil", "Until when a GovernanceMute silences the check"),
        ("govsrc.spec.allowedNamespaces", "Whose policies may use the source"),
        ("govsrc.spec.postgres.remediationSecretRef", "may read the playbooks and update"),
        ("govchan", "A GovernanceChannel is a place where findings are told"),
        ("govchan.spec.alertmanager.urls", "Each Alertmanager's address"),
        ("govchan.spec.allowedNamespaces.from", "policies of every namespace may use it"),
        ("govchan.spec.apprise.secretRef", "The key that holds one Apprise URL"),
        ("govchan.spec.cloudEvents.headersSecretRef", "one `Name: value` a line"),
        ("govchan.spec.digestAfter", "only with apprise. Default: 5."),
        ("govmute", "A GovernanceMute silences checks of one policy until it expires"),
        ("govmute.spec.checks", "Default: all, and the findings of the policy as a whole."),
        ("govmute.spec.expiresAt", "at most 90 days after its creation, such as 2026-12-01T08"),
        ("govmute.status.conditions", "Accepted: whether the mute can be honoured"),
        ("govsrc.spec.postgres.relations", "Which table or view stands for a governed table"),
    ],
)
def test_kubectl_explains(served: Served, path: str, words: str) -> None:
    """A field says what it means, where its reader looks."""
    told = served.stack.kubectl("explain", path).stdout

    assert words in " ".join(told.split())
    assert "<no description>" not in told


def test_the_table_shows_the_verdicts(served: Served, policy: str) -> None:
    """Columns as the design has them; the message only where there is room."""
    served.write(policy, status())

    (row,) = served.table("govpol", policy)
    (wide,) = served.table("govpol", policy, "-o", "wide")

    assert list(row) == [
        "NAME", "COMPLIANT", "VERDICT", "OK", "WARN", "VIOLATED", "NODATA", "ERROR", "MUTED",
        "EVALUATED", "AGE",
    ]  # fmt: skip
    assert list(row.values())[:9] == [policy, "False", "Violated", "1", "2", "3", "4", "5", "6"]
    assert row["EVALUATED"]
    assert list(wide) == [*row, "MESSAGE"]
    assert wide["MESSAGE"] == "drift is 12.3 % past its red line"


def test_policies_can_be_selected_by_verdict(served: Served, policy: str) -> None:
    """A field selector finds what needs a person."""
    served.write(policy, status())

    def selected(verdict: str) -> str:
        selector = f"--field-selector=status.verdict={verdict}"
        return served.stack.kubectl("get", "govpol", selector, "-o", "name").stdout

    assert policy in selected("Violated")
    assert policy not in selected("Ok")


def test_the_table_of_mutes_says_until_when_and_whose(served: Served, name: str) -> None:
    """A date of the future has no age: it is shown as it was written."""
    served.apply("GovernanceMute", name, MUTE | {"checks": ["drift", "rate"]})

    (row,) = served.table("govmute", name)
    (wide,) = served.table("govmute", name, "-o", "wide")

    assert row.pop("AGE")
    assert row == {
        "NAME": name,
        "POLICY": "flywheel",
        "CHECKS": '["drift","rate"]',
        "ACTIVE": "Unknown",
        "EXPIRES": "2026-12-01T08:00:00Z",
        "OWNER": "SRE",
    }
    assert wide["MESSAGE"] == "Waiting for the operator"


def test_a_mute_of_all_checks_names_none(served: Served, name: str) -> None:
    """As its author wrote it."""
    served.apply("GovernanceMute", name, MUTE)

    (row,) = served.table("govmute", name)

    assert row["CHECKS"] == ""


def test_the_table_of_channels_says_whether_they_work(served: Served, name: str) -> None:
    """Before the operator has looked, nobody knows."""
    served.apply("GovernanceChannel", name, CHAT)

    (row,) = served.table("govchan", name, "-o", "wide")

    assert row.pop("AGE")
    assert row == {
        "NAME": name,
        "READY": "Unknown",
        "REASON": "Pending",
        "DELIVERED": "",
        "MESSAGE": "Waiting for the operator",
    }


@pytest.mark.parametrize(
    ("kind", "spec", "conditions"),
    [
        ("GovernanceChannel", CHAT, ["Ready"]),
        ("GovernanceMute", MUTE, ["Accepted", "Active"]),
    ],
)
def test_what_nobody_looked_at_is_pending(
    served: Served, name: str, kind: str, spec: dict[str, Any], conditions: list[str]
) -> None:
    """From its first moment; its spec is as it was written, without a default."""
    served.apply(kind, name, spec)

    body = served.get(kind, name)

    assert body["spec"] == spec
    assert [(it["type"], it["status"], it["reason"]) for it in body["status"]["conditions"]] == [
        (type_, "Unknown", "Pending") for type_ in conditions
    ]


def test_defaults_are_not_written_into_a_policy(served: Served, name: str) -> None:
    """A Git tool that compares what it applied with what is there sees no difference."""
    spec = {
        "checks": [
            {
                "name": "drift",
                "trustDrift": {"sourceRef": {"name": "platform"}},
                "dispatch": {"executor": "hermes"},
            }
        ],
        "notify": {"channels": [{"name": "oncall"}]},
    }
    served.apply("GovernancePolicy", name, spec)

    assert served.get("GovernancePolicy", name)["spec"] == spec


def test_two_managers_share_a_policys_channels(served: Served, name: str) -> None:
    """Each adds its own; neither removes the other's."""
    spec = {"checks": [{"name": "drift", "trustDrift": {"sourceRef": {"name": "platform"}}}]}
    served.apply(
        "GovernancePolicy", name, spec | {"notify": {"channels": [{"name": "chat"}]}}, *AS_TEAM
    )
    served.apply(
        "GovernancePolicy",
        name,
        spec | {"notify": {"channels": [{"name": "oncall"}]}},
        *AS_PLATFORM,
    )

    def channels() -> list[str]:
        notify = served.get("GovernancePolicy", name)["spec"]["notify"]
        return [channel["name"] for channel in notify["channels"]]

    assert channels() == ["chat", "oncall"]
    served.apply("GovernancePolicy", name, spec, *AS_PLATFORM)
    assert channels() == ["chat"]


def test_two_managers_do_not_own_one_field(served: Served, name: str) -> None:
    """Who shortens another's mute is told whose it is."""
    served.apply("GovernanceMute", name, MUTE, *AS_TEAM)

    later = MUTE | {"expiresAt": "2026-12-02T08:00:00Z"}
    refused = served.refused("GovernanceMute", name, later, *AS_PLATFORM)

    assert 'conflict with "team": .spec.expiresAt' in refused


def test_a_secret_is_named_by_one_manager(served: Served, name: str) -> None:
    """A reference is one thing: nobody owns half of it."""
    served.apply("GovernanceChannel", name, CHAT, "--server-side")

    (entry,) = served.get("GovernanceChannel", name)["metadata"]["managedFields"]

    assert entry["fieldsV1"]["f:spec"]["f:apprise"] == {"f:secretRef": {}}


def test_the_category_lists_every_kind(served: Served, policy: str) -> None:
    """`kubectl get governance` shows all that there is."""
    names = served.stack.kubectl(
        "api-resources", "--categories=governance", "-o", "name"
    ).stdout.split()

    assert set(names) == {
        "governancechannels.governance.aiops.dev",
        "governancemutes.governance.aiops.dev",
        "governancepolicies.governance.aiops.dev",
        "governancesources.governance.aiops.dev",
    }
    assert policy in served.stack.kubectl("get", "governance").stdout


def test_kubectl_can_wait_for_compliance(served: Served, policy: str) -> None:
    """Either way."""
    served.write(policy, status())

    served.stack.kubectl(
        "wait", "--for=condition=Compliant=false", "govpol", policy, "--timeout=5s"
    )
    served.write(policy, status(conditions=[condition("Compliant", "True", "Met", "")]))
    served.stack.kubectl("wait", "--for=condition=Compliant", "govpol", policy, "--timeout=5s")


def test_kubectl_names_the_field_and_the_remedy(served: Served) -> None:
    """What a person reads who slips."""
    query = {"sourceRef": {"name": "prometheus"}, "query": "up"}

    refused = served.refused(
        "GovernancePolicy", "slip", {"checks": [{"name": "up", "promql": query}]}
    )

    assert refused == (
        'The GovernancePolicy "slip" is invalid: spec.checks[0]: Invalid value: '
        "promql and sql need objective.direction (Above or Below) and objective.redLine\n"
    )


def test_kubectl_says_how_a_mutes_end_is_written(served: Served) -> None:
    """A time without a zone ends at another time for everybody."""
    refused = served.refused("GovernanceMute", "slip", MUTE | {"expiresAt": "2026-12-01T08:00:00"})

    assert refused == (
        'The GovernanceMute "slip" is invalid: spec.expiresAt: Invalid value: '
        '"2026-12-01T08:00:00": write a date and a time with its zone, such as '
        "2026-12-01T08:00:00Z\n"
    )

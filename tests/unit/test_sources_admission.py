"""Who may measure what from which source; what a spec refers to; what can't be understood."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governor.api.source import SourceSpec
from governor.domain.resources import allows, secret_names
from governor.domain.sources import access_of, admit, parse
from governor.probes.base import Access, Probe, SourceRef
from governor.probes.execution_blast_radius import ExecutionBlastRadius
from governor.probes.promql import Promql
from governor.probes.sql import Sql
from governor.values.outcomes import Fault
from governor.values.reasons import Reason

REF = SourceRef(name="platform")
PROMQL = Promql(source_ref=REF, query="up")
BUILT_IN = ExecutionBlastRadius(source_ref=REF)
SQL = Sql(source_ref=REF, statement="select 1")

PROMETHEUS = {"prometheus": {"url": "http://prometheus:9090"}}
POSTGRES = {"postgres": {"secretRef": {"name": "dsn", "key": "dsn"}}}
BOTH_ACCESSES = {
    "access": ["BuiltinChecks", "CustomSql"],
    "postgres": {
        "secretRef": {"name": "dsn", "key": "dsn"},
        "customSqlSecretRef": {"name": "custom", "key": "dsn"},
    },
}


def source(kind: dict[str, Any], selector: dict[str, Any] | None = None) -> SourceSpec:
    allowed = {"from": "Selector", "selector": selector} if selector else {"from": "All"}
    return SourceSpec.model_validate({"allowedNamespaces": allowed, **kind})


def expression(operator: str, *values: str) -> dict[str, Any]:
    requirement: dict[str, Any] = {"key": "team", "operator": operator}
    if values:
        requirement["values"] = list(values)
    return {"matchExpressions": [requirement]}


AIOPS = {"matchLabels": {"team": "aiops"}}

SELECTIONS = {
    "an equal label": (AIOPS, {"team": "aiops", "x": "y"}, True),
    "another value": (AIOPS, {"team": "web"}, False),
    "no such label": (AIOPS, {}, False),
    "an empty value is a value": ({"matchLabels": {"team": ""}}, {"team": ""}, True),
    "an empty value is not absence": ({"matchLabels": {"team": ""}}, {}, False),
    "one of two labels": ({"matchLabels": {"team": "aiops", "env": "p"}}, {"team": "aiops"}, False),
    "in": (expression("In", "aiops", "web"), {"team": "web"}, True),
    "in, other": (expression("In", "aiops"), {"team": "web"}, False),
    "in, absent": (expression("In", "aiops"), {}, False),
    "not in": (expression("NotIn", "aiops"), {"team": "web"}, True),
    "not in, listed": (expression("NotIn", "aiops"), {"team": "aiops"}, False),
    "not in, absent": (expression("NotIn", "aiops"), {}, True),
    "exists": (expression("Exists"), {"team": ""}, True),
    "exists, absent": (expression("Exists"), {"env": "p"}, False),
    "does not exist": (expression("DoesNotExist"), {}, True),
    "does not exist, present": (expression("DoesNotExist"), {"team": "x"}, False),
    "labels and expressions": ({**AIOPS, **expression("NotIn", "aiops")}, {"team": "aiops"}, False),
}


@pytest.mark.parametrize(("selector", "labels", "allowed"), SELECTIONS.values(), ids=SELECTIONS)
def test_a_selector_selects_as_kubernetes_does(
    selector: dict[str, Any], labels: dict[str, str], allowed: bool
) -> None:
    """Every label must match and every requirement must hold."""
    assert allows(source(PROMETHEUS, selector), labels) is allowed


@given(st.dictionaries(st.text(), st.text()) | st.none())
def test_all_means_all(labels: dict[str, str] | None) -> None:
    """From All allows every namespace, known or not."""
    assert allows(source(PROMETHEUS), labels)


@pytest.mark.parametrize("operator", ["NotIn", "DoesNotExist"])
def test_a_namespace_that_is_not_known_is_not_allowed(operator: str) -> None:
    """Also where missing labels would be selected: nobody knows what it has."""
    selector = expression(operator, *(["x"] if operator == "NotIn" else []))

    fault = admit(source(PROMETHEUS, selector), "new", None, PROMQL)

    assert fault is not None
    assert fault.reason is Reason.SOURCE_FORBIDDEN


@given(
    st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy")),
    st.sampled_from("abc"),
    st.lists(st.sampled_from("xy"), min_size=1, max_size=16),
)
def test_opposite_operators_never_agree(
    labels: dict[str, str], key: str, values: list[str]
) -> None:
    """In and NotIn, Exists and DoesNotExist: always exactly one of them selects."""

    def selects(operator: str, **more: Any) -> bool:
        selector = {"matchExpressions": [{"key": key, "operator": operator, **more}]}
        return allows(source(PROMETHEUS, selector), labels)

    assert selects("In", values=values) != selects("NotIn", values=values)
    assert selects("Exists") != selects("DoesNotExist")


@pytest.mark.parametrize(
    ("kind", "probe"),
    [(PROMETHEUS, PROMQL), (POSTGRES, BUILT_IN), (BOTH_ACCESSES, BUILT_IN), (BOTH_ACCESSES, SQL)],
    ids=["promql", "a built-in by default", "a built-in", "custom sql"],
)
def test_what_is_allowed_is_admitted(kind: dict[str, Any], probe: Probe) -> None:
    """Right namespace, right kind, right access."""
    assert admit(source(kind, AIOPS), "aiops", {"team": "aiops"}, probe) is None


def test_custom_sql_needs_access() -> None:
    """BuiltinChecks is all that a source gives by default, and the message says what to add."""
    assert access_of(source(POSTGRES)) == (Access.BUILTIN_CHECKS,)

    fault = admit(source(POSTGRES), "aiops", {}, SQL)

    assert fault is not None
    assert fault.reason is Reason.SOURCE_FORBIDDEN
    assert fault.message == (
        "GovernanceSource platform does not allow CustomSql: an administrator can add it to "
        "its access"
    )


def test_access_without_built_in_checks() -> None:
    """A source for custom SQL only refuses built-in checks."""
    fault = admit(source({**BOTH_ACCESSES, "access": ["CustomSql"]}), "aiops", {}, BUILT_IN)

    assert fault is not None
    assert fault.reason is Reason.SOURCE_FORBIDDEN
    assert "BuiltinChecks" in fault.message


@pytest.mark.parametrize(
    ("kind", "probe", "words"),
    [
        (POSTGRES, PROMQL, "a postgres source: this check needs a prometheus source"),
        (PROMETHEUS, SQL, "a prometheus source: this check needs a postgres source"),
    ],
)
def test_a_source_of_the_other_kind(kind: dict[str, Any], probe: Probe, words: str) -> None:
    """The message says which kind the check needs."""
    fault = admit(source(kind), "aiops", {}, probe)

    assert fault is not None
    assert fault.reason is Reason.SOURCE_NOT_FOUND
    assert fault.message == f"GovernanceSource platform is {words} in sourceRef"


def test_a_forbidden_namespace_learns_nothing_else() -> None:
    """The namespace is refused before the kind is told."""
    fault = admit(source(POSTGRES, AIOPS), "web", {"team": "web"}, PROMQL)

    assert fault is not None
    assert fault.reason is Reason.SOURCE_FORBIDDEN
    assert fault.message == (
        "GovernanceSource platform does not allow namespace web: an administrator can, in its "
        "allowedNamespaces"
    )


def test_secrets_of_a_spec() -> None:
    """Every Secret that is referred to, however deep, once."""
    postgres = {**BOTH_ACCESSES["postgres"], "tls": {"caSecretRef": {"name": "ca", "key": "k"}}}  # type: ignore[dict-item]
    prometheus = {
        "url": "https://prometheus:9090",
        "basicSecretRef": {"name": "login"},
        "tls": {"caSecretRef": {"name": "login", "key": "ca.crt"}},
    }

    assert secret_names(source({"postgres": postgres})) == {"dsn", "custom", "ca"}
    assert secret_names(source({"prometheus": prometheus})) == {"login"}
    assert secret_names(source(PROMETHEUS)) == set()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (None, "spec: Input should be a valid dictionary"),
        ({}, "allowedNamespaces: Field required"),
        ({"allowedNamespaces": {"from": "All"}}, "exactly one of postgres and prometheus"),
        (
            {"allowedNamespaces": {"from": "All"}, "prometheus": {"url": "http://ana:pw@h"}},
            "prometheus.url: give an http or https URL",
        ),
    ],
    ids=["nothing", "empty", "no kind", "a password in the url"],
)
def test_what_cannot_be_understood(spec: object, words: str) -> None:
    """The message names the field and tells no value, which may be a secret."""
    fault = parse("platform", spec)

    assert isinstance(fault, Fault)
    assert fault.reason is Reason.SOURCE_NOT_FOUND
    assert fault.message.startswith("GovernanceSource platform can't be understood: ")
    assert words in fault.message
    assert "pw" not in fault.message


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda s: st.dictionaries(st.text(), s)))
def test_garbage_is_never_a_source(spec: object) -> None:
    """No spec makes the parser raise."""
    assert isinstance(parse("platform", spec), Fault)

"""From a manifest's body to its model, or to an error that names every field and its remedy."""

from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

import pytest
import yaml
from tests.support.refusals import Refusal, refusals

from governor.api.channel import ChannelSpec
from governor.api.loading import load_channel, load_mute, load_policy, load_source
from governor.api.mute import MuteSpec
from governor.api.policy import CheckSpec, PolicySpec
from governor.api.source import SourceSpec
from governor.errors import SpecError
from governor.probes.base import Access
from governor.probes.promql import Promql
from governor.probes.trust_drift import TrustDrift
from governor.values.model import SpecModel
from governor.values.objectives import Direction

TABLE = refusals()
LOADERS = {
    "GovernancePolicy": load_policy,
    "GovernanceSource": load_source,
    "GovernanceChannel": load_channel,
    "GovernanceMute": load_mute,
}

AS_WRITTEN: dict[str, Any] = {"exclude_none": True, "by_alias": True, "mode": "json"}
DRIFT = {"name": "drift", "trustDrift": {"sourceRef": {"name": "platform"}}}


def policy(*checks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A body with these checks."""
    return {"kind": "GovernancePolicy", "spec": {"checks": list(checks), **fields}}


@pytest.mark.parametrize("row", TABLE, ids=[row.case for row in TABLE])
def test_a_bad_manifest_is_refused_without_an_api_server(row: Refusal) -> None:
    """In exactly these words; the API server's are tested against a real one."""
    with pytest.raises(SpecError) as refused:
        LOADERS[row.kind]({"spec": row.spec})

    assert str(refused.value) == row.governor


def rules_of(kind: type[SpecModel]) -> set[str]:
    """The messages of a model's schema, at any depth."""

    def walk(schema: Any) -> set[str]:
        if isinstance(schema, list):
            return set().union(*map(walk, schema))
        if not isinstance(schema, dict):
            return set()
        mine = {rule["message"] for rule in schema.get("x-kubernetes-validations", ())}
        return mine.union(*map(walk, schema.values()))

    return walk(kind.model_json_schema())


def test_every_rule_has_a_manifest_that_breaks_it() -> None:
    """A rule that nothing can break would be no rule."""
    told = "\n".join(row.governor for row in TABLE)
    kinds: tuple[type[SpecModel], ...] = (PolicySpec, SourceSpec, ChannelSpec, MuteSpec)
    rules = set().union(*map(rules_of, kinds))

    assert {message for message in rules if message not in told} == set()
    assert len(rules) > 20


def test_all_faults_are_told_at_once() -> None:
    """Nobody wants to be refused five times in a row."""
    body = policy(
        {"name": "A", "interval": "7s", "trustDrift": {}},
        {"name": "b", "severity": "high", "colour": "red"},
        {"name": "c", "promql": {"sourceRef": {"name": "x"}, "query": "up"}},
        interval="1w",
    )

    with pytest.raises(SpecError) as refused:
        load_policy(body)

    assert str(refused.value).split("; ") == [
        "spec.interval: write one whole number and s, m, h or d, such as 90s, 15m or 7d",
        (
            "spec.checks[0].name: write a DNS label: lower-case letters, digits and dashes, "
            "such as trust-drift"
        ),
        "spec.checks[0].interval: choose a multiple of 5s from 5s to 7d",
        "spec.checks[0].trustDrift.sourceRef: is required",
        "spec.checks[1].severity: should be 'info', 'warning' or 'critical'",
        "spec.checks[1].colour: unknown field: remove it, or check its spelling",
        (
            "spec.checks[2]: promql and sql need objective.direction (Above or Below) and "
            "objective.redLine"
        ),
    ]


def test_every_broken_rule_of_one_object_is_told() -> None:
    """Also where several rules are about the same check."""
    body = policy(DRIFT | {"objective": {"direction": "Below", "target": 5}})

    with pytest.raises(SpecError) as refused:
        load_policy(body)

    assert str(refused.value).split("; ") == [
        "spec.checks[0]: remove objective.direction: the built-in checks are always Below",
        (
            "the built-in checks measure ratios: choose objective.redLine and objective.target "
            "from 0 to 1"
        ),
        (
            "objective.target must be at or below the red line, which for trustDrift is 0 by "
            "default: lower target or set objective.redLine"
        ),
    ]


def test_a_body_without_a_spec_is_refused() -> None:
    """An empty file is a mistake, not a policy that tolerates everything."""
    with pytest.raises(SpecError, match=r"^spec: is required$"):
        load_policy({"kind": "GovernancePolicy"})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (None, "spec: should be an object"),
        ([], "spec: should be an object"),
        ({"checks": {}}, "spec.checks: should be a list"),
        ({"checks": ["up"]}, "spec.checks[0]: should be an object"),
    ],
)
def test_what_has_another_shape_is_refused(spec: Any, message: str) -> None:
    """YAML's commonest slips."""
    with pytest.raises(SpecError) as refused:
        load_policy({"spec": spec})

    assert str(refused.value) == message


@pytest.mark.parametrize("line", [float("nan"), float("inf"), float("-inf")])
def test_a_line_that_is_no_number_is_refused(line: float) -> None:
    """YAML can spell them; nothing could ever be past them."""
    with pytest.raises(SpecError, match=r"spec\.checks\[0\]\.objective\.redLine"):
        load_policy(policy(DRIFT | {"objective": {"redLine": line}}))


def test_a_date_of_yaml_is_the_text_that_it_was() -> None:
    """YAML 1.1 reads 2026-01-02 as a date; the API server never does."""
    spec = load_policy(policy(DRIFT | {"guidance": {"nextAction": date(2026, 1, 2)}}))

    assert spec.checks[0].guidance is not None
    assert spec.checks[0].guidance.next_action == "2026-01-02"


def test_a_time_of_yaml_is_a_time() -> None:
    """PyYAML has made a datetime of it; the API server reads it as a text."""
    mute = yaml.safe_load(
        "spec: {policyRef: {name: p}, reason: r, owner: o, expiresAt: 2026-12-01T08:00:00+01:00}"
    )

    assert load_mute(mute).expires_at == datetime(2026, 12, 1, 7, tzinfo=UTC)


def test_read_only_bodies_can_be_loaded() -> None:
    """Snapshots are read-only, and so are kopf's bodies."""
    frozen = MappingProxyType({"checks": [MappingProxyType(DRIFT)]})

    spec = load_policy(MappingProxyType({"spec": frozen}))

    assert spec == load_policy(policy(DRIFT))


def test_what_is_left_out_stays_out() -> None:
    """Defaults are applied in the domain, so that the spec shows what its author wrote."""
    spec = load_policy(policy(DRIFT))

    assert spec.model_dump(**AS_WRITTEN) == {"checks": [DRIFT]}


def test_what_is_told_and_done_has_no_defaults_either() -> None:
    """What is left out of notify, dispatch, a channel or a mute stays out, too."""
    spec = {
        "checks": [DRIFT | {"dispatch": {"executor": "hermes"}}],
        "notify": {"channels": [{"name": "oncall"}]},
    }
    channel = {
        "allowedNamespaces": {"from": "All"},
        "apprise": {"secretRef": {"name": "chat", "key": "url"}},
    }
    mute = {
        "policyRef": {"name": "flywheel"},
        "reason": "the base is rebuilt",
        "owner": "SRE",
        "expiresAt": "2026-12-01T08:00:00Z",
    }

    assert load_policy({"spec": spec}).model_dump(**AS_WRITTEN) == spec
    assert load_channel({"spec": channel}).model_dump(**AS_WRITTEN) == channel
    assert load_mute({"spec": mute}).model_dump(**AS_WRITTEN) == mute


def test_a_check_has_the_probe_that_it_names() -> None:
    """And knows every kind by its field."""
    query = {"sourceRef": {"name": "prometheus"}, "query": "up", "reduce": "Max"}
    objective = {"direction": "Above", "redLine": 0.7, "target": 0.8}

    spec = load_policy(policy(DRIFT, {"name": "up", "promql": query, "objective": objective}))

    assert isinstance(spec.checks[0].probe, TrustDrift)
    assert isinstance(spec.checks[1].probe, Promql)
    assert spec.checks[1].probe.query == "up"
    assert spec.checks[1].objective is not None
    assert spec.checks[1].objective.direction is Direction.ABOVE
    assert list(CheckSpec.kinds()) == [
        "trustDrift",
        "knowledgeDegradation",
        "llmHallucination",
        "executionBlastRadius",
        "promql",
        "sql",
    ]


def test_a_source_says_from_whom_and_for_what() -> None:
    """`from` is spelled as in Kubernetes, although Python has its own use for the word."""
    spec = load_source(
        {
            "spec": {
                "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}},
                "access": ["BuiltinChecks", "CustomSql"],
                "postgres": {
                    "secretRef": {"name": "platform", "key": "dsn"},
                    "customSqlSecretRef": {"name": "platform", "key": "custom-sql-dsn"},
                    "tls": {"mode": "VerifyCA", "caSecretRef": {"name": "ca", "key": "ca.crt"}},
                },
            }
        }
    )

    assert spec.allowed_namespaces.from_ == "Selector"
    assert spec.access == (Access.BUILTIN_CHECKS, Access.CUSTOM_SQL)
    assert spec.postgres is not None
    assert spec.postgres.custom_sql_secret_ref is not None
    assert spec.postgres.custom_sql_secret_ref.key == "custom-sql-dsn"


def test_a_model_can_not_be_changed() -> None:
    """What was validated stays valid."""
    spec = load_policy(policy(DRIFT))

    with pytest.raises(ValueError, match="frozen"):
        spec.suspend = True  # type: ignore[misc]

"""Whatever people write where they may write: it arrives as text, everywhere, and does nothing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.cluster import Cluster, eventually
from tests.support.forged import NEVER
from tests.support.hostile import FORGED, WORD, WORDS
from tests.support.manifests import Manifest, channel, mute, notify, number, policy, sql
from tests.support.said import Said
from tests.support.sources import deleted, said, secret
from tests.support.telling import alerts

from governor.api import RUN_NOW
from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

AT = "e2e-hostile"
CHANNELS = ALERTS, CHAT, EVENTS = (f"{AT}-alerts", f"{AT}-chat", f"{AT}-events")
NAME = "hostile"
LONG = 200 * 1024
ECHOED = 253
"""Characters of a run-now request that status says again."""
NOTE_BYTES = 1024
PATIENCE = 60

GUIDANCE = {"hint": WORDS[:500], "nextAction": WORD, "remediation": [WORDS[:300], WORDS[:300]]}
OWNERSHIP = {
    "leadAgent": WORD,
    "leadReason": WORDS[:300],
    "supportAgents": [WORD],
    "humanOwner": WORD,
    "humanReason": WORDS[:300],
}


@pytest.fixture
def channels(stack: Stack, cluster: Cluster) -> Iterator[None]:
    """One of each kind."""
    receiver = stack.receiver
    objects = [
        secret(CHAT, {"url": receiver.apprise_url(f"chat/{AT}")}),
        channel(ALERTS, "alertmanager", {"urls": [stack.alertmanager.url]}),
        channel(CHAT, "apprise", {"secretRef": {"name": CHAT, "key": "url"}}),
        channel(EVENTS, "cloudEvents", {"url": f"{receiver.url}/cloudevents/{AT}"}),
    ]
    with deleted(cluster, *objects):
        cluster.apply(*objects)
        yield


def written(namespace: str) -> Manifest:
    """A policy with every text that its author may choose.

    It is evaluated once: runs in a row without a number would be findings of their own.
    """
    violated = number(2, red_line=1, name="violated", guidance=GUIDANCE, ownership=OWNERSHIP)
    promql = number(f"1) # {WORDS}", red_line=1, name="promql")
    checks = (violated, promql, sql("sql", WORDS, red_line=1))
    made = policy(NAME, namespace, *checks, interval="7d", notify=notify(*CHANNELS))
    made["metadata"]["annotations"] = {"example.org/note": WORDS}
    return made


@pytest.mark.usefixtures("channels", "sources")
def test_hostile_words_are_text(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """In the log, rows, Events, Alertmanager, CloudEvents, a chat, metrics and status."""
    stack.prometheus.start()
    cluster.apply(written(namespace))
    spoken = said(cluster, NAME, namespace)
    cluster.told(NAME, namespace, PATIENCE)

    assert spoken["violated"] == ("Violated", "PastRedLine", "2 is above the red line 1")
    assert_plain(spoken["promql"])
    assert_plain(spoken["sql"])
    row = next(row for row in cluster.rows(namespace) if row["check_name"] == "violated")
    assert row["details"]["remediation"]["hint"] == GUIDANCE["hint"]
    [event] = stack.receiver.received(f"cloudevents/{AT}")
    assert event.body["data"]["hint"] == GUIDANCE["hint"]
    assert event.body["data"]["steps"] == GUIDANCE["remediation"]
    alert = eventually(lambda: alerts(stack.alertmanager, namespace, NAME), PATIENCE)[0]
    assert alert["annotations"]["hint"] == GUIDANCE["hint"]
    assert alert["labels"].keys() == {
        "alertname", "cluster", "namespace", "policy", "check", "severity"
    }  # fmt: skip
    [message] = eventually(lambda: stack.receiver.received(f"chat/{AT}"), PATIENCE)
    assert_no_line_is_forged(message.body["message"])
    for text in ("<!here>", "@channel", "](http", "\u202e"):
        assert text not in message.body["message"]
    assert_nothing_was_done(cluster, namespace, operator)


@pytest.mark.usefixtures("sources")
def test_a_mute_of_hostile_words_is_text(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """Its reason and its owner, in its row and its Event."""
    stack.prometheus.start()
    end = datetime.now(UTC) + timedelta(hours=1)
    words = {"reason": WORDS[:500], "owner": WORD}
    cluster.apply(policy(NAME, namespace, number(2, red_line=1)))
    cluster.apply(mute(NAME, namespace, NAME, end, **words))

    def muted() -> list[dict[str, object]]:
        return [r for r in cluster.rows(namespace) if r["event_type"] == "governance_mute"]

    details = json.dumps(eventually(muted, PATIENCE)[0]["details"])
    assert json.dumps(words["reason"]) in details
    assert json.dumps(words["owner"]) in details
    cluster.told(NAME, namespace, PATIENCE)
    assert_nothing_was_done(cluster, namespace, operator)


@pytest.mark.usefixtures("sources")
def test_a_request_to_run_may_be_200_kilobytes(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """It is obeyed, and its beginning is said again."""
    stack.prometheus.start()
    cluster.apply(policy(NAME, namespace, number(0, red_line=1)))
    cluster.verdict(NAME, namespace, "Ok")
    request = (WORDS * (LONG // len(WORDS) + 1))[:LONG]
    annotations = json.dumps({"metadata": {"annotations": {RUN_NOW: request}}})

    patch = ("patch", "governancepolicy", NAME, "-n", namespace, "--type=merge")
    stack.kubectl(*patch, "--patch-file=/dev/stdin", input=annotations)

    eventually(lambda: cluster.status(NAME, namespace).get("lastHandledRunNow") == request[:ECHOED])
    cluster.verdict(NAME, namespace, "Ok")
    assert_nothing_was_done(cluster, namespace, operator)


@pytest.mark.usefixtures("sources")
def test_times_that_no_calendar_has_stop_no_leader(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """Whoever may change a policy may write when it was written; the API server takes it."""
    stack.prometheus.start()
    cluster.apply(policy(NAME, namespace, number(0, red_line=1)))
    cluster.verdict(NAME, namespace, "Ok")
    operator.stop()
    written = cluster.policy(NAME, namespace)
    written["metadata"]["labels"] = {"example.org/touched": "yes"}
    for entry in written["metadata"]["managedFields"]:
        if "f:spec" in entry["fieldsV1"]:
            entry["time"] = NEVER[1]

    kept = cluster.api.replace(written)["metadata"]["managedFields"]
    assert [e["time"] for e in kept if "f:spec" in e["fieldsV1"]] == ["0000-12-31T10:00:00Z"]
    operator.start()
    cluster.run_now(NAME, namespace)
    cluster.verdict(NAME, namespace, "Ok")


@pytest.mark.parametrize("time", NEVER)
@pytest.mark.usefixtures("sources")
def test_a_status_with_such_a_time_reads_as_a_wiped_one(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess, time: str
) -> None:
    """And is written anew, while the operator runs and when it starts."""
    stack.prometheus.start()
    cluster.apply(policy(NAME, namespace, number(0, red_line=1)))
    cluster.verdict(NAME, namespace, "Ok")
    places = ("checks/0/lastEvaluated", "conditions/0/lastTransitionTime")
    change = [{"op": "replace", "path": f"/status/{at}", "value": time} for at in places]
    patch = ("patch", "governancepolicy", NAME, "-n", namespace, "--subresource=status")
    for starts in (False, True):
        if starts:
            operator.stop()
        stack.kubectl(*patch, "--type=json", "-p", json.dumps(change))
        if starts:
            assert time in json.dumps(cluster.status(NAME, namespace))
            operator.start()

        cluster.run_now(NAME, namespace)
        assert time not in json.dumps(cluster.verdict(NAME, namespace, "Ok"))


def assert_plain(spoken: Said) -> None:
    """A message that quotes what the author wrote: on one line, of what can be seen."""
    verdict, reason, message = spoken
    assert (verdict, reason) == ("Error", "QueryInvalid")
    assert message.isprintable()


def assert_no_line_is_forged(text: str) -> None:
    """No line begins as a forged one does."""
    for line in text.splitlines():
        assert not line.lstrip().startswith((FORGED, '{"level"')), line


def assert_nothing_was_done(cluster: Cluster, namespace: str, operator: OperatorProcess) -> None:
    """The log has no line but the operator's own, Events one line each, metrics no new series."""
    for event in cluster.events(namespace):
        assert event["note"].isprintable(), event["note"]
        assert len(event["note"].encode()) <= NOTE_BYTES
    whole = operator.log.read_bytes().rpartition(b"\n")[0]
    for line in whole.split(b"\n"):
        assert json.loads(line)["message"] != FORGED
    url = f"http://127.0.0.1:{operator.metrics_port}/metrics"
    families = text_string_to_metric_families(httpx.get(url, trust_env=False, timeout=10).text)
    assert not [family.name for family in families if FORGED in family.name]

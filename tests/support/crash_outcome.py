"""What came of a story for everybody who was told: comparable from story to story."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.crash_stories import Stories
from tests.support.work import Work

from governor_local.operator_process import SINK_DATABASE

Json = dict[str, Any]
_OF_ITS_TIME = re.compile(r"at|time|since|epoch|digest|\w+(_at|At|Time|Slot|Until|Evaluated)")
"""Keys of what is another with every story: times, and what derives from them or from its name."""
_FINDING = re.compile(r"^Finding: \S+ (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One story's; what each has of its own is called the same in all, times are left out."""

    status: Json
    rows: Sequence[Json]
    items: Sequence[Json]
    """Work items."""
    revisions: Sequence[Json]
    events: Sequence[tuple[str, str, str]]
    """Type, reason and action of each Event, in order."""
    cloud_events: Sequence[Json]
    """In order of their first arrival; what came again under its id is left out."""
    chat: Sequence[tuple[str, str]]
    """Title and finding of each message, in order; what came again is left out."""
    touched: Mapping[str, int]
    """Playbook → how often its status was set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came of a story, and what came more often than it should."""

    outcome: Outcome
    messages: int
    """In the chat, repeated ones included."""


class Outcomes:
    """Asks everybody once, for all stories."""

    def __init__(self, stories: Stories) -> None:
        """Gathers; all stories must be at their end."""
        cluster, namespace = stories.cluster, stories.namespace
        receiver = cluster.stack.receiver
        self._stories = stories
        self._policies = {
            body["metadata"]["name"]: body for body in cluster.api.policies(namespace)
        }
        self._rows = cluster.rows(namespace)
        self._items = Work(cluster, namespace, url="").items()
        self._revisions = _revisions(stories)
        self._events = cluster.events(namespace)
        self._heard = [
            (each.path, each.body)
            for kind in ("chat", "cloudevents")
            for each in receiver.received(f"{kind}/{namespace}")
        ]
        self._touched = stories.touched

    def of(self, name: str) -> Came:
        """What came of the story of that name."""
        policy = self._policies[name]
        rows = [row for row in self._rows if row["policy"] == name]
        items = [item for item in self._items if item["policy_uid"] == policy["metadata"]["uid"]]
        [check] = policy["status"]["checks"]
        own = {
            check["lastFinding"]["id"]: "THE-FINDING",
            **{item["id"]: "THE-ITEM" for item in items[:1]},
            policy["metadata"]["uid"]: "THE-POLICY",
            name: "THE-STORY",
        }
        heard = self._bodies(self._stories.chat(name))
        messages = [(body["title"], _FINDING.findall(body["message"])) for body in heard]
        cloud_events = {
            body["id"]: body for body in reversed(self._bodies(self._stories.cloud_events(name)))
        }
        outcome = {
            "status": _without_last_look(policy["status"]),
            "rows": [_with_doers_left_out(row) for row in rows],
            "items": items,
            "revisions": [each for each in self._revisions if each["policy"] == name],
            "events": [
                (event["type"], event["reason"], event["action"])
                for event in self._events
                if event["regarding"]["name"] == name
            ],
            "cloud_events": [body | {"id": "its own"} for body in reversed(cloud_events.values())],
            "chat": [each for n, each in enumerate(messages) if each not in messages[:n]],
            "touched": {
                playbook: count for (of, playbook), count in self._touched.items() if of == name
            },
        }
        return Came(outcome=Outcome(**_plain(outcome, own)), messages=len(messages))

    def _bodies(self, path: str) -> list[Any]:
        return [body for at, body in self._heard if at == path]


def _revisions(stories: Stories) -> list[Json]:
    query = (
        "select to_jsonb(r) from governance.governance_policy_revisions r "  # noqa: S608 - ours
        f"where namespace = '{stories.namespace}' order by generation"
    )
    answer = stories.cluster.stack.sink.execute(query, database=SINK_DATABASE)
    return [json.loads(line) for line in answer.splitlines()]


def _without_last_look(status: Json) -> Json:
    """A work item's state, as last looked up: a new process looks once more, or does not."""
    checks = [
        {key: each for key, each in check.items() if key != "dispatch"}
        for check in status["checks"]
    ]
    return status | {"checks": checks}


def _with_doers_left_out(row: Json) -> Json:
    """Whose doing a deprecation was, nobody can tell after a crash; that it was done, everybody."""
    told = row["details"]["remediation"]
    runs = [
        {
            "done": [*run["changed"], *run["unconfirmed"]],
            "not_changed": run["not_changed"],
            "cancelled": run["cancelled"],
        }
        for run in told.get("runs", ())
    ]
    known = {"runs": runs, "auto_deprecated_count": None, "auto_deprecated_ids": None}
    return row | {"details": row["details"] | {"remediation": told | known}}


def _plain(value: Any, own: Mapping[str, str]) -> Any:
    """Without times, and what is a story's own under the names that it has in all stories."""
    if isinstance(value, dict):
        return {
            key: _plain(each, own) for key, each in value.items() if not _OF_ITS_TIME.fullmatch(key)
        }
    if isinstance(value, list | tuple):
        return [_plain(each, own) for each in value]
    if isinstance(value, str):
        for ours, called in own.items():
            value = value.replace(ours, called)
    return value

"""Stories of one finding each: it opens, is told, becomes work and is remediated; then all is well.

Each has a policy, a source, a table of playbooks, a chat and a receiver of CloudEvents of its
own, so that one which is frozen keeps no other waiting.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.cluster import Cluster
from tests.support.grid import coming_slots
from tests.support.manifests import Manifest, allowed_namespace, channel, notify, policy
from tests.support.sources import deleted, postgres_source, secret

from governor.values.durations import seconds
from governor_local.world.governed import DATABASE

CHECK = "drift"
CHOSEN = ("low-1", "low-2")
"""Playbooks that are to be deprecated."""
_LABEL = "crashes"
_INTERVAL = "7d"
_LONGEST = timedelta(minutes=15)
"""What all stories take, at most."""

# The trigger counts what stays: a transaction that is rolled back takes its counts along.
_SCHEMA = """
create schema crashed;
create table crashed.touched (relation text, playbook_id text);
create function crashed.touch() returns trigger language plpgsql security definer as $$
  begin
    insert into crashed.touched values (tg_table_name, new.playbook_id);
    return null;
  end $$;
grant usage on schema crashed to governor_reader, governor_remediation;
"""
_TABLE = """
create table {relation} (
  playbook_id text primary key, status text, trust_score numeric,
  last_used_at timestamptz, created_at timestamptz
);
insert into {relation} select id, 'active', trust, now() - interval '40 days', now()
  from (values ('low-1', 0.1), ('low-2', 0.11), ('trusted', 0.9)) as playbooks (id, trust);
create trigger touch after update of status on {relation}
  for each row execute function crashed.touch();
grant select on {relation} to governor_reader, governor_remediation;
grant update (status) on {relation} to governor_remediation;
"""


class Stories:
    """All that the stories of one namespace are about, by name."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    @contextmanager
    def prepared(self, names: Collection[str]) -> Iterator[None]:
        """All but the policies is there for the block's time; the policies end with it."""
        receiver = self.cluster.stack.receiver
        chats = secret(
            self.namespace, {name: receiver.apprise_url(self.chat(name)) for name in names}
        )
        around = [each for name in names for each in self._around(name)]
        for each in around:
            each["metadata"]["labels"] = {_LABEL: self.namespace}
        self._sql(_SCHEMA + "".join(_TABLE.format(relation=_relation(name)) for name in names))
        try:
            with deleted(self.cluster, chats):
                self.cluster.apply(allowed_namespace(self.namespace), chats, *around)
                yield
        finally:
            ours = ("governancesources,governancechannels", "-l", f"{_LABEL}={self.namespace}")
            self._delete("governancepolicies", "--all", "-n", self.namespace)
            self._delete(*ours)
            self._sql("drop schema crashed cascade")

    def begin(self, names: Collection[str]) -> None:
        """These are told from now on: by the operator that starts next.

        None runs yet. One that would have a slot of its own before its end is made anew, and
        lies elsewhere on the grid then.
        """
        api, left = self.cluster.api, {*names}
        while left:
            self.cluster.apply(*map(self._policy, left))
            soon = filter(_soon, api.policies(self.namespace))
            left &= {body["metadata"]["name"] for body in soon}
            for name in left:
                api.delete("governancepolicies", name, self.namespace)

    def go_on(self, names: Collection[str]) -> set[str]:
        """Has those judged anew whose opening is told; the ones that are not at their end.

        Their spec changes: within one slot, a run of the same spec would not count. No slot comes
        before that, or all would be well without it.
        """
        unfinished, api = set(), self.cluster.api
        for body in api.policies(self.namespace):
            name, status = body["metadata"]["name"], body.get("status", {})
            if name not in names:
                continue
            told = not status.get("pending", ["nothing yet"])
            if told and status["verdict"] == "Ok":
                continue
            unfinished.add(name)
            if told and status["verdict"] == "Violated" and body["metadata"]["generation"] == 1:
                api.change(self._policy(name, minimumTrust=0.15))
        return unfinished

    def chat(self, name: str) -> str:
        """Where the receiver hears a story's chat."""
        return f"chat/{self.namespace}/{name}"

    def cloud_events(self, name: str) -> str:
        """Where it hears a story's CloudEvents."""
        return f"cloudevents/{self.namespace}/{name}"

    @property
    def touched(self) -> Counter[tuple[str, str]]:
        """Story and playbook → how often its status was set."""
        found = self._sql("select relation || '/' || playbook_id from crashed.touched")
        lines = [line.split("/") for line in found.splitlines()]
        return Counter((relation.replace("_", "-"), playbook) for relation, playbook in lines)

    def _delete(self, *what: str) -> None:
        # Nothing has a finalizer; waiting for each of hundreds takes a minute.
        self.cluster.stack.kubectl("delete", *what, "--wait=false")

    def _policy(self, name: str, **probe: Any) -> Manifest:
        check = {
            "name": CHECK,
            "trustDrift": {"sourceRef": {"name": name}, **probe},
            "dispatch": {"executor": f"{self.namespace}.{name}"},
        }
        told = notify(*_channels(name))
        return policy(
            name, self.namespace, check, interval=_INTERVAL, enforcement="Enforce", notify=told
        )

    def _around(self, name: str) -> Sequence[Manifest]:
        chat, events = _channels(name)
        key: dict[str, Any] = {"secretRef": {"name": self.namespace, "key": name}}
        login = "platform-database"
        return (
            postgres_source(
                name,
                {"name": login, "key": "dsn"},
                access=["BuiltinChecks", "Remediation"],
                remediationSecretRef={"name": login, "key": "remediation-dsn"},
                relations={"playbooks": _relation(name)},
                maxConnections=1,
            ),
            channel(chat, "apprise", key),
            channel(
                events,
                "cloudEvents",
                {"url": f"{self.cluster.stack.receiver.url}/{self.cloud_events(name)}"},
            ),
        )

    def _sql(self, text: str) -> str:
        return self.cluster.stack.governed.execute(text, database=DATABASE)


def _soon(policy: Mapping[str, Any]) -> bool:
    """Whether its slot comes before its story may be at its end."""
    [slot] = coming_slots(policy["metadata"]["uid"], seconds(_INTERVAL), 1)
    return slot - datetime.now(UTC) < _LONGEST


def _channels(name: str) -> tuple[str, str]:
    return f"{name}-chat", f"{name}-events"


def _relation(name: str) -> str:
    return f"crashed.{name.replace('-', '_')}"

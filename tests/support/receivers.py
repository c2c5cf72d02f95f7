"""A policy that tells receivers of one kind which go wrong, beside good ones of each kind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from tests.support.cluster import Cluster
from tests.support.dial import Dial
from tests.support.manifests import Manifest, channel, notify, policy
from tests.support.sources import secret
from tests.support.telling import Words, events, notifying, titles

from governor_local.receiver import How, Received

AT = "e2e-worlds"
WELL = "well"
RESTS = 8
"""Seconds that a busy receiver wants to be left alone."""
_MANY = 100
"""Messages a minute: what a chat is owed comes one by one, however often it was tried."""


@dataclass(frozen=True, slots=True)
class World:
    """How a receiver goes wrong, and what its channel's `Ready` says then."""

    how: How
    says: str
    reason: str = "DeliveryFailed"
    retry_after: int | None = None


EVENTS = {
    "hangs": World("hang", "within 10s"),
    "refuses": World("refuse", "the receiver can't be reached"),
    "busy": World(429, f"HTTP 429: it is busy for {RESTS}s", retry_after=RESTS),
    "gone": World(410, "HTTP 410: it takes nothing any more; remove the channel", "Retired"),
    "broken": World(500, "HTTP 500"),
    "babbles": World("garbage", "the answer is no whole HTTP"),
}
CHATS = {
    "hangs": World("hang", "JSON: the service can't be reached, or does not answer"),
    "refuses": World("refuse", "JSON: the service can't be reached, or does not answer"),
    "busy": World(429, "JSON: HTTP 429", retry_after=RESTS),
    "gone": World(410, "JSON: HTTP 410"),
    "broken": World(500, "JSON: HTTP 500"),
    "babbles": World("garbage", "JSON: the service can't be reached, or does not answer"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One policy, its channels and what their receivers took."""

    cluster: Cluster
    namespace: str
    name: str
    kind: str
    """Of the bad ones: `cloudEvents` or `apprise`."""
    worlds: Mapping[str, World]
    """The bad receivers."""

    def objects(self) -> Iterator[Manifest]:
        """All channels, and the Secrets of those that are chats."""
        for name in self.worlds:
            yield from self.channel(name)
        yield from self.channel(WELL, "cloudEvents")
        yield from self.channel(WELL, "apprise")

    def channel(self, name: str, kind: str = "") -> Iterator[Manifest]:
        """One receiver's channel, and its Secret if it is a chat."""
        kind = kind or self.kind
        receiver, called = self.cluster.stack.receiver, self.called(name, kind)
        if kind == "apprise":
            yield secret(called, {"url": receiver.apprise_url(f"chat/{self._at(name)}")})
            key = {"secretRef": {"name": called, "key": "url"}}
            yield channel(called, kind, key, digestAfter=_MANY)
        else:
            url = f"{receiver.url}/cloudevents/{self._at(name)}"
            yield channel(called, kind, {"url": url})

    def called(self, name: str, kind: str = "") -> str:
        """The name of a receiver's channel."""
        return f"{AT}-{self.name}-{name}-{kind or self.kind}".lower()

    def policy(self, dial: Dial) -> Manifest:
        """Told to all of them."""
        names = [each["metadata"]["name"] for each in self.objects() if "spec" in each]
        return policy(self.name, self.namespace, dial.check(), notify=notify(*names))

    def behave(self, name: str, *, well: bool) -> None:
        """A receiver goes wrong from now on, or does not."""
        world = self.worlds[name]
        kind = "chat" if self.kind == "apprise" else "cloudevents"
        self.cluster.stack.receiver.behave(
            f"{kind}/{self._at(name)}",
            "accept" if well else world.how,
            retry_after=None if well else world.retry_after,
        )

    def heard(self, name: str, kind: str = "") -> list[str]:
        """What a receiver took: `opened`, `resolved`, in order; no event is taken twice."""
        stack, at = self.cluster.stack, self._at(name)
        if (kind or self.kind) == "apprise":
            words = {"[warning": "opened", "[resolved": "resolved"}
            return [words[title.partition("]")[0]] for title in titles(stack, at)]
        taken = events(stack, at)
        assert len({id_ for _, id_ in taken}) == len(taken), taken
        return [word for word, _ in taken]

    def attempts(self, name: str) -> list[Received]:
        """What was posted to an event receiver, taken or not."""
        return list(self.cluster.stack.receiver.attempts(f"cloudevents/{self._at(name)}"))

    def delays(self) -> list[float]:
        """Seconds from each decision until both good receivers had taken it."""
        receiver = self.cluster.stack.receiver
        taken = receiver.received(f"cloudevents/{self._at(WELL)}")
        shown = receiver.received(f"chat/{self._at(WELL)}")
        return [
            (max(event.at, message.at) - _decided_at(event)).total_seconds()
            for event, message in zip(taken, shown, strict=True)
        ]

    def rows(self) -> list[bool]:
        """The sink's rows of the policy, oldest first: whether each is resolved."""
        rows = self.cluster.rows(self.namespace)
        return [row["resolved"] for row in rows if row["policy"] == self.name]

    def notifying(self) -> Words:
        """What the policy says of its channels."""
        return notifying(self.cluster, self.name, self.namespace)

    def _at(self, name: str) -> str:
        return f"{AT}/{self.name}/{name}"


def _decided_at(event: Received) -> datetime:
    return datetime.fromisoformat(event.body["time"])

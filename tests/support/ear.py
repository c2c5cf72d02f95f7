"""A channel of a test's own, and what came to it."""

from dataclasses import dataclass
from datetime import datetime

from tests.support.cluster import Cluster
from tests.support.manifests import Manifest, channel

Told = tuple[str, str]
"""`opened`, `reminded` or `resolved`, and the check."""


@dataclass(frozen=True, slots=True)
class Ear:
    """A CloudEvents channel for one namespace's policies."""

    cluster: Cluster
    namespace: str

    @property
    def name(self) -> str:
        """The channel's."""
        return f"events-{self.namespace}"

    def channel(self) -> Manifest:
        """The channel, to be applied."""
        url = f"{self.cluster.stack.receiver.url}/cloudevents/{self.namespace}"
        return channel(self.name, "cloudEvents", {"url": url})

    def heard(self) -> list[tuple[Told, datetime]]:
        """What came and when, oldest first; under one id the first only, as receivers do."""
        first: dict[str, tuple[Told, datetime]] = {}
        for each in self.cluster.stack.receiver.received(f"cloudevents/{self.namespace}"):
            word, check = each.body["type"].split(".")[-2], each.body["data"]["check"]
            first.setdefault(each.body["id"], ((word, check), each.at))
        return list(first.values())

    def words(self) -> list[Told]:
        """The same without times, sorted."""
        return sorted(told for told, _ in self.heard())

    def told_at(self, told: Told) -> datetime:
        """When the one came that says this."""
        [at] = [at for word, at in self.heard() if word == told]
        return at

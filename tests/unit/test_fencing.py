"""Nothing is written or told without authority, and nothing that is only read needs it."""

import inspect
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from governor.adapters.memory.authority import InMemoryAuthority
from governor.api.channel import ChannelSpec
from governor.app import fencing
from governor.app.around import Remedies
from governor.app.ports import (
    AlertNotifier,
    EventRecorder,
    Measurements,
    Notifier,
    ObjectKey,
    OrphanStore,
    Sink,
    StatusStore,
)
from governor.errors import DeliveryError, NotLeadingError, StoreError

NOW = datetime(2026, 11, 25, tzinfo=UTC)
KEY = ObjectKey(uid="u", namespace="aiops", name="flywheel")


class Recording:
    """Anything: says what was called."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, str]]:
        async def called(*_: Any) -> str:
            self.calls.append(name)
            return f"{name} came to this"

        return called


class Maker:
    """Makes one and the same notifier of every channel."""

    def __init__(self, made: Any) -> None:
        self.made = made

    def make(self, *_: Any) -> Any:
        return self.made


def channel(**spec: Any) -> ChannelSpec:
    return ChannelSpec.model_validate({"allowedNamespaces": {"from": "All"}, **spec})


FENCED: dict[type, tuple[Callable[[Any, Any], Any], set[str]]] = {
    StatusStore: (fencing.FencedStatusStore, {"replace_status"}),
    EventRecorder: (fencing.FencedEventRecorder, {"record"}),
    Sink: (
        fencing.FencedSink,
        {"record", "record_remediation", "record_revision", "release_expired"},
    ),
    Measurements: (fencing.FencedMeasurements, {"add", "make_room", "drop_old"}),
    OrphanStore: (fencing.FencedOrphanStore, {"put", "remove"}),
    Remedies: (fencing.FencedRemedies, {"deprecate"}),
    Notifier: (
        lambda inner, authority: fencing.FencedNotifiers(Maker(inner), authority).make(
            "bus", channel(cloudEvents={"url": "http://bus:80"}), {}
        ),
        {"tell"},
    ),
    AlertNotifier: (
        lambda inner, authority: fencing.FencedNotifiers(Maker(inner), authority).make(
            "oncall", channel(alertmanager={"urls": ["http://alerts:9093"]}), {}
        ),
        {"post"},
    ),
}
"""Port → what fences it, and what of it is an effect."""


def calls() -> list[tuple[type, str, bool]]:
    """Every async method of every fenced port, and whether it needs authority."""
    return [
        (port, name, name in effects)
        for port, (_, effects) in FENCED.items()
        for name, member in inspect.getmembers(port, inspect.iscoroutinefunction)
        if not name.startswith("_")
    ]


@pytest.mark.parametrize(("port", "name", "effect"), calls())
async def test_an_effect_needs_authority_at_the_very_moment(
    port: type, name: str, effect: bool
) -> None:
    """Every method of a port is passed on; without authority, what only reads still is."""
    inner, authority = Recording(), InMemoryAuthority()
    fence, _ = FENCED[port]
    fenced = fence(inner, authority)
    method = getattr(fenced, name)
    arguments = [KEY] * (len(inspect.signature(method).parameters))

    await method(*arguments)
    assert inner.calls == [name]

    authority.leads = False
    if effect:
        with pytest.raises(NotLeadingError):
            await method(*arguments)
    else:
        await method(*arguments)
    assert inner.calls == [name] * (1 if effect else 2)


def test_every_effect_is_one_of_a_port() -> None:
    """No name above is misspelled."""
    for port, (_, effects) in FENCED.items():
        assert effects <= {name for name, _ in inspect.getmembers(port)}


def test_whoever_is_refused_takes_it_for_a_failure_that_passes() -> None:
    """A write that did not happen, and an entry that stays in the log."""
    assert issubclass(NotLeadingError, StoreError)
    assert issubclass(NotLeadingError, DeliveryError)

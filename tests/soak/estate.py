"""The policies that are soaked: of all kinds of probes, over values that the soak turns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from tests.support.dial import Dial
from tests.support.enforcing import SOURCE as ENFORCED
from tests.support.manifests import Manifest, built_in, notify, number, policy, promql

from governor_local.stack import Stack
from governor_local.world import Health

GOOD, BAD = 0.9, 0.1
"""Values of a dial."""
ALERTS, CHAT, EVENTS = CHANNELS = ("alerts", "chat", "events")
"""The ends of the channels' names, which begin with the namespace."""
NUMBER_LINE = 10
"""The red line of numbers that stand in specs."""


@dataclass(slots=True)
class Agents:
    """The agents of the platform that is governed."""

    health: Health = Health.GOOD


class Checked(Protocol):
    """One check, and what it must say."""

    @property
    def name(self) -> str:
        """The check's."""

    def manifest(self) -> Manifest:
        """As the policy's spec has it."""

    @property
    def verdict(self) -> str:
        """What it must say once everything answers."""


@dataclass(slots=True)
class DialCheck:
    """A number in the governed database, by custom SQL."""

    name: str
    dial: Dial
    extra: Mapping[str, Any] = field(default_factory=dict)
    value: float = GOOD

    def manifest(self) -> Manifest:
        """As the protocol says."""
        return self.dial.check(self.name, **self.extra)

    @property
    def verdict(self) -> str:
        """As the protocol says."""
        return "Ok" if self.value == GOOD else "Violated"

    def turn(self, value: float) -> None:
        """The platform changes."""
        self.dial.turn(value)
        self.value = value


@dataclass(slots=True)
class NumberCheck:
    """A number that stands in the spec, by PromQL."""

    name: str
    value: int = 0

    def manifest(self) -> Manifest:
        """As the protocol says."""
        return number(self.value, red_line=NUMBER_LINE, name=self.name)

    @property
    def verdict(self) -> str:
        """As the protocol says."""
        return "Ok" if self.value <= NUMBER_LINE else "Violated"


@dataclass(frozen=True, slots=True)
class PlatformCheck:
    """What the platform's health decides: a built-in check, or a series."""

    name: str
    made: Manifest
    agents: Agents

    def manifest(self) -> Manifest:
        """As the protocol says."""
        return self.made

    @property
    def verdict(self) -> str:
        """As the protocol says."""
        return "Ok" if self.agents.health is Health.GOOD else "Violated"


@dataclass(frozen=True, slots=True)
class DriftCheck:
    """Playbooks that are deprecated as soon as they drift."""

    name: str

    def manifest(self) -> Manifest:
        """As the protocol says."""
        return {"name": self.name, "trustDrift": {"sourceRef": {"name": ENFORCED}}}

    @property
    def verdict(self) -> str:
        """As the protocol says."""
        return "Ok"


@dataclass(slots=True)
class Governed:
    """One policy as the soak wants it."""

    name: str
    namespace: str
    checks: list[Checked]
    spec: dict[str, Any] = field(default_factory=dict)
    channels: tuple[str, ...] = CHANNELS
    uid: str = ""
    """Of the object that is there now; empty: there is none."""

    def manifest(self) -> Manifest:
        """The object."""
        checks = [check.manifest() for check in self.checks]
        told = notify(*(channel_name(self.namespace, each) for each in self.channels))
        rest = {"interval": "5s", "notify": told} | self.spec
        return policy(self.name, self.namespace, *checks, **rest)

    @property
    def dials(self) -> list[DialCheck]:
        """What can be turned from outside."""
        return [check for check in self.checks if isinstance(check, DialCheck)]

    @property
    def numbers(self) -> list[NumberCheck]:
        """What changes with the spec."""
        return [check for check in self.checks if isinstance(check, NumberCheck)]


def channel_name(namespace: str, kind: str) -> str:
    """The channel of that kind which a namespace's policies tell."""
    return f"{namespace}-{kind}"


MUTED = "muted"
"""Policies whose name begins so are muted now and then."""


def estate(stack: Stack, namespace: str, rng: Random, size: int, agents: Agents) -> list[Governed]:
    """So many policies, or a few more: one of each kind at least."""

    def dials(name: str, count: int, **extra: Any) -> list[Checked]:
        return [
            DialCheck(f"dial-{each}", Dial(stack, f"{namespace}-{name}-{each}"), extra)
            for each in range(count)
        ]

    def numbers(_: str) -> list[Checked]:
        return [NumberCheck(f"number-{each}") for each in range(2)]

    kinds: Mapping[str, Callable[[str], list[Checked]]] = {
        "dials": lambda name: dials(name, 2),
        "numbers": numbers,
        "platform": lambda _: _platform(agents),
        "work": lambda name: dials(name, 1, dispatch={"executor": f"{namespace}.{name}"}),
        MUTED: lambda name: dials(name, 1),
    }
    more = rng.choices([*kinds], (4, 3, 2, 2, 2), k=max(size - len(kinds) - 1, 0))
    made = [
        Governed(f"{kind}-{each:02}", namespace, kinds[kind](f"{kind}-{each:02}"))
        for each, kind in enumerate([*kinds, *more])
    ]
    enforced = Governed("enforced", namespace, [DriftCheck("drift")], {"enforcement": "Enforce"})
    return [*made, enforced]


def crowd(namespace: str, size: int, _: Agents) -> list[Governed]:
    """So many small policies, each evaluated when it is written; no chat could follow them."""
    return [
        Governed(
            f"crowd-{each:04}",
            namespace,
            [NumberCheck("number")],
            {"interval": "1h"},
            channels=(ALERTS, EVENTS),
        )
        for each in range(size)
    ]


def _platform(agents: Agents) -> list[Checked]:
    kinds = ("trustDrift", "knowledgeDegradation", "llmHallucination", "executionBlastRadius")
    of_database = [
        PlatformCheck(kind.lower(), built_in(kind.lower(), kind), agents) for kind in kinds
    ]
    # Low is good: what is recorded is how right the agents' confidence is.
    errors = promql("calibration", "1 - sli:confidence_calibration:1h", red_line=0.3)
    return [*of_database, PlatformCheck("calibration", errors, agents)]

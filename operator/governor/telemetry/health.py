"""Whether the operator still sees and still works, as the kubelet asks it.

The ways an operator dies without exiting are a watch that hears nothing, timers that no
longer fire, and policies that nothing can get to move. `Liveness` is told of all of them
as they happen and says how long ago that was. It reads no clock but the one that it is given.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from governor.app.ports import ObjectKey

LEADER, STANDBY, UNKNOWN = "leader", "standby", "unknown"
"""What a replica may be."""

TICK_LIMIT = 180.0
"""Seconds without a tick that are too long: three times the longest tick."""

WATCH_LIMIT = 300.0
"""Seconds without anything from a watch that are too long. The API server sends a
bookmark about once a minute, and kopf reconnects a silent watch after 70 s."""

_NEVER = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The answer to one question, and why."""

    ok: bool
    role: str
    """`leader`, `standby`; or `unknown`, if the Lease was never seen."""
    checks: dict[str, str] = field(default_factory=dict)
    """What was looked at → what was found."""


class Liveness:
    """Remembers when each watch and the timers last gave a sign of life."""

    def __init__(
        self,
        *,
        kinds: Iterable[str],
        monotonic: Callable[[], float],
        role: Callable[[], str],
        away: Callable[[], bool],
        tick_limit: float = TICK_LIMIT,
        watch_limit: float = WATCH_LIMIT,
    ) -> None:
        """Expects nothing yet.

        Args:
            kinds: the resources that must be watched for the operator to be ready.
            monotonic: seconds that never jump.
            role: what this replica is, as `Health.role`.
            away: whether the API server answers nobody here at this moment.
            tick_limit: seconds without a tick that are too long.
            watch_limit: seconds without activity of a watch that are too long.
        """
        self._monotonic = monotonic
        self._role = role
        self._away = away
        self._last_away = _NEVER
        self._tick_limit = tick_limit
        self._watch_limit = watch_limit
        self._heard: dict[str, float | None] = dict.fromkeys(kinds)
        self._policies = 0
        self._ticked = 0.0
        self._stuck: Sequence[ObjectKey] = ()

    def watch_activity(self, kind: str) -> None:
        """The watch of a kind brought anything at all.

        An object, a bookmark, an empty list; or it was established anew.
        """
        self._heard[kind] = self._monotonic()

    def watch_ended(self, kind: str) -> None:
        """The kind is not served any more: the operator waits for it, and is not ready."""
        self._heard[kind] = None

    def policies(self, count: int) -> None:
        """So many policies are known. Without any, no tick can be expected."""
        if count and not self._policies:
            self._ticked = self._monotonic()
        self._policies = count

    def tick(self) -> None:
        """A timer fired."""
        self._ticked = self._monotonic()

    def stuck(self, policies: Sequence[ObjectKey]) -> None:
        """These policies are overdue, and waking them does not help."""
        self._stuck = policies

    def alive(self) -> Health:
        """Whether a restart would not help.

        A kind that was never listed is no reason for one: its CRD may be missing, or
        the API server be away. Nor is a watch that hears nothing while the server is away;
        once it is back, each has its full time to hear again.
        """
        if self._away():
            self._last_away = self._monotonic()
        return self._health(unlisted_is_well=True, excused_until=self._last_away)

    def ready(self) -> Health:
        """Whether everything was listed, the Lease too, and is alive; a standby is ready."""
        return self._health(unlisted_is_well=False, excused_until=_NEVER)

    def _health(self, *, unlisted_is_well: bool, excused_until: float) -> Health:
        now, role = self._monotonic(), self._role()
        answers = {"policies": self._standstill(), "ticks": self._ticks(now)}
        if role == UNKNOWN:
            answers["lease"] = (unlisted_is_well, "not seen yet")
        for kind, heard in sorted(self._heard.items()):
            if heard is None:
                answers[f"watch {kind}"] = (unlisted_is_well, "not listed yet")
            elif heard < excused_until:
                what = "API server last away"
                answers[f"watch {kind}"] = _judge(what, now - excused_until, self._watch_limit)
            else:
                answers[f"watch {kind}"] = _judge("last activity", now - heard, self._watch_limit)
        return Health(
            ok=all(ok for ok, _ in answers.values()),
            role=role,
            checks={name: text for name, (_, text) in answers.items()},
        )

    def _standstill(self) -> tuple[bool, str]:
        if not self._stuck:
            return True, "none stands still"
        first = f"{self._stuck[0].namespace}/{self._stuck[0].name}"
        return False, f"{len(self._stuck)} overdue and not to be woken, such as {first}"

    def _ticks(self, now: float) -> tuple[bool, str]:
        if not self._policies:
            return True, "none expected: there are no policies"
        return _judge("last tick", now - self._ticked, self._tick_limit)


def _judge(what: str, age: float, limit: float) -> tuple[bool, str]:
    ok = age <= limit
    return ok, f"{what} {age:.0f} s ago" + ("" if ok else f", more than {limit:.0f} s")

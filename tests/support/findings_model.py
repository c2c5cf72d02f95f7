"""What should become of findings: a simple model, which shares no code with the product.

It is told what a decision is told, and says which findings are open after it, how often each
was opened and resolved, and which channel should hear of what. It knows nothing of logs, rows,
deliveries, crashes or leaders: those must not show.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from tests.support.wishes import MEASURED, Around, Check, Wish

Place = tuple[str, str]
"""Where a finding is: check, or empty, and event type."""

BLIND = "governance_check_blind"
SELF_FAILURE = "governance_self_failure"
DATA_GAP = "governance_slo_data_gap"
MUTE = "governance_mute"

_WORST_FIRST = ("violated", "error", "nodata", "new", "warning", "ok")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A run: what it says, and for which slot."""

    verdict: str
    slot: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """One check as the model sees it."""

    wish: Check
    verdict: str = "new"
    """`new`: not measured under its present spec."""
    violations: int = 0
    successes: int = 0
    blind_runs: int = 0
    counted: datetime | None = None
    blind_counted: datetime | None = None
    dark: bool = False
    """Whether it was told that it can't be measured."""

    def measured(self, run: Measured, blind_after: int) -> "CheckState":
        """After a run: a slot counts once, and no number is not a count."""
        state = replace(self, verdict=run.verdict)
        if run.verdict not in MEASURED:
            if state.blind_counted is None or run.slot > state.blind_counted:
                runs = min(state.blind_runs + 1, blind_after)
                state = replace(state, blind_runs=runs, blind_counted=run.slot)
            return state
        state = replace(state, blind_runs=0)
        if state.counted is not None and run.slot <= state.counted:
            return state
        if run.verdict == "violated":
            violations = min(state.violations + 1, state.wish.failure)
            return replace(state, violations=violations, successes=0, counted=run.slot)
        successes = min(state.successes + 1, state.wish.success)
        return replace(state, violations=0, successes=successes, counted=run.slot)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A policy, after some decisions. A value: a decision that did not happen leaves no trace."""

    checks: Mapping[str, CheckState] = field(default_factory=dict)
    open: Mapping[Place, int] = field(default_factory=dict)
    """The open findings: which of its place each is, counted from 1."""
    opened: Mapping[Place, int] = field(default_factory=dict)
    """How often a finding was opened, by place."""
    mutes: frozenset[str] = frozenset()
    """The mutes that are known."""
    muted: int = 0
    """How often a mute came into force."""
    dark: int = 0
    """How often a check turned blind, or measurable again."""
    told: frozenset[tuple[Place, int, str]] = frozenset()
    """Which finding's opening each channel is to hear."""
    ended: frozenset[tuple[Place, int, str]] = frozenset()
    """Which finding's end each channel is to hear."""
    excused: frozenset[tuple[Place, int, str]] = frozenset()
    """What a channel need not hear any more, as the policy named it no longer."""
    suspended: bool = False
    wish: Wish | None = None
    """What was decided by."""

    def after(
        self, wish: Wish, runs: Mapping[str, Measured], around: Around, *, rows: "Rows" = ()
    ) -> "Model":
        """After a decision.

        Args:
            wish: what the author wants.
            runs: what was measured, by check.
            around: mutes and channels.
            rows: places that somebody has open and this does not know: they are open.
        """
        excused = {each for each in self.told | self.ended if each[2] not in wish.channels}
        model = replace(self, wish=wish, suspended=wish.suspended, excused=self.excused | excused)
        if wish.suspended:
            return model._mute(wish, around)
        before = model.open
        model = model._take_over(wish, rows)._measure(wish, runs)._settle(wish)
        resolved = {place: n for place, n in before.items() if model.open.get(place) != n}
        return model._mute(wish, around)._tell(wish, around, resolved)

    @property
    def verdict(self) -> str:
        """The policy's."""
        if self.suspended:
            return "suspended"
        worst = min((c.verdict for c in self.checks.values()), key=_WORST_FIRST.index)
        return "nodata" if worst == "new" else worst

    def _take_over(self, wish: Wish, rows: "Rows") -> "Model":
        """Findings that somebody else knows to be open are ours, if we have their check."""
        kinds = {(check.name, check.event_type) for check in wish.checks}
        kinds |= {(check.name, BLIND) for check in wish.checks}
        kinds |= {("", SELF_FAILURE), ("", DATA_GAP)}
        model = self
        for place in rows:
            if place in kinds and place not in model.open:
                model = model._open(place)
        return model

    def _measure(self, wish: Wish, runs: Mapping[str, Measured]) -> "Model":
        model, checks = self, {}
        for check in wish.checks:
            before = self.checks.get(check.name, CheckState(wish=check))
            state = before
            if before.wish.spec != check.spec:
                state = CheckState(wish=check, dark=before.dark)
            if before.wish.event_type != check.event_type:
                model = model._resolve((check.name, before.wish.event_type))
            if run := runs.get(check.name):
                state = state.measured(run, wish.blind_after)
                dark = run.verdict not in MEASURED
                model = replace(model, dark=model.dark + (dark != state.dark))
                state = replace(state, dark=dark)
                model = model._live((check.name, check.event_type), state)
            checks[check.name] = state
        for name in self.checks.keys() - checks.keys():
            for place in list(model.open):
                if place[0] == name:
                    model = model._resolve(place)
        return replace(model, checks=checks)

    def _live(self, place: Place, state: CheckState) -> "Model":
        if state.verdict == "violated" and state.violations >= state.wish.failure:
            return self if place in self.open else self._open(place)
        if state.verdict in ("ok", "warning") and state.successes >= state.wish.success:
            return self._resolve(place)
        return self

    def _settle(self, wish: Wish) -> "Model":
        """The findings that are levels: of the whole policy first, as they cover others."""
        states = self.checks.values()
        said = [state.verdict for state in states]
        new = "new" in said
        errors = said.count("error") >= wish.errored
        model = self._level(("", SELF_FAILURE), errors, clears=not new)
        slos = [state.verdict for state in states if state.wish.kind == "slo"]
        numbers = any(verdict in MEASURED for verdict in slos)
        gap = "nodata" in slos and not numbers and "new" not in slos
        seen = any(verdict in MEASURED for verdict in slos) and not new
        model = model._level(("", DATA_GAP), gap, clears=seen or not slos)
        for name, state in self.checks.items():
            covered = (state.verdict == "error" and ("", SELF_FAILURE) in model.open) or (
                state.wish.kind == "slo" and ("", DATA_GAP) in model.open
            )
            blind = state.verdict not in MEASURED and state.blind_runs >= wish.blind_after
            clears = state.verdict in MEASURED
            model = model._level((name, BLIND), blind and not covered, clears=clears)
        return model

    def _level(self, place: Place, holds: bool, *, clears: bool) -> "Model":
        if holds:
            return self if place in self.open else self._open(place)
        return self._resolve(place) if clears else self

    def _mute(self, wish: Wish, around: Around) -> "Model":
        """Mutes that silence something are known; each time that one begins to is a row."""
        known = frozenset(
            uid
            for uid, checks in around.mutes
            if any(_silences(checks, wish, check.name) for check in wish.checks)
        )
        return replace(self, mutes=known, muted=self.muted + len(known - self.mutes))

    def _tell(self, wish: Wish, around: Around, resolved: Mapping[Place, int]) -> "Model":
        names = [name for name in wish.channels if name in around.usable]
        told, ended = set(self.told), set(self.ended)
        now = {
            (place, number, name)
            for place, number in self.open.items()
            if self._loud(place, wish, around)
            for name in names
        }
        known = {(place, number) for place, number, _ in told}
        late = {each for each in now - told if each[:2] in known}  # once it is not behind
        told |= now
        if wish.ends:
            ended |= {
                (place, number, name)
                for place, number in resolved.items()
                for name in wish.channels  # one that is away hears it when it is back
                if (place, number, name) in self.told
            }
        excused = self.excused | late
        return replace(self, told=frozenset(told), ended=frozenset(ended), excused=excused)

    def _loud(self, place: Place, wish: Wish, around: Around) -> bool:
        name, event_type = place
        check = next((check for check in wish.checks if check.name == name), None)
        severity = "critical" if event_type == SELF_FAILURE else "warning"
        if check is not None and event_type == check.event_type:
            severity = check.severity
        if wish.severity == "critical" and severity != "critical":
            return False
        return not any(_silences(checks, wish, name, severity) for _, checks in around.mutes)

    def _open(self, place: Place) -> "Model":
        number = self.opened.get(place, 0) + 1
        return replace(
            self, open={**self.open, place: number}, opened={**self.opened, place: number}
        )

    def _resolve(self, place: Place) -> "Model":
        return replace(self, open={at: n for at, n in self.open.items() if at != place})


Rows = tuple[Place, ...] | list[Place]


def _silences(checks: tuple[str, ...], wish: Wish, name: str, severity: str = "") -> bool:
    """Whether a mute of those checks silences a check, or with no name the whole policy."""
    if name:
        own = next(check for check in wish.checks if check.name == name)
        return (not checks or name in checks) and wish.mutable(own.severity)
    some = any(wish.mutable(check.severity) for check in wish.checks)
    return not checks and some and wish.mutable(severity)

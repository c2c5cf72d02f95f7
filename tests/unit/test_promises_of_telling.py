"""Whatever happens in whatever order: nobody is told twice, and mutes are kept."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.builders import History, drift, drifted, knowledge, policy, slo
from tests.support.deciding import ALERTS, BROKEN, CHAT, MISSING, WELL, Told, found, mute, notify

from governor.api.log import Entry, Target, Transition, channel_of
from governor.api.status import PolicyStatus
from governor.domain import log
from governor.domain.identity import derives
from governor.domain.log import Delivered
from governor.domain.plans import Feedback
from governor.domain.remediations import RemediationOutcome
from governor.domain.surroundings import ChannelView
from governor.values.outcomes import Measurement

CHECKS = {
    "autonomy_rate": ("violated", "ok", "error", "nodata"),
    "knowledge": ("violated", WELL, "error"),
    "drift": (drifted("a", "b"), drifted(), Measurement(value=0.0, samples=9), "error"),
}
POLICY = policy(
    slo(failureThreshold=2),
    knowledge(),
    drift(severity="critical"),
    enforcement="Enforce",
    selfFailure={"erroredChecks": 2, "blindAfter": 2},
    notify=notify("chat", "other", "alerts", reminderInterval="10m"),
)
UNDER_MUTE = {Transition.RESOLVE}
"""All that channels are told of a muted finding, if they were told of its opening."""
ACTS = {Target.DISPATCH, Target.REMEDIATION}

outcomes = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(of) for name, of in CHECKS.items()}
)
steps = st.one_of(
    st.tuples(st.just("run"), outcomes),
    st.tuples(st.just("run"), outcomes),
    st.tuples(st.just("lost"), outcomes),
    st.tuples(st.just("tick"), st.sampled_from([1, 60, 600, 4000])),
    st.tuples(
        st.just("mute"),
        st.tuples(st.sampled_from([(), ("knowledge",), ("drift",)]), st.sampled_from([2, 20, 90])),
    ),
    st.tuples(st.just("unmute"), st.none()),
    st.tuples(
        st.just("channel"),
        st.tuples(st.sampled_from(["chat", "other"]), st.sampled_from([CHAT, MISSING, BROKEN])),
    ),
    st.tuples(st.just("down"), st.sampled_from(["sink", "event", "channel/chat"])),
    st.tuples(st.just("up"), st.none()),
    st.tuples(st.just("suspend"), st.booleans()),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("remediated"), st.booleans()),
    st.tuples(st.just("asked"), outcomes),
)


@dataclass
class Life:
    """A policy's life that is watched for what its decisions have told."""

    told: Told

    def __post_init__(self) -> None:
        self.aimed: list[tuple[Entry, str]] = []
        """Every decision to tell an entry to a target."""
        self.opened: set[tuple[Any, str | None]] = set()
        """Which finding's opening was decided to be told to which channel."""

    def step(self, kind: str, what: Any) -> None:
        """One thing happens; the method of that name says what."""
        getattr(self, kind)(what)

    def run(self, runs: dict[str, Any]) -> None:
        """Checks were measured, or none was due."""
        self.decide(Feedback(), runs)

    def asked(self, runs: dict[str, Any]) -> None:
        """The same, and the sink has told of the work item that it knows."""
        known = self.told.check("knowledge").dispatch if self.told.status.checks else None
        self.decide(found(known), runs)

    def lost(self, runs: dict[str, Any]) -> None:
        """A decision is made whose write never succeeds: it did not happen."""
        before = self.told.status
        History.decide(self.told, **({} if self.told.policy.suspended else runs))
        self.told.status = before

    def tick(self, seconds: float) -> None:
        """Time goes by."""
        self.told.tick(seconds)

    def mute(self, what: tuple[tuple[str, ...], int]) -> None:
        """Somebody mutes checks for some minutes."""
        standing = self.told.surroundings.mutes
        checks, minutes = what
        ends = timedelta(minutes=minutes)
        new = mute(f"m{len(standing)}", *checks, created=self.told.now, ends=ends)
        self.told.surround(mutes=(*standing, new))

    def unmute(self, _: None) -> None:
        """All mutes are deleted."""
        self.told.surround(mutes=())

    def channel(self, what: tuple[str, ChannelView]) -> None:
        """A channel comes, goes, or breaks."""
        name, view = what
        self.told.surround(channels={**self.told.surroundings.channels, name: view})

    def down(self, target: str) -> None:
        """Somebody takes nothing any more."""
        self.told.down.add(target)

    def up(self, _: None) -> None:
        """Everybody takes what they are told."""
        self.told.down = {Target.REMEDIATION}

    def suspend(self, suspended: bool) -> None:
        """The author suspends the policy, or has it go on."""
        self.told.policy = replace(self.told.policy, suspended=suspended)

    def restart(self, _: None) -> None:
        """What was delivered and not written down is delivered once more."""
        self.told.forget()
        data = self.told.status.model_dump(mode="json", by_alias=True, exclude_none=True)
        self.told.status = PolicyStatus.model_validate(json.loads(json.dumps(data)))

    def remediated(self, changed: bool) -> None:
        """The lane is done with every choice."""
        self.decide(self.outcomes(changed=changed), {})

    def outcomes(self, *, changed: bool) -> Feedback:
        """What has come of every choice."""
        choices = [e for e in self.told.status.pending if Target.REMEDIATION in e.targets]
        ids = ("a",) if changed else ()
        return Feedback(
            delivered=frozenset(Delivered(entry=e.id, target="remediation") for e in choices),
            remediated={e.id: RemediationOutcome(changed=ids, at=self.told.now) for e in choices},
        )

    def decide(self, feedback: Feedback, runs: dict[str, Any]) -> None:
        """A decision, with everything that must hold of it."""
        told = self.told
        told.tick(0.001)  # no two decisions are made at once
        before = told.owed()
        told.decide(feedback, **({} if told.policy.suspended else runs))
        fresh = [
            (e, target)
            for e in told.status.pending
            for target in e.targets
            if (e.id, target) not in before
        ]
        for entry, target in fresh:
            self.check_mutes(entry, target)
        self.check_ends(fresh)
        self.aimed += fresh
        self.opened |= {
            (e.finding, channel_of(t)) for e, t in fresh if e.transition is Transition.OPEN
        }
        self.check_log({entry.id for entry, _ in fresh})

    def check_mutes(self, entry: Entry, target: str) -> None:
        """Nothing but ends is told, and nothing is done, of what is muted."""
        muted = {c.name for c in self.told.status.checks if c.muted_until is not None}
        if entry.check in muted:
            assert target not in ACTS
            assert channel_of(target) is None or entry.transition in UNDER_MUTE

    def check_ends(self, fresh: list[tuple[Entry, str]]) -> None:
        """Who was told that it began is told that it is over, away or not; nobody else is."""
        views = self.told.surroundings.channels
        logged = {name for name, view in views.items() if view.kind is not ALERTS.kind}
        ends = {e.finding: e for e, _ in fresh if e.transition is Transition.RESOLVE}
        for finding, end in ends.items():
            heard = {channel_of(target) for target in end.targets} - {None}
            assert heard == {name for name in logged if (finding, name) in self.opened}

    def check_log(self, fresh: set[Any]) -> None:
        """Every entry derives; what has been there before keeps within the bound."""
        pending = self.told.status.pending
        assert all(derives(self.told.uid, entry) for entry in pending)
        old = sum(log.size(e) + 1 for e in pending if e.id not in fresh)
        assert old <= log.LIMIT_BYTES
        for check in CHECKS:
            ours = [e for e in pending if e.check == check.replace("_", "-")]
            assert sum(e.transition in log.BINDING for e in ours) <= 1

    def check_openings(self) -> None:
        """Of one opening, nobody is told twice: not by another decision either."""
        openings = [(e.finding, t) for e, t in self.aimed if e.transition is Transition.OPEN]
        assert len(openings) == len(set(openings))
        others = [(e.id, t) for e, t in self.aimed]
        assert len(others) == len(set(others))


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=30))
def test_nobody_is_told_twice_and_mutes_are_kept(story: list[tuple[str, Any]]) -> None:
    """Runs, lost writes, mutes, channels that come, break and go, restarts, outages."""
    life = Life(Told(POLICY, chat=CHAT, other=CHAT, alerts=ALERTS))
    life.told.surround(remediation={"platform": None})
    for kind, what in story:
        life.step(kind, what)

    life.check_openings()


@settings(max_examples=10, deadline=None)
@given(
    st.sets(st.sampled_from(["sink", "event", "channel/chat", "channel/other"])),
    st.lists(outcomes, min_size=1, max_size=4),
    st.integers(10, 30),
)
def test_a_long_outage_of_anybody_stays_in_the_bounds(
    down: set[str], rounds: list[dict[str, Any]], times: int
) -> None:
    """The same few runs, again and again."""
    life = Life(Told(POLICY, chat=CHAT, other=CHAT, alerts=ALERTS))
    life.told.surround(remediation={"platform": None})
    life.told.down |= down
    for runs in rounds * times:
        life.told.tick()
        life.decide(life.outcomes(changed=True), runs)

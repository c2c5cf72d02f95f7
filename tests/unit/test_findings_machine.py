"""Whatever happens to operators, receivers, statuses and specs: findings are those of the model."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.agreement import all_agree
from tests.support.effects import KilledError
from tests.support.findings_model import Model
from tests.support.model_replica import Replica
from tests.support.model_world import CHANNELS, ModelWorld
from tests.support.virtual_time import VirtualTimeLoop
from tests.support.wishes import Check

from governor.api.log import Entry, Transition, channel_target
from governor.app.subjects import dump
from governor.domain.identity import transition_id
from governor.domain.surroundings import ChannelView

pytestmark = pytest.mark.no_cover  # it is long


WORDS = ("ok", "violated", "ok", "violated", "warning", "error", "stuck", "nodata")
NAMES = ("a", "b", "c")
FORGED = UUID(int=13)
"""A finding whose id derives from nothing."""

words = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(WORDS))
everything = st.fixed_dictionaries({name: st.sampled_from(WORDS) for name in NAMES})
checks = st.lists(
    st.builds(
        Check,
        name=st.sampled_from(NAMES),
        kind=st.sampled_from(["slo", "slo", "drift"]),
        red_line=st.sampled_from([0.7, 0.6]),
        failure=st.integers(1, 2),
        success=st.integers(1, 2),
        severity=st.sampled_from(["warning", "critical"]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda check: check.name,
)
RECEIVERS = ("sink", "event", "remediation", *map(channel_target, CHANNELS))
receivers = st.sampled_from(RECEIVERS)


class FindingsMachine(RuleBasedStateMachine):
    """One policy, operators that come and go, and a world that fails in every way it can."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.world = ModelWorld()
        self.world.around.one_by_one = True
        self.epoch = 1
        self.lives = 1
        """How many processes there were: a chat hears no transition more often."""
        self.leader = Replica(self.world, self.epoch)
        self.zombie: Replica | None = None

    def teardown(self) -> None:
        """In the end all is well with the world, and every promise is kept."""
        try:
            self.all_is_well()
            self.settles()
        finally:
            self._runner.close()

    @initialize(scribbles=st.booleans(), edits=st.booleans())
    def begin(self, scribbles: bool, edits: bool) -> None:
        """Some histories are without those events after which less can be promised."""
        self.scribbles, self.edits = scribbles, edits

    # What the operator does.

    @rule(seconds=st.sampled_from([0.01, 20, 60, 600]), words=words)
    def turn(self, seconds: float, words: dict[str, str]) -> None:
        """Time goes by, and some checks are measured; what is told of before is cleared."""
        self.world.clock.forward(seconds)
        self._live(self.leader.turn(words))

    @rule(words=everything, receiver=receivers)
    def slot(self, words: dict[str, str], receiver: str) -> None:
        """The slots of all checks come, and one receiver is told."""
        self.world.clock.forward(60)
        self._live(self.leader.turn(words))
        self._live(self.leader.tell(receiver))

    @rule(slots=st.lists(everything, min_size=1, max_size=3))
    def minutes(self, slots: list[dict[str, str]]) -> None:
        """The slots of all checks come, and everybody is told who can be."""
        for each in slots:
            self.world.clock.forward(60)
            self.leader.look()
            self._live(self.leader.turn(each))
            for receiver in RECEIVERS:
                self._live(self.leader.tell(receiver))

    @rule(receiver=receivers)
    def tell(self, receiver: str) -> None:
        """One receiver is told what it is owed."""
        self._live(self.leader.tell(receiver))

    @rule()
    def heal(self) -> None:
        """The hour of comparing status and sink."""
        self.leader.look()
        self._live(self.leader.heal())

    # What happens to it.

    @rule(half_effects=st.integers(0, 7))
    def crash(self, half_effects: int) -> None:
        """The process will end before or after one of its next effects."""
        self.world.fuse.left = half_effects

    @precondition(lambda self: self.zombie is None)
    @rule()
    def take_over(self) -> None:
        """Another process leads; the old one does not know it yet."""
        self.zombie = self.leader
        self._succeed()

    @precondition(lambda self: self.zombie is not None)
    @rule(words=words, receiver=receivers, looks=st.booleans())
    def zombie_acts(self, words: dict[str, str], receiver: str, looks: bool) -> None:
        """The old one wakes up: it tells one target, and tries to decide. Then it ends."""
        zombie, self.zombie = self.zombie, None
        assert zombie is not None
        if looks:
            zombie.look()
        before = self.world.body
        led = before.get("status", {}).get("epoch") == self.leader.epoch  # it has written
        self.world.clock.forward(0.01)
        self._live(zombie.tell(receiver), of=zombie)
        self._live(zombie.turn(words), of=zombie)
        if led:
            assert self.world.body == before
        self._live(zombie.tell(receiver), of=zombie)

    # What happens around it.

    @rule(fault=st.sampled_from(["before", "after", "answer"]))
    def fails(self, fault: Any) -> None:
        """The API server fails the next request, before it is done or after; or a receiver."""
        if fault == "answer":
            self.world.fuse.lost = 1
        else:
            self.world.store.fail(fault)

    @rule(receiver=receivers)
    def down(self, receiver: str) -> None:
        """Somebody takes nothing any more."""
        match receiver:
            case "sink":
                self.world.sink.down = "planted: down"
            case "event":
                self.world.events.down = True
            case "remediation":
                self.world.around.refused["platform"] = "planted: not allowed"
            case _:
                self.world.around.views.pop(receiver.removeprefix("channel/"), None)

    @rule()
    def all_is_well(self) -> None:
        """Everybody takes what they are told."""
        world = self.world
        world.sink.down = None
        world.events.down = False
        world.around.refused.clear()
        world.store._faults._planted.clear()
        world.fuse.lost = 0
        world.fuse.left = None
        world.around.views.update({n: ChannelView(kind=kind) for n, kind in CHANNELS.items()})

    @rule(named=st.none() | st.sets(st.sampled_from(NAMES)), minutes=st.sampled_from([2, 20]))
    def mute(self, named: set[str] | None, minutes: int) -> None:
        """Somebody mutes checks, or all; or deletes the mutes."""
        self.world.clock.forward(0.01)
        if named is None or len(self.world.standing) == 3:
            self.world.unmute()
        else:
            self.world.mute(sorted(named), minutes)

    @precondition(lambda self: self.world.standing)
    @rule(minutes=st.sampled_from([2, 20]))
    def move_mutes(self, minutes: int) -> None:
        """Their owner has them end later, or sooner; those that are over are in force again."""
        self.world.clock.forward(0.01)
        self.world.move_mutes(minutes)

    @precondition(lambda self: self.edits)
    @rule(checks=checks)
    def edit_checks(self, checks: list[Check]) -> None:
        """The author adds, removes and changes checks."""
        self.world.edit(checks=tuple(checks))

    @rule(
        changes=st.sampled_from(
            [
                {"suspended": True},
                {"suspended": False},
                {"enforced": True},
                {"enforced": False},
                {"channels": ()},
                {"channels": ("pager",)},
                {"channels": ("chat", "pager")},
                {"ends": False},
                {"ends": True},
                {"severity": "critical"},
                {"severity": "warning"},
                {"mutes": "Allowed"},
                {"mutes": "Forbidden"},
                {"errored": 1},
                {"errored": 2},
                {"blind_after": 1},
                {"blind_after": 3},
            ]
        )
    )
    def edit(self, changes: dict[str, Any]) -> None:
        """The author changes his mind about the rest."""
        self.world.edit(**changes)

    @precondition(lambda self: self.scribbles)
    @rule(words=everything, unseen=st.booleans())
    def wipe(self, words: dict[str, str], unseen: bool) -> None:
        """Somebody wipes the status, perhaps while the sink can't be asked what is open."""
        self.world.scribble({}, Model())
        if unseen:
            self.world.sink.down = "planted: down"
            self.slot(words, "sink")
            self.all_is_well()

    @rule(transition=st.sampled_from([Transition.OPEN, Transition.RESOLVE]))
    def forge(self, transition: Transition) -> None:
        """Somebody adds to the log what nobody has decided."""
        status, now = self.world.status, self.world.clock.now()
        if status.observed_generation is None:
            return
        forged = Entry(
            id=transition_id(FORGED, transition, now),
            transition=transition,
            check="a",
            event_type="slo_a_violation",
            finding=FORGED,
            opened_at=now,
            decided_at=now,
            generation=1,
            severity="critical",
            reason="Forged",
            targets=("sink", "event", "channel/chat"),
        )
        scribbled = status.model_copy(update={"pending": (*status.pending, forged)})
        torn = self.world.torn
        self.world.scribble(dump(scribbled), self.world.model)
        self.world.torn = torn  # nothing was lost

    @precondition(lambda self: self.edits)
    @rule()
    def recreate(self) -> None:
        """The policy is deleted and created: another one of the same name."""
        self.world.store.delete(self.world.key)
        self.world.create()
        self.zombie = None
        self._succeed()

    # What must hold.

    @invariant()
    def the_sink_holds_one_open_row_a_place(self) -> None:
        """Whatever happens."""
        self.world.open_rows()

    @invariant()
    def a_chat_hears_nothing_more_often_than_processes_have_lived(self) -> None:
        """It can't tell a repetition; a crash may cost one."""
        for times in self.world.heard["chat"].values():
            assert times <= self.lives + 1

    @invariant()
    def channels_hear_beginnings_and_ends_in_order(self) -> None:
        """As far as one can know."""
        assert self.world.broken == []

    @invariant()
    def nobody_hears_of_what_was_forged(self) -> None:
        """Only what derives from its own words is told."""
        assert FORGED not in self.world.sink.events
        assert not {(name, FORGED) for name in CHANNELS} & (self.world.begun | self.world.over)

    def settles(self) -> None:
        """With all well, everything is told, and says what the model says."""
        leader, world, quiet = self.leader, self.world, 0
        if world.wish.suspended:
            world.edit(suspended=False)
        for _ in range(30):
            world.clock.forward(0.01)
            leader.look()
            self._live(leader.heal())
            self._live(leader.turn({}))
            for receiver in RECEIVERS:
                self._live(leader.tell(receiver))
            quiet = 0 if leader.owes or world.status.pending else quiet + 1
            if quiet == 2:
                break
        assert self.leader is leader
        assert world.broken == []
        assert world.status.pending == ()
        all_agree(world)

    def _live(self, acting: Coroutine[Any, Any, None], *, of: Replica | None = None) -> None:
        """Acts; if the process is killed by it, another one begins."""
        try:
            self._runner.run(acting)
        except KilledError:
            if of is None:
                self._succeed()
        if of is None and self.leader.fenced:
            raise AssertionError("the leader was fenced")

    def _succeed(self) -> None:
        self.epoch += 1
        self.lives += 1
        self.leader = Replica(self.world, self.epoch)


TestFindings = FindingsMachine.TestCase
TestFindings.settings = settings(
    max_examples=3 * settings.default.max_examples,
    stateful_step_count=25,
    # The same histories at each run; the profile `soak` looks for others.
    derandomize=settings.get_current_profile_name() != "soak",
)

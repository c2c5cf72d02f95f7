"""Rounds of a soak: disorder by a seeded schedule, order, quiet, judgement."""

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from tests.soak.changes import CHANGES, CHURN, Changes
from tests.soak.evidence import Evidence, Gatherer
from tests.soak.faults import FAULTS, KILLS, Broken, Faults
from tests.soak.oracle import Circumstances, Flaw, Judgement, counted, judge
from tests.soak.world import World
from tests.support.cluster import eventually
from tests.support.replica_pair import role

_QUIET_WITHIN = 180
"""Seconds: whoever was refused for long is asked again a minute later, and more than once."""
_FAULTS_AT_ONCE = 3


@dataclass(slots=True)
class Summary:
    """What a soak came to."""

    seed: int
    crashes: int = 0
    """Schedules of crashes within this process."""
    rounds: int = 0
    seconds: float = 0
    faults: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    findings: int = 0
    versions: int = 0
    largest: int = 0
    excused: int = 0
    memory: float = 0
    """MiB of the larger replica, at the end of whichever round."""
    flaws: list[Flaw] = field(default_factory=list)

    def __str__(self) -> str:
        counts = counted(self.flaws)
        faults = ", ".join(f"{name} {number}" for name, number in sorted(self.faults.items()))
        return (
            f"soak: {self.rounds} schedules in {self.seconds / 60:.0f} min, and {self.crashes} of "
            f"crashes in-process; seed {self.seed}; "
            f"{self.faults.total()} faults ({faults}); {self.changes.total()} changes; "
            f"{self.findings} findings in {self.versions} versions of statuses, the largest "
            f"{self.largest / 1024:.0f} KiB; memory at most {self.memory:.0f} MiB; "
            f"{self.excused} stated losses; "
            f"lost {counts['lost']}, double {counts['double']}, wrong {counts['wrong']}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Disorder:
    """What schedules are drawn from.

    Attributes:
        faults: all that may break.
        changes: all that people and the platform may do.
        faulty: of what happens, so much is a fault.
        longest_pause: seconds between two things that happen.
    """

    faults: Faults
    changes: Changes
    faulty: float
    longest_pause: float


EVERYTHING = Disorder(faults=FAULTS, changes=CHANGES, faulty=0.35, longest_pause=1.5)
CROWDED = Disorder(faults=KILLS, changes=CHURN, faulty=0.004, longest_pause=0.02)
"""A thousand policies come, change and go while replicas are killed now and then."""


class Soak:
    """A world, soaked."""

    def __init__(
        self,
        world: World,
        seed: int,
        disorder: Disorder = EVERYTHING,
        *,
        say: Callable[[str], None],
        show: Callable[[str], None],
    ) -> None:
        """Nothing is soaked yet.

        Args:
            world: what is soaked.
            seed: of all schedules.
            disorder: what they are drawn from.
            say: is told of flaws.
            show: is told of each fault and change.
        """
        self._world = world
        self._disorder = disorder
        self._say = say
        self._show = show
        self._broken: list[tuple[float, Broken]] = []
        self._gatherer = Gatherer(world)
        self.summary = Summary(seed=seed)

    def round(self, *, seconds: float = math.inf, steps: float = math.inf) -> bool:
        """One schedule, of so many seconds or so many steps, and its judgement.

        Returns:
            Whether all is well.
        """
        summary, begun = self.summary, time.monotonic()
        summary.rounds += 1
        rng = Random(f"{summary.seed}/{summary.rounds}")  # noqa: S311 - to be repeated
        self._upset(rng, begun + seconds, steps)
        self._mend(math.inf)
        well = self._sum_up(self._judgement())
        summary.seconds += time.monotonic() - begun
        return well

    def empty(self) -> bool:
        """Deletes all policies; whether all is well, and nothing of them is left."""
        for policy in self._world.living:
            self._world.delete(policy)
        return self._sum_up(self._judgement())

    def _upset(self, rng: Random, end: float, steps: float) -> None:
        step = 0
        while step < steps and time.monotonic() < end:
            step += 1
            self._mend(time.monotonic())
            if len(self._broken) < _FAULTS_AT_ONCE and rng.random() < self._disorder.faulty:
                self._break(rng)
            else:
                self._change(rng)
            time.sleep(rng.uniform(0, self._disorder.longest_pause))  # as people and failures come

    def _break(self, rng: Random) -> None:
        name = rng.choice([*self._disorder.faults])
        fault = self._disorder.faults[name]
        until = time.monotonic() + rng.uniform(0, fault.longest)
        broken = fault.inject(self._world, rng)
        if broken is not None:
            self._tell(name)
            self.summary.faults[name] += 1
            self._world.down.add(broken.what)
            self._broken.append((until, broken))

    def _change(self, rng: Random) -> None:
        changes = self._disorder.changes
        [name] = rng.choices([*changes], [weight for weight, _ in changes.values()])
        change = changes[name][1]
        if not change.needs & self._world.down and change.apply(self._world, rng):
            self._tell(name)
            self.summary.changes[name] += 1

    def _mend(self, now: float) -> None:
        """What has been broken for long enough."""
        for each in [each for each in self._broken if each[0] <= now]:
            each[1].mend()
            self._world.down.discard(each[1].what)
            self._broken.remove(each)

    def _settle(self) -> list[Flaw]:
        """Waits until every status is right and nothing is left to be told."""
        left: list[str] = []

        def quiet() -> bool:
            left[:] = list(self._unsettled())
            return not left

        try:
            eventually(quiet, _QUIET_WITHIN)
        except AssertionError:
            return [Flaw(kind="wrong", what=each, policy="") for each in left]
        return []

    def _unsettled(self) -> Iterator[str]:
        world = self._world
        roles = [role(each) for each in world.pair.both]
        if sorted(roles) != ["leader", "standby"]:
            yield f"the replicas say that they are {roles}"
            return
        wrong = list(self._wrong_statuses())
        yield from wrong or self._unfinished()

    def _wrong_statuses(self) -> Iterator[str]:
        world = self._world
        bodies = {each["metadata"]["uid"]: each for each in world.api.policies(world.namespace)}
        for policy in world.living:
            body = bodies[policy.uid]
            status = body.get("status", {})
            says = {check["name"]: check["verdict"] for check in status.get("checks", ())}
            should = {check.name: check.verdict for check in policy.checks}
            if status.get("observedGeneration") != body["metadata"]["generation"]:
                yield f"{policy.name} is of generation {body['metadata']['generation']}, not judged"
            elif says != should:
                yield f"{policy.name} says {says}, and should say {should}"
            elif status.get("pending"):
                yield f"{policy.name} has yet to tell {json.dumps(status['pending'])[:500]}"

    def _unfinished(self) -> Iterator[str]:
        world = self._world
        touched = world.playbooks.touched
        wrong = {each: touched[each] for each in world.drifted if touched[each] != 1}
        if wrong and any(each.name == "enforced" for each in world.living):
            yield f"playbooks were not deprecated exactly once: {wrong}"
        if left := self._gatherer.left_of_the_deleted():
            yield f"of deleted policies is left: {left}"

    def _judgement(self) -> Judgement:
        """Of a moment at which all that is compared stood still: mutes end by themselves."""
        watch = self._world.watch
        while True:
            unsettled = self._settle()
            watch.catch_up()
            versions = watch.history.versions
            evidence = self._gatherer.gather()
            watch.catch_up()
            if unsettled or watch.history.versions == versions:
                judgement = self._judge(evidence)
                judgement.flaws += unsettled
                return judgement

    def _judge(self, evidence: Evidence) -> Judgement:
        world = self._world
        circumstances = Circumstances(disturbed=world.disturbances.overlap)
        with world.watch.lock:
            history = world.watch.history
            self.summary.findings = len(history.findings)
            self.summary.versions = history.versions
            self.summary.largest = history.largest
            return judge(history, evidence, circumstances)

    def _sum_up(self, judgement: Judgement) -> bool:
        known = set(self.summary.flaws)
        new = [flaw for flaw in judgement.flaws if flaw not in known]
        self.summary.flaws += new
        self.summary.excused = judgement.excused
        self.summary.memory = max(self.summary.memory, self._world.largest_memory())
        for flaw in new:
            self._say(f"{flaw.kind.upper()} {flaw.policy} {flaw.what}")
        return not judgement.flaws

    def _tell(self, what: str) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._show(f"{at} schedule {self.summary.rounds}: {what}")

"""Rounds of a soak: disorder by a seeded schedule, order, quiet, judgement."""

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random

from tests.soak.changes import CHANGES, CHURN, Changes
from tests.soak.evidence import Evidence, Gatherer
from tests.soak.faults import FAULTS, KILLS, SURVIVED, Broken, Faults
from tests.soak.memory import Trend
from tests.soak.oracle import Circumstances, Flaw, Judgement, counted, judge
from tests.soak.world import World
from tests.support.cluster import eventually
from tests.support.replica_pair import role

_QUIET_WITHIN = 300
"""Seconds: a check that was in Error under load is measured again after 30, then 90, then 210."""
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
    """MiB that a replica had at most."""
    trends: list[Trend] = field(default_factory=list)
    """Of each process that lived long enough, what became of its memory."""
    flaws: list[Flaw] = field(default_factory=list)

    def __str__(self) -> str:
        counts = counted(self.flaws)
        faults = ", ".join(f"{name} {number}" for name, number in sorted(self.faults.items()))
        return (
            f"soak: {self.rounds} schedules in {self.seconds / 60:.0f} min, and {self.crashes} of "
            f"crashes in-process; seed {self.seed}; "
            f"{self.faults.total()} faults ({faults}); {self.changes.total()} changes; "
            f"{self.findings} findings in {self.versions} versions of statuses, the largest "
            f"{self.largest / 1024:.0f} KiB; "
            f"memory at most {self.memory:.0f} MiB, {self._level()}; "
            f"{self.excused} stated losses; "
            f"lost {counts['lost']}, double {counts['double']}, wrong {counts['wrong']}"
        )

    def _level(self) -> str:
        if not self.trends:
            return "no process lived long enough to say whether it is level"
        level = sum(trend.level for trend in self.trends)
        said = ", ".join(str(trend) for trend in self.trends)
        return f"level in {level} of {len(self.trends)} processes that lived long enough ({said})"


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
LASTING = replace(EVERYTHING, faults=SURVIVED)
"""All but what ends a process, so that its memory can be judged."""
CROWDED = Disorder(faults=KILLS, changes=CHURN, faulty=0.004, longest_pause=0.02)
"""A thousand policies come, change and go while replicas are killed now and then."""
CHURNING = replace(CROWDED, faults={}, faulty=0)
"""They come, change and go, and nobody is killed."""


class Soak:
    """A world, soaked."""

    def __init__(
        self,
        world: World,
        summary: Summary,
        *,
        say: Callable[[str], None],
        show: Callable[[str], None],
    ) -> None:
        """Nothing is soaked yet.

        Args:
            world: what is soaked.
            summary: takes what it comes to; its seed is that of all schedules.
            say: is told of flaws.
            show: is told of each fault and change.
        """
        self._world = world
        self._say = say
        self._show = show
        self._broken: list[tuple[float, Broken]] = []
        self._gatherer = Gatherer(world)
        self._rounds = 0
        self._seen_before = (summary.findings, summary.versions, summary.excused)
        self.summary = summary

    def round(
        self,
        disorder: Disorder = EVERYTHING,
        *,
        seconds: float = math.inf,
        steps: float = math.inf,
    ) -> bool:
        """One schedule, of so many seconds or so many steps, and its judgement.

        Args:
            disorder: what it is drawn from.
            seconds: how long it takes, at most.
            steps: of how many faults and changes, at most.

        Returns:
            Whether all is well.
        """
        summary, begun = self.summary, time.monotonic()
        summary.rounds += 1
        self._rounds += 1
        seed = f"{summary.seed}/{self._world.namespace}/{self._rounds}"
        self._upset(disorder, Random(seed), begun + seconds, steps)  # noqa: S311 - to be repeated
        self._mend(math.inf)
        well = self._sum_up(self._judgement())
        summary.seconds += time.monotonic() - begun
        return well

    def empty(self) -> bool:
        """Deletes all policies; whether all is well, and nothing of them is left."""
        for policy in self._world.living:
            self._world.delete(policy)
        return self._sum_up(self._judgement())

    def fill(self) -> None:
        """Creates again whatever was deleted."""
        for policy in self._world.policies:
            if not policy.uid:
                self._world.create(policy)

    def weigh_from_now(self) -> None:
        """What `weigh` judges begins now, and goes on under the same load."""
        self._world.scale.begin()

    def weigh(self) -> bool:
        """Whether the memory of each process that lived long enough was level."""
        flaws = []
        for process, trend in self._world.scale.trends().items():
            self.summary.trends.append(trend)
            if not trend.level:
                flaws.append(Flaw(kind="wrong", what=f"memory of {process}: {trend}", policy=""))
        return self._sum_up(Judgement(flaws=flaws))

    def _upset(self, disorder: Disorder, rng: Random, end: float, steps: float) -> None:
        step = 0
        while step < steps and time.monotonic() < end:
            step += 1
            self._mend(time.monotonic())
            if len(self._broken) < _FAULTS_AT_ONCE and rng.random() < disorder.faulty:
                self._break(disorder.faults, rng)
            else:
                self._change(disorder.changes, rng)
            time.sleep(rng.uniform(0, disorder.longest_pause))  # as people and failures come

    def _break(self, faults: Faults, rng: Random) -> None:
        name = rng.choice([*faults])
        fault = faults[name]
        until = time.monotonic() + rng.uniform(0, fault.longest)
        broken = fault.inject(self._world, rng)
        if broken is not None:
            self._tell(name)
            self.summary.faults[name] += 1
            self._world.down.add(broken.what)
            self._broken.append((until, broken))

    def _change(self, changes: Changes, rng: Random) -> None:
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
            findings, versions, excused = self._seen_before
            self.summary.findings = findings + len(history.findings)
            self.summary.versions = versions + history.versions
            self.summary.largest = max(self.summary.largest, history.largest)
            judgement = judge(history, evidence, circumstances)
        self.summary.excused = excused + judgement.excused
        return judgement

    def _sum_up(self, judgement: Judgement) -> bool:
        known = set(self.summary.flaws)
        new = [flaw for flaw in judgement.flaws if flaw not in known]
        self.summary.flaws += new
        self.summary.memory = max(self.summary.memory, self._world.scale.most())
        for flaw in new:
            self._say(f"{flaw.kind.upper()} {flaw.policy} {flaw.what}")
        return not judgement.flaws

    def _tell(self, what: str) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._show(f"{at} schedule {self.summary.rounds}: {what}")

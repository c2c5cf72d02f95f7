"""Stories told by real operators that are killed: many at once, each dying at points of its own.

All policies that are to die in a life of the process come to their points, each frozen there
(see `crashing_operator`); then one SIGKILL ends them all.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from tests.support import crashing_operator
from tests.support.cluster import eventually
from tests.support.crash_stories import Stories
from tests.support.crashes import Crash

from governor_local.operator_process import Installation, OperatorProcess
from governor_local.stack import Stack

STEPS = (
    ("revision 1",),
    ("status: open",),
    (
        "row: open",
        "Event: FindingOpened",
        "CloudEvent: open",
        "chat: open",
        "playbooks: deprecate",
        "status: remediated",
        "row: remediated",
        "Event: Remediated",
    ),
    ("status: all told, Violated",),
    ("revision 2",),
    ("status: resolve",),
    ("row: resolve", "Event: FindingResolved", "CloudEvent: resolve", "chat: resolve"),
    ("status: all told, Ok",),
)
"""The external effects of a finding's life; those of one step go on side by side."""
EFFECTS = tuple(chain.from_iterable(STEPS))
"""A `Crash` is at the one of its number, from 1."""
WAITING = "status: all told, NoData"
"""What a check that is slow to answer has its policy say first: on a busy machine, also here."""
_CHAIN = ("playbooks: deprecate", "status: remediated", "row: remediated")
"""These come one after the other."""
PATIENCE = 60
"""Seconds for one life of the operator."""

Schedule = tuple[Crash, ...]
Moment = Mapping[str, Any]
"""A line of the record, as `crashing_operator` says."""


def point(crash: Crash) -> tuple[str, str]:
    """The effect, and whether it is done by then."""
    return EFFECTS[crash.number - 1], "before" if crash.before else "after"


def lies_ahead(first: Crash, second: Crash) -> bool:
    """Whether the process that follows one which died at the first comes to the second for sure.

    What was done and not learned of is done again; a log that was cleared is not cleared again.
    """
    one, other = EFFECTS[first.number - 1], EFFECTS[second.number - 1]
    if one == other:
        return first.before or not one.startswith("status: all told")
    if one in _CHAIN and other in _CHAIN:
        return first.number < second.number
    return _step(one) < _step(other)


def _step(effect: str) -> int:
    return next(number for number, step in enumerate(STEPS) if effect in step)


def named(schedule: Schedule) -> str:
    """For people."""
    return ", ".join(f"{moment} {effect}" for effect, moment in map(point, schedule)) or "no crash"


class CrashingOperator(OperatorProcess):
    """The operator, whose policies freeze where they are told to."""

    def __init__(self, stack: Stack, installation: Installation, folder: Path) -> None:
        super().__init__(stack, installation, name="crashing")
        self._folder = folder
        self._life = 0

    def begin(self, crashes: Mapping[str, Crash]) -> None:
        """The next life: policies by name → where each is frozen."""
        self._life += 1
        orders = {policy: point(crash) for policy, crash in crashes.items()}
        self._orders.write_text(json.dumps(orders))
        self._record(self._life).touch()
        self.start()

    @property
    def moments(self) -> Sequence[Moment]:
        """What this life has recorded so far."""
        whole = self._record(self._life).read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    @property
    def _orders(self) -> Path:
        return self._folder / f"orders-{self._life}.json"

    def _record(self, life: int) -> Path:
        return self._folder / f"record-{life}.jsonl"

    def _program(self) -> Sequence[str | Path]:
        *program, _, _, _ = super()._program()  # -m governor run
        script = Path(crashing_operator.__file__)
        return [*program, "-P", script, self._orders, self._record(self._life)]


class Stage:
    """Has stories told from their beginning to their end."""

    def __init__(self, operator: CrashingOperator, stories: Stories) -> None:
        """Nothing happens before `tell`."""
        self._operator = operator
        self._stories = stories
        self.told: dict[str, list[Sequence[Moment]]] = {}
        """Story → for each of its lives, the moments of its effects."""

    def tell(self, schedules: Mapping[str, Schedule]) -> None:
        """Each story has as many lives as crashes, and the last one of the process.

        Raises:
            AssertionError: a story did not come to its crash, or not to its end.
        """
        last = max(map(len, schedules.values()))
        for life in range(last + 1):
            # Which life of its own it is to each story, from 0; below: it is yet to begin.
            turns = {name: life - last + len(crashes) for name, crashes in schedules.items()}
            dying = {
                name: schedules[name][turn]
                for name, turn in turns.items()
                if 0 <= turn < len(schedules[name])
            }
            self._stories.begin([name for name, turn in turns.items() if turn == 0])
            self._operator.begin(dying)
            alive = [name for name, turn in turns.items() if turn >= 0]
            eventually(partial(self._played, alive, dying), PATIENCE)
            self._operator.kill()
            self._remember(alive)

    def _played(self, alive: Collection[str], dying: Mapping[str, Crash]) -> bool:
        """Whether all are frozen that are to die, and all others at their end."""
        frozen = {each["policy"] for each in self._operator.moments if each["frozen"]}
        unfinished = self._stories.go_on(set(alive) - frozen)
        left = {name: dying.get(name, "its end") for name in unfinished | dying.keys() - frozen}
        assert not left, f"these did not come there yet: {left}"
        return True

    def _remember(self, alive: Collection[str]) -> None:
        moments = self._operator.moments
        for name in alive:
            mine = [each for each in moments if each["policy"] == name]
            self.told.setdefault(name, []).append(mine)

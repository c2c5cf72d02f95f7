"""Whether memory is level: the resident memory of each replica, process by process.

A process that was killed starts anew, so each life is judged by itself, and only one that
was long enough. It counts from when the process first led: a leader keeps more. And only
under load that is the same all the time: what a burst needs at its height is not given back
to the system, so rest before a burst would look like growth.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
from tests.support.replica_pair import Pair

from governor_local.operator_process import OperatorProcess

EVERY = 1.0
"""Seconds between two samples."""
LONG_ENOUGH = 120.0
"""Seconds of a life that can be judged."""
_MOST_GROWTH = 0.05
"""From the second third of a life to the last: more is not level. The first warms up."""
_FEW = 10
"""So few samples in a third say nothing, as while a process was stopped."""
_ANSWERS_WITHIN = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at a process.

    Attributes:
        at: seconds, by any clock that does not jump.
        mib: its resident memory.
        leads: whether it said that it is the leader.
    """

    at: float
    mib: float
    leads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """What became of a life's memory: medians of its second and of its last third, in MiB."""

    before: float
    after: float
    seconds: float
    """What was judged of the life."""

    @property
    def level(self) -> bool:
        """Whether it grew by a twentieth at most. It may shrink."""
        return self.after <= self.before * (1 + _MOST_GROWTH)

    def __str__(self) -> str:
        minutes = self.seconds / 60
        return f"{self.before:.1f} to {self.after:.1f} MiB within {minutes:.1f} min"


def trend(life: Sequence[Sample], long_enough: float = LONG_ENOUGH) -> Trend | None:
    """That of one life; None if it was too short to say.

    Args:
        life: all samples of one process, in their order.
        long_enough: seconds that are needed.
    """
    first = next((number for number, sample in enumerate(life) if sample.leads), 0)
    life = life[first:]
    if not life or life[-1].at - life[0].at < long_enough:
        return None
    third = (life[-1].at - life[0].at) / 3
    middle, last = life[0].at + third, life[-1].at - third
    before = [sample.mib for sample in life if middle <= sample.at < last]
    after = [sample.mib for sample in life if sample.at >= last]
    if min(len(before), len(after)) < _FEW:
        return None
    return Trend(before=median(before), after=median(after), seconds=3 * third)


class Scale:
    """Weighs both replicas all the while."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._over = threading.Event()
        self._lives: defaultdict[tuple[str, int], list[Sample]] = defaultdict(list)
        self._lock = threading.Lock()
        self._most = 0.0

    @contextmanager
    def weighing(self) -> Iterator[None]:
        """For the block's time, in a thread of its own."""
        threads = [
            threading.Thread(target=self._run, args=(each,), name=f"scale of {each.name}")
            for each in self._pair.both
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def begin(self) -> None:
        """What was weighed so far is forgotten: from now on the load is of one kind."""
        with self._lock:
            self._lives.clear()

    def trends(self) -> dict[str, Trend]:
        """Those of all lives that can be judged, by replica and process."""
        with self._lock:
            lives = {key: list(life) for key, life in self._lives.items()}
        found = {f"{name}, process {pid}": trend(life) for (name, pid), life in lives.items()}
        return {life: each for life, each in found.items() if each is not None}

    def most(self) -> float:
        """MiB that a replica had at any time."""
        return self._most

    def _run(self, replica: OperatorProcess) -> None:
        with httpx.Client(trust_env=False, timeout=_ANSWERS_WITHIN) as client:
            while not self._over.wait(EVERY):
                self._weigh(replica, client)

    def _weigh(self, replica: OperatorProcess, client: httpx.Client) -> None:
        process = replica.process
        if process is None:
            return
        try:
            role = client.get(f"http://127.0.0.1:{replica.port}/readyz").json()["role"]
            status = Path(f"/proc/{process.pid}/status").read_text()
        except (httpx.TransportError, OSError):
            return  # it is being killed, or is stopped
        fields = dict(line.split(":", 1) for line in status.splitlines())
        if "VmRSS" in fields:  # a process that has ended has none
            mib = int(fields["VmRSS"].split()[0]) / 1024
            sample = Sample(at=time.monotonic(), mib=mib, leads=role == "leader")
            with self._lock:
                self._lives[replica.name, process.pid].append(sample)
                self._most = max(self._most, mib)

"""`governor` on one core, with a profiler that signals switch on and off.

Run as a script: `profiled.py CORE FILE COMMAND…`. Until it gets SIGUSR1 it is `governor COMMAND…`
and nothing else. From then to SIGUSR2 it counts the calls of its main thread, in which all
is decided; then FILE has the profile, for pstats, and FILE.json three numbers: the calls, the
objects that were made, less those that were freed as soon, and the blocks of memory that stayed.
Such objects are counted by the runs of the collector of garbage, one for so many of them; for
that it runs more often than usual meanwhile.
"""

import cProfile
import gc
import json
import os
import signal
import sys
from pathlib import Path

from governor.cli.main import main

OBJECTS = 100
"""More objects than so many that the collector follows, and it runs."""


class Switch:
    """Starts and ends the profile."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._profile = cProfile.Profile()
        self._before: dict[str, int] = {}
        self._thresholds = gc.get_threshold()

    def on(self) -> None:
        """At SIGUSR1."""
        self._profile = cProfile.Profile()
        gc.collect()
        self._thresholds = gc.get_threshold()
        gc.set_threshold(OBJECTS, *self._thresholds[1:])
        self._before = _counts()
        self._profile.enable()

    def off(self) -> None:
        """At SIGUSR2."""
        self._profile.disable()
        after = _counts()
        gc.set_threshold(*self._thresholds)
        gc.collect()
        after["blocks"] = sys.getallocatedblocks()
        self._profile.dump_stats(self._file)
        found = {name: after[name] - self._before[name] for name in after}
        found["calls"] = sum(entry.callcount for entry in self._profile.getstats())
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(found))
        draft.replace(f"{self._file}.json")  # which says that the profile is whole, too


def _counts() -> dict[str, int]:
    runs = sum(generation["collections"] for generation in gc.get_stats())
    return {"blocks": sys.getallocatedblocks(), "objects": runs * OBJECTS}


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})  # before there are threads
    switch = Switch(Path(sys.argv[2]))
    signal.signal(signal.SIGUSR1, lambda *_: switch.on())
    signal.signal(signal.SIGUSR2, lambda *_: switch.off())
    sys.argv[1:] = sys.argv[3:]
    sys.exit(main())

"""`make bench`: what so many policies cost, and how late they run."""

import argparse
import json
import math
import platform
import pstats
import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from tests.bench.estate import CHECKS, Estate
from tests.bench.measuring import measure, restarted
from tests.bench.results import SECOND_START, disbelief, figures
from tests.bench.rig import Cores, Rig, rig
from tests.bench.tables import RESULTS, Conditions, as_json, as_table

from governor_local.cli import ended_by_signals

FLIPPING_SHARE = 0.01
_PROFILED_LINES = 25


@ended_by_signals()
def main() -> int:
    """Measures, and tells; 1 if the figures are not of an operator that did its work."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--policies", type=int, default=100)
    parser.add_argument("--minutes", type=int, default=3)
    parser.add_argument("--mode", choices=("steady", "flips"), default="steady")
    parser.add_argument("--profile", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--restart", action="store_true")
    given = parser.parse_args()
    if given.policies < 1:
        parser.error("N must be 1 or more")
    if given.profile < 0 or not math.isfinite(given.profile):
        parser.error("PROFILE must be a number of seconds")
    if given.minutes < 1:
        parser.error("MINUTES must be 1 or more")
    flipping = max(round(FLIPPING_SHARE * given.policies), 1) if given.mode == "flips" else 0
    estate = Estate(policies=given.policies, flipping=flipping)
    cores = Cores.take()
    name = f"{given.mode}-{given.policies}"
    RESULTS.mkdir(exist_ok=True)
    with rig(cores) as made, ExitStack() as kept:
        kept.callback(lambda: shutil.copy(made.operator.log, RESULTS / f"{name}.log"))
        found = figures(measure(made, estate, given.minutes, _say))
        if given.profile:
            _profile(made, given.profile, RESULTS / f"{name}.pstats")
        if given.restart:
            _say("the operator restarts")
            found[SECOND_START] = restarted(made, estate)
    found["disbelief"] = disbelief(found)
    conditions = Conditions(
        command=_command(given),
        mode=given.mode,
        policies=given.policies,
        checks=CHECKS,
        flipping=flipping,
        minutes=given.minutes,
        cpu=_cpu_model(),
        cores=2 if cores.apart else 1,
        apart=cores.apart,
        python=platform.python_version(),
    )
    file = RESULTS / f"{name}.json"
    file.write_text(json.dumps(as_json(conditions, found), indent=1) + "\n")
    print(as_table(conditions, found))
    _say(f"all figures: {file}")
    if wrong := found["disbelief"]:
        _say(f"these figures are not to be believed: {wrong}: see {RESULTS / name}.log")
        return 1
    return 0


def _profile(made: Rig, seconds: float, file: Path) -> None:
    """Profiles the operator's main thread, and prints what costs most."""
    _say(f"profiling for {seconds:g} s")
    with made.operator.profiled(file):
        time.sleep(seconds)
    profile = pstats.Stats(str(file)).strip_dirs()
    for order in ("tottime", "cumulative"):
        profile.sort_stats(order).print_stats(_PROFILED_LINES)


def _command(given: argparse.Namespace) -> str:
    asked = {"N": given.policies, "MINUTES": given.minutes, "MODE": given.mode}
    asked |= {"PROFILE": f"{given.profile:g}"} if given.profile else {}
    asked |= {"RESTART": 1} if given.restart else {}
    return " ".join(["make bench", *(f"{name}={value}" for name, value in asked.items())])


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "?")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""`make soak`: a stack of its own, soaked for so many minutes."""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random

import yaml
from tests.soak.crashing import crash
from tests.soak.estate import crowd, estate
from tests.soak.soaking import CROWDED, Soak, Summary
from tests.soak.world import soaked
from tests.support.cluster import Cluster
from tests.support.replica_pair import replica_pair

from governor_local import manifests
from governor_local.operator_process import give_logins, install
from governor_local.stack import Stack
from governor_local.world.governed import Platform

POLICIES = 30
ROUND_SECONDS = 30
NAMESPACE = "soak"
MANY, AMONG_MANY = 1_000, "soak-many"
_CRASHING = 0.1
"""Of the time, so much is for schedules of crashes in this process."""
_CROWDING = 0.1
"""So much is for many policies that come, change and go."""
_ANEW = "\r\x1b[K" if sys.stdout.isatty() else ""


def main() -> int:
    """Soaks; 1 if a promise was not kept."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    given = parser.parse_args()
    _say(f"seed {given.seed}; again: make soak MINUTES={given.minutes:g} SEED={given.seed}")
    folder = Path(tempfile.mkdtemp(prefix="governor-soak-"))
    summary = _soak(folder, given.seed, given.minutes)
    _say(str(summary))
    if summary.flaws:
        _say("what was lost, double or wrong is said above, line by line")
        _say(f"the replicas' logs, and what receivers got: {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _soak(folder: Path, seed: int, minutes: float) -> Summary:
    """The parts one after the other, until one has flaws; the last one's summary, with them all."""
    seconds = minutes * 60
    with ExitStack() as opened:
        stack = opened.enter_context(Stack.up(name=folder.name, directory=folder / "stack"))
        rng = Random(seed)  # noqa: S311 - to be repeated
        crashes, flaws = crash(stack.sink, rng, _CRASHING * seconds)
        _say(f"{crashes} schedules of processes that die at their effects")
        installation, platform = install(stack), _platform(stack)
        pair = opened.enter_context(replica_pair(stack, installation))
        for each in pair.both:
            opened.callback(shutil.copy, each.log, folder)
        opened.callback(shutil.copy, stack.receiver.file, folder)
        with soaked(stack, pair, platform, AMONG_MANY, lambda _: crowd(AMONG_MANY, MANY)) as world:
            soak = Soak(world, seed, CROWDED, say=_say, show=_show)
            soak.round(seconds=_CROWDING * seconds)
            soak.empty()
            _say(f"{MANY} policies: {soak.summary}")
            flaws += soak.summary.flaws
        end = time.monotonic() + (1 - _CRASHING - _CROWDING) * seconds
        policies = partial(estate, stack, NAMESPACE, rng, POLICIES)
        with soaked(stack, pair, platform, NAMESPACE, policies) as world:
            soak = Soak(world, seed, say=_say, show=_show)
            soak.summary.crashes, soak.summary.flaws = crashes, flaws
            while not soak.summary.flaws and time.monotonic() < end:
                soak.round(seconds=ROUND_SECONDS)
                _say(f"after {soak.summary.seconds:.0f} s: {soak.summary}")
            return soak.summary


def _platform(stack: Stack) -> Platform:
    """What is governed, and the sources that measure it."""
    platform = Platform(stack)
    give_logins(stack, platform.build())
    sources = manifests.local_samples(stack.binaries.kubectl, manifests.Addresses.of(stack))
    wanted = [m for m in yaml.safe_load_all(sources) if m["kind"] == "GovernanceSource"]
    Cluster(stack).apply(*wanted)
    return platform


def _say(line: str) -> None:
    print(f"{_ANEW}{line}", flush=True)


def _show(line: str) -> None:
    """One line, ever anew, for a person; all of them for a file."""
    print(f"{_ANEW}{line}", end="" if _ANEW else "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())

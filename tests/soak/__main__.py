"""`make soak`: a stack of its own, soaked for so many minutes."""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random

import yaml
from tests.soak.crashing import crash
from tests.soak.estate import Agents, Governed, crowd, estate
from tests.soak.soaking import CHURNING, CROWDED, EVERYTHING, LASTING, Disorder, Soak, Summary
from tests.soak.world import soaked
from tests.support.cluster import apply
from tests.support.replica_pair import replica_pair

from governor_local import manifests
from governor_local.cli import ended_by_signals
from governor_local.operator_process import Installation, give_logins, install
from governor_local.stack import Stack
from governor_local.world.governed import Platform

POLICIES = 30
ROUND_SECONDS = 30
NAMESPACE = "soak"
MANY, AMONG_MANY = 1_000, "soak-many"
PARTS = {"crashes": 0.1, "crowd": 0.3, "estate": 0.6}
"""Of the time, so much is for schedules of crashes in this process; for many policies that
come, change and go; and for all kinds of policies while everything breaks."""
_ANEW = "\r\x1b[K" if sys.stdout.isatty() else ""


@ended_by_signals()
def main() -> int:
    """Soaks; 1 if a promise was not kept."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--only", choices=PARTS, help="this part alone, for all the minutes")
    given = parser.parse_args()
    only = f" ONLY={given.only}" if given.only else ""
    _say(f"seed {given.seed}; again: make soak MINUTES={given.minutes:g} SEED={given.seed}{only}")
    folder = Path(tempfile.mkdtemp(prefix="governor-soak-"))
    shares = {given.only: 1.0} if given.only else PARTS
    seconds = {part: share * given.minutes * 60 for part, share in shares.items()}
    summary = _soak(folder, given.seed, seconds)
    _say(str(summary))
    if summary.flaws:
        _say("what was lost, double or wrong is said above, line by line")
        _say(f"the replicas' logs, and what receivers got: {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _soak(folder: Path, seed: int, seconds: Mapping[str, float]) -> Summary:
    """The parts one after the other, until one has flaws; what they all came to.

    Args:
        folder: for the stack, and for what is left of it.
        seed: of all schedules.
        seconds: how long, by part; one that is not named is left out.
    """
    summary = Summary(seed=seed)
    with ExitStack() as opened:
        stack = opened.enter_context(Stack.up(name=folder.name, directory=folder / "stack"))
        if "crashes" in seconds:
            rng = Random(f"{seed}/crashes")  # noqa: S311 - to be repeated
            summary.crashes, summary.flaws = crash(stack.sink, rng, seconds["crashes"])
            _say(f"{summary.crashes} schedules of processes that die at their effects")
        installation, platform = install(stack), _platform(stack)
        opened.callback(shutil.copy, stack.receiver.file, folder)
        soaking = partial(_soaking, stack, installation, platform, folder, summary)
        if "crowd" in seconds and not summary.flaws:
            with soaking(AMONG_MANY, partial(crowd, AMONG_MANY, MANY)) as soak:
                soak.round(CROWDED, seconds=seconds["crowd"] / 3)
                soak.fill()
                soak.round(CHURNING, seconds=ROUND_SECONDS)  # the height of a burst is known then
                soak.fill()
                soak.weigh_from_now()
                _rounds(soak, CHURNING, seconds["crowd"] * 2 / 3)
                soak.fill()
                soak.weigh()
                soak.empty()
                _say(f"{MANY} policies: {summary}")
        if "estate" in seconds and not summary.flaws:
            rng = Random(f"{seed}/estate")  # noqa: S311 - to be repeated
            with soaking(NAMESPACE, partial(estate, stack, NAMESPACE, rng, POLICIES)) as soak:
                _rounds(soak, EVERYTHING, seconds["estate"] * 0.55)
                soak.weigh_from_now()
                _rounds(soak, LASTING, seconds["estate"] * 0.45)
                soak.weigh()
    return summary


@contextmanager
def _soaking(
    stack: Stack,
    installation: Installation,
    platform: Platform,
    folder: Path,
    summary: Summary,
    namespace: str,
    policies: Callable[[Agents], list[Governed]],
) -> Iterator[Soak]:
    """One part, with replicas of its own: what another one left in memory would hide growth."""
    with replica_pair(stack, installation) as pair:
        try:
            with soaked(stack, pair, platform, namespace, policies) as world:
                yield Soak(world, summary, say=_say, show=_show)
        finally:
            for each in pair.both:
                shutil.copy(each.log, folder)


def _rounds(soak: Soak, disorder: Disorder, seconds: float) -> None:
    """Schedules for so long, or until there are flaws."""
    summary, end = soak.summary, time.monotonic() + seconds
    while not summary.flaws and time.monotonic() < end:
        soak.round(disorder, seconds=ROUND_SECONDS)
        _say(f"after {summary.seconds:.0f} s: {summary}")


def _platform(stack: Stack) -> Platform:
    """What is governed, and the sources that measure it."""
    platform = Platform(stack)
    give_logins(stack, platform.build())
    sources = manifests.local_samples(stack.binaries.kubectl, manifests.Addresses.of(stack))
    wanted = [m for m in yaml.safe_load_all(sources) if m["kind"] == "GovernanceSource"]
    apply(stack, *wanted)
    return platform


def _say(line: str) -> None:
    print(f"{_ANEW}{line}", flush=True)


def _show(line: str) -> None:
    """One line, ever anew, for a person; all of them for a file."""
    print(f"{_ANEW}{line}", end="" if _ANEW else "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())

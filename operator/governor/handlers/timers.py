"""Timers without finalizers: all that this operator has to bend kopf for.

kopf puts a finalizer on every object that has a timer, so that `kubectl delete` hangs
while the operator is down. `requires_finalizer` is a field of its handlers, with no
public way to it: hence the replacement below, and the exact version. What a finalizer
was for, ending the timers of a deleted object, the `when=` filters do.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import kopf

from governor.api import GROUP, VERSION
from governor.app.ports import Kind
from governor.handlers.informing import Informer
from governor.handlers.patches import let_go

TESTED_VERSION = "1.45.2"


@dataclass(slots=True)
class Memo:
    """What kopf keeps with each object, and gives to its handlers. Copied per object."""

    informer: Informer
    tick: int | None = None
    """Seconds; which timer the object shall have. None: none, it is deleted."""


def require_tested(installed: str) -> None:
    """Refuses a kopf whose timers were not tried.

    Raises:
        ImportError: naming both versions.
    """
    if installed != TESTED_VERSION:
        raise ImportError(
            f"kopf {installed} is installed, but only {TESTED_VERSION} is known to leave"
            f" objects without finalizers: install kopf=={TESTED_VERSION}"
        )


def add_timers(registry: kopf.OperatorRegistry, ticks: Iterable[int]) -> None:
    """Registers a timer for each tick length, in seconds; `Memo.tick` says which one runs."""
    for seconds in ticks:
        _add_timer(registry, seconds)
    spawning = registry._spawning  # noqa: SLF001 - see the module's docstring
    spawning._handlers = [  # noqa: SLF001
        dataclasses.replace(handler, requires_finalizer=False)
        for handler in spawning.get_all_handlers()
    ]


def _add_timer(registry: kopf.OperatorRegistry, seconds: int) -> None:
    def chosen(memo: Memo, **_: Any) -> bool:
        return memo.tick == seconds

    # async, or kopf would run it in a thread; and done at once, or a change of the tick
    # length would find it running and leave the object without any timer.
    async def tick(memo: Memo, uid: str | None, patch: kopf.Patch, **_: Any) -> None:
        let_go(patch)
        if uid is not None:
            memo.informer.tick(uid, seconds)

    kopf.timer(
        GROUP,
        VERSION,
        Kind.POLICIES,
        id=f"every-{seconds}s",
        interval=seconds,
        when=chosen,
        registry=registry,
    )(tick)


require_tested(version("kopf"))

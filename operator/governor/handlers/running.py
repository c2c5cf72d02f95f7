"""Keeps kopf running: started when our CRDs are served, restarted whenever it ends."""

import asyncio
import contextlib
import logging
import selectors
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import kopf

from governor.app.ports import Informed, ObjectKey
from governor.handlers.informing import Informer, Pulse
from governor.handlers.login import Login, OpenSession
from governor.handlers.memories import Memories
from governor.handlers.silence import kopf_settings
from governor.handlers.timers import Memo, add_timers
from governor.handlers.watching import TickLength, add_watches

FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 30.0
"""Seconds between two lives."""

HEARD_WITHIN = 60.0
"""Seconds in which kopf must have listed every kind. It looks once which kinds are
served; one that another replica of the API server did not know would never be watched."""

SILENT_SECONDS = 150.0
"""A policy without a tick for so long, two and a half of the longest, has lost its timer.
kopf never starts it again, but another life does: one in so many seconds at most."""

LOOK_SECONDS = 15.0
"""Between two looks for such policies."""

CANCEL_SECONDS = 2.5  # kopf gives a watch 2 s to end what it does
GRACE_SECONDS = 10.0
GOODBYE_SECONDS = 2.0

_log = logging.getLogger(__name__)

# "OS signals are ignored: running not in the main thread": as we want it.
logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)


class Kopf:
    """kopf, life after life. Its methods are called in the application's loop."""

    def __init__(
        self,
        *,
        informed: Informed,
        pulse: Pulse,
        open_session: OpenSession,
        crds_served: Callable[[], Coroutine[Any, Any, None]],
        ticks: Iterable[int],
        tick_length: TickLength,
    ) -> None:
        """Starts nothing yet.

        Args:
            informed: whom to tell what was seen.
            pulse: whom to give signs of life.
            open_session: makes kopf's session; called in kopf's thread.
            crds_served: returns once our CRDs are served; awaited before each life.
            ticks: the lengths of timers, in seconds.
            tick_length: which of them a policy with that spec shall have.
        """
        self._informed = informed
        self._pulse = pulse
        self._open_session = open_session
        self._crds_served = crds_served
        self._ticks = tuple(ticks)
        self._tick_length = tick_length
        self._life: _Life | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Watches and ticks until told to stop, through every fault. May be cancelled, too."""
        backoff = FIRST_BACKOFF
        while not await _first(stop, self._crds_served()):
            started = time.monotonic()
            informer = Informer(asyncio.get_running_loop(), self._informed, self._pulse)
            self._life = _Life(informer, self._open_session, self._ticks, self._tick_length)
            try:
                await _live(self._life, stop)
            except Exception as error:  # noqa: BLE001 - kopf's faults have no common class
                _log.warning("kopf ended: %s", str(error) or type(error).__name__)
            finally:
                self._life = None
                informer.ended()
            if stop.is_set():
                return
            if time.monotonic() - started > LONGEST_BACKOFF:
                backoff = FIRST_BACKOFF
            _log.warning("kopf is started again", extra={"in_seconds": backoff})
            await _first(stop, asyncio.sleep(backoff))
            backoff = min(2 * backoff, LONGEST_BACKOFF)

    def forget(self, key: ObjectKey) -> None:
        """That object is gone: nothing of it is kept, and its timer ends."""
        if self._life is not None:
            self._life.forget(key.uid)

    def expect(self, key: ObjectKey) -> None:
        """That policy should tick before long, or another life has to."""
        if self._life is not None:
            self._life.informer.expect(key.uid)


class _Life:
    """One life of kopf, in a thread and loop of its own."""

    def __init__(
        self,
        informer: Informer,
        open_session: OpenSession,
        ticks: Iterable[int],
        tick_length: TickLength,
    ) -> None:
        self.informer = informer
        self._memories = Memories()
        self._memo = Memo(informer=informer)
        self._login = Login(open_session, informer)
        self._registry = kopf.OperatorRegistry()
        self._login.register(self._registry)
        add_watches(self._registry, tick_length)
        add_timers(self._registry, ticks)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._stopped = False

    def run(self) -> None:
        """Lives; returns when stopped.

        Raises:
            Exception: what kopf ended of.
        """
        selector = selectors.DefaultSelector()
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            try:
                runner.run(self._run())
            finally:
                runner.run(_hung_up(selector))

    def stop(self) -> None:
        """Ends it soon; from any thread, at any time."""
        self._stopped = True
        self._tell(self._stop.set)

    def forget(self, uid: str) -> None:
        """Keeps nothing of an object; from the application's loop."""
        self.informer.forget(uid)
        self._tell(self._memories.drop, uid)

    def _tell(self, what: Callable[..., None], *arguments: Any) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(what, *arguments)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_note)
        if self._stopped:
            return
        try:
            tasks = await kopf.spawn_tasks(
                registry=self._registry,
                settings=kopf_settings(),
                memo=self._memo,
                memories=self._memories,
                clusterwide=True,
                stop_flag=self._stop,
            )
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not self._stop.is_set():
                await _cancel({task for task in asyncio.all_tasks() if _is_watch(task)})
            async with asyncio.timeout(GRACE_SECONDS):
                await kopf.run_tasks(tasks)  # which cancels the others in good order
        finally:
            await _cancel(asyncio.all_tasks() - {asyncio.current_task()})
            await self._login.close()


def _note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio would report as an error, kopf's guards of its tasks have reported."""
    _log.debug("in kopf's loop: %s", context["message"], exc_info=context.get("exception"))


def _is_watch(task: asyncio.Task[Any]) -> bool:
    """Whether it is one of those that kopf forgets when another of them fails.

    They would then wait for ever for a login that nobody does any more, and take their
    cancellation for a sign to go on.
    """
    return task.get_name().startswith("watcher for ")


async def _cancel(tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    """Cancels until they end; one that swallows a cancellation gets another."""
    left = {task for task in tasks if task is not None}
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=CANCEL_SECONDS)
        for task in done:
            if not task.cancelled():
                task.exception()  # seen: asyncio need not report it


async def _hung_up(selector: selectors.BaseSelector) -> None:
    """Waits until the loop's sockets are closed.

    A connection that is cut says goodbye in TLS first, and aiohttp does not wait for it.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS):
            while len(selector.get_map()) > 1:  # noqa: ASYNC110 - one: the loop's own
                await asyncio.sleep(0.01)


async def _live(life: _Life, stop: asyncio.Event) -> None:
    """One life, from its start to its end.

    Raises:
        TimeoutError: it did not list every kind in time, or a timer of it has died.
        Exception: what kopf ended of.
    """
    executor = ThreadPoolExecutor(1, thread_name_prefix="kopf")
    living = asyncio.get_running_loop().run_in_executor(executor, life.run)
    try:
        await _watch_over(living, life.informer, stop)
    finally:
        life.stop()
        # Not `await living`: a cancellation of ours must not make us forget the thread.
        await asyncio.wait({living})
        executor.shutdown(wait=False)
    living.result()


async def _watch_over(
    living: asyncio.Future[None], informer: Informer, stop: asyncio.Event
) -> None:
    """Until it ends or has to.

    Raises:
        TimeoutError: as `_live` says.
    """
    stopping = asyncio.create_task(stop.wait(), name="kopf's stop")
    hearing = asyncio.create_task(informer.all_heard.wait(), name="kopf's first lists")
    ends: set[asyncio.Future[Any]] = {living, stopping}
    try:
        if not await _any_of({hearing, *ends}, HEARD_WITHIN):
            raise TimeoutError(f"not every kind was listed within {HEARD_WITHIN:.0f} s")
        silent: set[str] = set()
        while not await _any_of(ends, LOOK_SECONDS):
            # Twice: after the whole process was stopped for a while, timers need a moment.
            silent, before = informer.silent(SILENT_SECONDS), silent
            if dead := silent & before:
                raise TimeoutError(f"the timers of {len(dead)} policies do not tick any more")
    finally:
        stopping.cancel()
        hearing.cancel()


async def _any_of(futures: set[asyncio.Future[Any]], seconds: float) -> bool:
    """Whether one of them is done within so many seconds."""
    done, _ = await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


async def _first(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Does the work unless told to stop; whether it was."""
    tasks = {asyncio.create_task(stop.wait()), asyncio.create_task(work)}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    for task in done:
        task.result()
    return stop.is_set()

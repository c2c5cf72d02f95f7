"""All policies, their slots armed from tick to tick.

A kopf timer's tick is a trigger with a drift of its own. It arms the event loop
for every slot up to the next tick, so neither that drift nor a clock step
reaches a slot.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from datetime import timedelta
from itertools import islice

from governor.app.ports import Json
from governor.app.running import PolicyRunner
from governor.app.services import Services
from governor.app.subjects import Subject
from governor.domain.policies import Policy
from governor.domain.schedules import upcoming

SLACK = timedelta(seconds=2)
"""A tick arms so far beyond the next one, which may come late."""

AT_ONCE = 20
"""So many runners are told something at once: each then works for a millisecond, and a Lease's
renewal must not wait for thousands."""

ENDING_SECONDS = 2.0
"""So long may runners take to end once they are cancelled."""


async def spread(runners: Iterable[PolicyRunner]) -> AsyncIterator[PolicyRunner]:
    """These runners; after a few of them, others get their turn of the event loop."""
    for number, runner in enumerate(runners, 1):
        yield runner
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)


class Scheduler:
    """Knows every policy, and wakes its runner when a slot, a change or a tick comes."""

    def __init__(
        self,
        services: Services,
        *,
        on_gone: Callable[[PolicyRunner], None] = lambda _: None,
        on_lost: Callable[[PolicyRunner], None] = lambda _: None,
    ) -> None:
        """Knows none yet.

        Args:
            services: what the runs of all policies share.
            on_gone: called with the runner of a policy that was deleted.
            on_lost: called with one, never run, of a policy that was before this term.
        """
        self._services = services
        self._on_gone = on_gone
        self._on_lost = on_lost
        self._runners: dict[str, PolicyRunner] = {}
        self._by_name: dict[tuple[str, str], PolicyRunner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots: dict[str, list[asyncio.TimerHandle]] = {}
        self._windows: dict[str, timedelta] = {}
        self._stopped = False

    def __iter__(self) -> Iterator[PolicyRunner]:
        return iter(list(self._runners.values()))

    def __len__(self) -> int:
        return len(self._runners)

    @property
    def uids(self) -> Collection[str]:
        """Of every policy that is known."""
        return self._runners.keys()

    def policy_seen(self, body: Json) -> None:
        """A policy was listed, added or changed."""
        if self._stopped:
            return
        subject = Subject(body)
        uid = subject.key.uid
        if uid in self._runners:
            runner = self._runners[uid]
            before = runner.policy
            runner.see(subject)
            if runner.policy is not before and uid in self._windows:
                self._arm(uid, runner, self._windows[uid])
            return
        runner = PolicyRunner(self._services, subject)
        self._runners[uid] = self._by_name[_name(runner)] = runner
        self._tasks[uid] = asyncio.create_task(runner.run(), name=f"policy {subject.key.name}")

    def policy_gone(self, uid: str) -> None:
        """A policy was deleted: nothing of it is left here."""
        runner = self._runners.pop(uid, None)
        if runner is None:
            return
        if self._by_name.get(_name(runner)) is runner:
            del self._by_name[_name(runner)]
        self._tasks.pop(uid).cancel()
        self._disarm(uid)
        self._windows.pop(uid, None)
        self._services.telemetry.forgotten(runner.subject.key)
        self._on_gone(runner)

    def policy_lost(self, body: Json) -> None:
        """A policy was deleted when another may have led."""
        self._on_lost(PolicyRunner(self._services, Subject(body)))

    def policy_tick(self, uid: str, tick_seconds: int) -> None:
        """A timer of that length fired for a policy."""
        self._services.telemetry.ticked()
        runner = self._runners.get(uid)
        if runner is None or self._stopped:
            return
        self._windows[uid] = timedelta(seconds=tick_seconds) + SLACK
        self._arm(uid, runner, self._windows[uid])
        runner.wake()  # riders, removals and retries ride on ticks

    def source_changed(self, source: str) -> None:
        """A source, its Secret or who may use it has changed."""
        self._each(lambda runner: runner.source_changed(source))

    def named(self, namespace: str, name: str) -> PolicyRunner | None:
        """The policy of that name, if there is one."""
        return self._by_name.get((namespace, name))

    def policy_named(self, namespace: str, name: str) -> Policy | None:
        """The policy of that name; None if there is none, or it can't be understood."""
        runner = self.named(namespace, name)
        return runner.policy if runner is not None else None

    def mute_changed(self, namespace: str, policy: str) -> None:
        """A mute of that policy has begun, changed or ended."""
        runner = self.named(namespace, policy)
        if runner is not None:
            runner.mute_changed()

    def channel_changed(self, channel: str) -> None:
        """A channel, its Secret or who may use it has changed."""

        def tell(runner: PolicyRunner) -> None:
            policy = runner.policy
            if policy is not None and policy.notify and channel in policy.notify.channels:
                runner.wake()

        self._each(tell)

    async def stop(self, grace_seconds: float = 0.0) -> None:
        """Starts nothing more, lets turns under way end, and ends what remains.

        Nothing is lost: what was decided and not told stands in the statuses. The policies stay
        known: who asks while it stops must not take their alerts for ended, or a mute's for gone.
        """
        self._stopped = True
        for uid in list(self._slots):
            self._disarm(uid)
        for runner in self._runners.values():
            runner.stop()
        tasks = list(self._tasks.values())
        if tasks and grace_seconds:
            await asyncio.wait(tasks, timeout=grace_seconds)
        for task in tasks:
            task.cancel()
        if tasks:  # one that does not end keeps nobody else from leading
            await asyncio.wait(tasks, timeout=ENDING_SECONDS)

    def _each(self, tell: Callable[[PolicyRunner], None]) -> None:
        """Tells every runner something that begins a turn: a few, then others get theirs."""
        left = iter(self)

        def some() -> None:
            few = list(islice(left, AT_ONCE))
            for runner in few:
                tell(runner)
            if few:
                asyncio.get_running_loop().call_soon(some)

        some()

    def _arm(self, uid: str, runner: PolicyRunner, window: timedelta) -> None:
        self._disarm(uid)
        if runner.policy is None:
            return
        loop, now = asyncio.get_running_loop(), self._services.clock.now()
        self._slots[uid] = [
            loop.call_later((slot - now).total_seconds(), runner.wake)
            for slot in upcoming(uid, runner.policy, now, window)
        ]

    def _disarm(self, uid: str) -> None:
        for handle in self._slots.pop(uid, ()):
            handle.cancel()


def _name(runner: PolicyRunner) -> tuple[str, str]:
    key = runner.subject.key
    return key.namespace, key.name

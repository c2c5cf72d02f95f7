"""Knows every GovernanceMute, and tells policies when one comes, changes, ends or goes."""

import asyncio
from collections import Counter
from collections.abc import Callable

from governor.app.mutes.entries import Entry, Pace
from governor.app.mutes.statuses import PolicyOf, Statuses
from governor.app.ports import Clock, Json, StatusStore, Telemetry
from governor.app.resources import forever, within
from governor.app.resources.announcing import Announcer
from governor.app.resources.entries import newer
from governor.domain.muting import in_force
from governor.domain.surroundings import Mute

OnChange = Callable[[str, str], None]
"""Called with a policy's namespace and name; must return at once."""


class MuteDirectory:
    """Every mute, as last seen."""

    def __init__(
        self,
        *,
        store: StatusStore,
        clock: Clock,
        telemetry: Telemetry,
        policy_of: PolicyOf,
        on_change: OnChange,
        pace: Pace | None = None,
    ) -> None:
        """Joins the parts; nothing is read or written before `run`.

        Args:
            store: holds the GovernanceMutes.
            clock: for ends and conditions.
            telemetry: told how many mutes a policy has.
            policy_of: finds the policy that a mute names; asked often.
            on_change: called with the policy whose mutes are others now, or have ended.
            pace: how often to look.
        """
        self._pace = pace or Pace()
        self.synced = asyncio.Event()
        """Set by `listed`: from then on a mute that is not known does not exist."""
        self._clock = clock
        self._telemetry = telemetry
        self._announcer = Announcer(lambda it: on_change(*it.split("/")), self._pace.gathering)
        self._statuses = Statuses(
            store=store,
            clock=clock,
            policy_of=policy_of,
            mutes_of=self.of,
            on_state=self._count,
            pace=self._pace,
        )
        self._entries: dict[str, Entry] = {}
        self._of: dict[tuple[str, str], dict[str, Entry]] = {}
        """Policy → uid → mute: asked at every decision."""
        self._rearm = asyncio.Event()

    def of(self, namespace: str, policy: str) -> tuple[Mute, ...]:
        """The mutes that name a policy and are honoured; those that have ended, too."""
        entries = self._of.get((namespace, policy), {}).values()
        return tuple(entry.mute for entry in entries if entry.mute is not None)

    def seen(self, body: Json) -> None:
        """A mute as the API server gave it, new or changed."""
        entry = Entry.read(body, self._clock.now())
        known = self._entries.get(entry.key.uid)
        if known is not None and known.generation >= entry.generation:
            known.body = newer(known.body, body)
            self._statuses.due(known)
            return
        if known is not None:
            self._forget(known)
        self._entries[entry.key.uid] = entry
        self._of.setdefault(_policy(entry), {})[entry.key.uid] = entry
        self._announce(entry)
        self._rearm.set()
        self._statuses.due(entry)

    def gone(self, uid: str) -> None:
        """The mute of that uid is no more."""
        if entry := self._entries.get(uid):
            self._forget(entry)

    def policy_seen(self, namespace: str, name: str) -> None:
        """A policy is there, new or changed: its mutes may be worth something else."""
        for entry in self._of.get((namespace, name), {}).values():
            self._statuses.due(entry)

    def listed(self) -> None:
        """Every mute was seen: policies may start.

        What changed until the first list is not announced, as no policy has decided yet.
        """
        if self.synced.is_set():
            return
        self._announcer.forget()
        self.synced.set()

    async def run(self) -> None:
        """Announces changes and ends, sees to statuses; until cancelled."""
        await self.synced.wait()
        breath = self._pace.gathering
        await asyncio.gather(
            forever(self._announcer.announce, breath),
            forever(self._look_at_the_clock, breath),
            forever(self._statuses.tell, breath),
            forever(self._judge_all, self._pace.looking),
            self._settle(),
        )

    async def _look_at_the_clock(self) -> None:
        """Waits for the next end, or the next look, and tells what has ended.

        The loop's clock and the wall clock drift apart, and the latter may jump: a mute
        that was over may be in force again.
        """
        now = self._clock.now()
        left = (
            (e.mute.expires_at - now).total_seconds()
            for e in self._entries.values()
            if e.mute is not None and not e.over
        )
        await within(self._rearm, min([self._pace.looking, *left]))
        now = self._clock.now()
        for entry in self._entries.values():
            over = entry.mute is None or not in_force(entry.mute, now)
            if over is not entry.over:
                entry.over = over
                self._announce(entry)
                self._statuses.due(entry)

    async def _judge_all(self) -> None:
        for entry in self._entries.values():
            self._statuses.due(entry)

    async def _settle(self) -> None:
        await asyncio.sleep(self._pace.settling)
        self._statuses.settle()
        await self._judge_all()

    def _forget(self, entry: Entry) -> None:
        del self._entries[entry.key.uid]
        namespace, policy = _policy(entry)
        siblings = self._of[namespace, policy]
        del siblings[entry.key.uid]
        if not siblings:
            del self._of[namespace, policy]
        entry.current = False
        self._announce(entry)
        self._count(entry)

    def _announce(self, entry: Entry) -> None:
        """Its policy decides anew, and so few are honoured that its siblings are judged anew."""
        if entry.mute is not None:
            self._announcer.add("/".join(_policy(entry)))
            self.policy_seen(*_policy(entry))

    def _count(self, entry: Entry) -> None:
        namespace, policy = _policy(entry)
        states = Counter(e.state for e in self._of.get((namespace, policy), {}).values())
        self._telemetry.mutes(namespace, policy, active=states["active"], refused=states["refused"])


def _policy(entry: Entry) -> tuple[str, str]:
    return entry.key.namespace, entry.policy

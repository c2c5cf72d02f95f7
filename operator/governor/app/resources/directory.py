"""The cluster-scoped resources of one kind: seen, allowed, kept ready, watched."""

import asyncio
from abc import ABC, abstractmethod
from typing import Generic

from governor.app.ports import Json, SecretReader
from governor.app.resources.announcing import Announcer, OnChange
from governor.app.resources.entries import Entry, Parse, SpecT, newer
from governor.app.resources.keeping import Keeper, Maker
from governor.app.resources.lending import ThingT
from governor.app.resources.namespaces import Namespaces
from governor.app.resources.pace import Pace, forever
from governor.app.resources.secret_cache import SecretCache
from governor.domain.resources import Labels, allows
from governor.values.outcomes import Fault


class Directory(ABC, Generic[SpecT, ThingT]):
    """Every resource of one kind, as last seen."""

    def __init__(
        self,
        *,
        parse: Parse[SpecT],
        maker: Maker[SpecT, ThingT],
        secrets: SecretReader,
        namespaces: Namespaces,
        on_change: OnChange,
        pace: Pace,
    ) -> None:
        self.synced = asyncio.Event()
        """Set by `listed`: from then on a resource that is not known does not exist."""
        self._parse = parse
        self._secrets = SecretCache(secrets, pace.reading)
        self._secrets_pace = pace.secrets
        self._keeper = Keeper(maker, self._secrets)
        self._announcer = Announcer(on_change, pace.gathering)
        self._entries: dict[str, Entry[SpecT, ThingT]] = {}
        self._namespaces = namespaces
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._running = False
        namespaces.listen(self._relabelled)

    @abstractmethod
    async def watch(self, entry: Entry[SpecT, ThingT]) -> None:
        """Sees to an entry's status until cancelled."""

    @abstractmethod
    def forgotten(self, name: str) -> None:
        """The resource of that name is no more."""

    def renewed(self, entry: Entry[SpecT, ThingT]) -> None:
        """The entry is new, or its Secrets are."""

    def seen(self, body: Json) -> None:
        """A resource as the API server gave it, new or changed."""
        entry: Entry[SpecT, ThingT] = Entry.read(body, self._parse)
        known = self._entries.get(entry.name)
        if known is not None and known.key != entry.key and newer(known.body, body) is known.body:
            return  # of one that is no more, told late: another bears its name
        if known is not None and known.same_spec(entry):
            known.body = newer(known.body, body)
            return
        if known is not None:
            self._let_go(known)
        self._entries[entry.name] = entry
        self._announcer.add(entry.name)
        self.renewed(entry)
        if self._running:
            self._watch(entry)

    def gone(self, uid: str) -> None:
        """The resource of that uid is no more; another of its name stays."""
        entry = next((e for e in self._entries.values() if e.key.uid == uid), None)
        if entry is None:
            return
        del self._entries[entry.name]
        self._let_go(entry)
        self.forgotten(entry.name)
        self._announcer.add(entry.name)

    def listed(self) -> None:
        """Every resource and namespace was seen: policies may start.

        What changed until the first list is not announced, as no policy has used any yet.
        """
        if self.synced.is_set():
            return
        self._announcer.forget()
        self.synced.set()

    async def run(self) -> None:
        """Watches Secrets, sees to statuses, announces changes; until cancelled."""
        self._running = True
        try:
            for entry in self._entries.values():
                self._watch(entry)
            await asyncio.gather(
                forever(self._look_at_secrets, self._secrets_pace),
                forever(self._announcer.announce, 0),
            )
        finally:
            self._running = False
            for task in self._watches.values():
                task.cancel()
            await asyncio.gather(*self._watches.values(), return_exceptions=True)
            self._watches.clear()

    async def close(self) -> None:
        """Closes everything that was built once it is idle; after `run` has ended."""
        for entry in self._entries.values():
            self._keeper.drop(entry)
        await self._keeper.close()

    def _relabelled(self, before: Labels | None, now: Labels) -> None:
        """A namespace has other labels: those it gains or loses are announced."""
        for entry in self._entries.values():
            if isinstance(entry.spec, Fault):
                continue
            if allows(entry.spec, before) != allows(entry.spec, now):
                self._announcer.add(entry.name)

    async def _look_at_secrets(self) -> None:
        """Reads every Secret once; what was built from one that changed is built anew."""
        entries = list(self._entries.values())
        await self._secrets.refresh({name for entry in entries for name in entry.secrets})
        for entry in self._entries.values():
            if self._keeper.outdated(entry):
                self._keeper.drop(entry)
                self.renewed(entry)
                entry.look_now.set()
                self._announcer.add(entry.name)

    def _watch(self, entry: Entry[SpecT, ThingT]) -> None:
        self._watches[entry.key.uid] = asyncio.create_task(
            self.watch(entry), name=f"watch {entry.name}"
        )

    def _let_go(self, entry: Entry[SpecT, ThingT]) -> None:
        """Ends what is done for an entry; what is under way ends by itself."""
        if watch := self._watches.pop(entry.key.uid, None):
            watch.cancel()
        self._keeper.drop(entry)

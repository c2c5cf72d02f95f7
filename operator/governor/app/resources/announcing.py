"""Tells which resources changed, gathered: at start, thousands of namespaces are seen at once."""

import asyncio
import logging
from collections.abc import Callable

_log = logging.getLogger(__name__)

OnChange = Callable[[str], None]
"""Called with a resource's name; must return at once."""


class Announcer:
    """Calls back once per resource and moment, however often it changed."""

    def __init__(self, on_change: OnChange, gathering_seconds: float) -> None:
        self._on_change = on_change
        self._gathering = gathering_seconds
        self._names: set[str] = set()
        self._some = asyncio.Event()

    def add(self, name: str) -> None:
        """That resource changed."""
        self._names.add(name)
        self._some.set()

    def forget(self) -> None:
        """What changed until now concerns nobody."""
        self._names.clear()

    async def announce(self) -> None:
        """Waits for changes, and tells them."""
        await self._some.wait()
        await asyncio.sleep(self._gathering)
        self._some.clear()
        names, self._names = self._names, set()
        for name in names:
            try:
                self._on_change(name)
            except Exception:  # noqa: BLE001 - a caller's bug must not end the loop
                _log.exception("a change of %s could not be told", name)

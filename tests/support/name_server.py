"""A stand-in for the look-up of host names: some of them hang for as long as a test wants."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

HANGS, KNOWN, UNKNOWN = "hangs.test", "known.test", "unknown.test"
"""The names that it has; what ends with the first one hangs, too."""

ADDRESS = "127.0.0.1"
"""Of all but the unknown one."""

PATIENCE = 60
"""Seconds after which a test has waited in vain."""


class NameServer:
    """Takes the place of `socket.getaddrinfo`; counts what had to be looked up."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.busy = 0
        """Look-ups under way."""
        self._changed = threading.Condition()
        self._answers = False
        self._real = socket.getaddrinfo

    def __call__(
        self,
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        if flags & socket.AI_NUMERICHOST or not name.endswith((HANGS, KNOWN, UNKNOWN)):
            return self._real(host, port, family, type, proto, flags)
        self._answered(name)
        if name == UNKNOWN:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self._real(ADDRESS, port, family, type, proto, flags)

    def answer(self) -> None:
        """Nothing hangs any more; returns when everybody was answered."""
        with self._changed:
            self._answers = True
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: not self.busy, PATIENCE)

    async def heard(self, name: str) -> None:
        """Returns once a name is looked up."""
        async with asyncio.timeout(PATIENCE):
            while not self.asked[name]:  # noqa: ASYNC110 - a thread counts
                await asyncio.sleep(0.001)

    def _answered(self, name: str) -> None:
        with self._changed:
            self.asked[name] += 1
            self.busy += 1
            self._changed.wait_for(lambda: self._answers or not name.endswith(HANGS))
            self.busy -= 1
            self._changed.notify_all()


@contextmanager
def name_server() -> Iterator[NameServer]:
    """Names are looked up there; in the end, or after a minute, nobody waits for it any more."""
    server = NameServer()
    watchdog = threading.Timer(PATIENCE, server.answer)
    watchdog.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", server)
        try:
            yield server
        finally:
            watchdog.cancel()
            server.answer()
            watchdog.join()

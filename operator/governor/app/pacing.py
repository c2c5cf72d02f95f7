"""When a policy's turns come: when it is woken, one at a time; after one that failed, later."""

import asyncio


class Pace:
    """Woken from the start. All that it is told returns at once."""

    def __init__(self) -> None:
        self.stopping = False
        """Whether nothing more is to be started."""
        self._wake = asyncio.Event()
        self._wake.set()
        self._rest: asyncio.TimerHandle | None = None
        """After a turn that failed, until the next one is tried: whoever wakes us meanwhile often
        changes nothing."""

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    def stop(self) -> None:
        """One more turn, and no other."""
        self.stopping = True
        self._wake.set()

    def rest(self, seconds: float) -> None:
        """No turn for so long."""
        self.close()
        self._rest = asyncio.get_running_loop().call_later(seconds, self.resume)

    def resume(self) -> None:
        """The rest is over."""
        self.close()
        self._wake.set()

    async def turn(self) -> bool:
        """Waits until the next turn may be taken; False: there is none, it stops."""
        while not self.stopping:
            await self._wake.wait()
            self._wake.clear()
            if self._rest is None:
                return True
        return False

    def close(self) -> None:
        """Wakes nobody any more by itself."""
        if self._rest is not None:
            self._rest.cancel()
        self._rest = None

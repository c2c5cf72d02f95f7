"""Asyncio servers beside a test that blocks: kubectl is waited for, and they still answer."""

import asyncio
import threading
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Self, TypeVar

_SECONDS = 30

Entered = TypeVar("Entered")


class Aside:
    """An event loop in a thread of its own, with what was entered there."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._thread = threading.Thread(target=self._loop.run_forever, name="aside", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stack.aclose(), self._loop).result(_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()

    def enter(self, manager: AbstractAsyncContextManager[Entered]) -> Entered:
        """What the manager gives; it is left, last entered first, at the end of the block."""
        entering = self._stack.enter_async_context(manager)
        return asyncio.run_coroutine_threadsafe(entering, self._loop).result(_SECONDS)

"""Looks up host names so that one whose look-up hangs holds up nobody who asks for another.

asyncio does it in its default executor. Its few threads are full of one hanging name before
long, as nobody can cancel a thread, and the end of the process waits for them.
"""

import asyncio
import copy
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

MOST = 100
"""Names looked up at the same time, each in a thread; the next waits for one of them to end."""

_NO_LOOK_UP = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

Addresses = Sequence[tuple[Any, ...]]
"""As `socket.getaddrinfo` gives them."""


class Question(NamedTuple):
    """What is asked: the arguments of `socket.getaddrinfo`."""

    host: bytes | str | None
    port: bytes | str | int | None
    family: int
    type: int
    proto: int
    flags: int


class Names:
    """Look-ups under way, of one event loop: one for each question, shared by all who ask it.

    A look-up goes on when nobody waits for it any more, as its thread does: who asks then
    joins it. Nothing is kept once it is answered.
    """

    def __init__(self, most: int = MOST) -> None:
        """Nothing is under way yet; so many may be at a time."""
        self._under_way: dict[Question, asyncio.Task[Addresses | Exception]] = {}
        self._places = asyncio.Semaphore(most)

    async def addresses(self, question: Question) -> Addresses:
        """The answer; of an address in numbers at once.

        Raises:
            OSError: above all `socket.gaierror`, as `socket.getaddrinfo` raises it, or because
                no thread can be started.
            UnicodeError: no host can have that name.
        """
        known = _without_look_up(question)
        if known is not None:
            return known
        under_way = self._under_way.get(question)
        if under_way is None:
            under_way = asyncio.get_running_loop().create_task(self._look_up(question))
            self._under_way[question] = under_way
        answer = await asyncio.shield(under_way)
        if isinstance(answer, Exception):
            raise copy.copy(answer)  # each his own: a traceback is added where it is raised
        return list(answer)

    async def _look_up(self, question: Question) -> Addresses | Exception:
        try:
            async with self._places:
                return await _in_a_thread(question)
        except RuntimeError as error:
            return socket.gaierror(socket.EAI_AGAIN, f"no thread to look it up: {error}")
        finally:
            del self._under_way[question]


class NamingLoop(asyncio.SelectorEventLoop):
    """asyncio's event loop, which looks up names in `Names`, and nowhere else."""

    def __init__(self) -> None:
        super().__init__()
        self._names = Names()

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - as asyncio calls it
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """As asyncio's own; whatever connects by name asks this."""
        return await self._names.addresses(Question(host, port, family, type, proto, flags))


def _in_a_thread(question: Question) -> asyncio.Future[Addresses | Exception]:
    """The answer, or what was raised.

    Not in a pool's thread, which would be waited for when the process ends.

    Raises:
        RuntimeError: no thread can be started.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Addresses | Exception] = loop.create_future()

    def settle(found: Addresses | Exception) -> None:
        if not answer.done():
            answer.set_result(found)

    def run() -> None:
        found = _looked_up(question)
        with suppress(RuntimeError):  # The loop ended before the name server answered.
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=run, name="look-up", daemon=True).start()
    return answer


def _looked_up(question: Question) -> Addresses | Exception:
    try:
        return socket.getaddrinfo(*question)
    except Exception as error:  # noqa: BLE001 - it is raised to whoever asked
        return error


def _without_look_up(question: Question) -> Addresses | None:
    """The answer, where host and port are numbers, or left out."""
    flags = question.flags | _NO_LOOK_UP
    try:
        return socket.getaddrinfo(*question._replace(flags=flags))
    except OSError:
        return None

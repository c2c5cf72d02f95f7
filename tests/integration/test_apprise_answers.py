"""Receivers that took a message and then never stop answering: they cost little, and end."""

import asyncio
import threading

import pytest
from tests.support.channel_worlds import json_chat
from tests.support.http_world import Asked, answer, answering, dripping, http_world
from tests.support.notices import a_notice

from governor.adapters.channels.apprise import AppriseNotifier
from governor.adapters.channels.apprise_answers import LONGEST_ANSWER
from governor.errors import DeliveryError

CAP = 64 << 20
"""Bytes after which the server ends what should have been cut off long before."""

ON_THE_WAY = 16 << 20
"""Bytes that the system may keep between two processes, at most."""

HEADS = {
    "until the end": b"HTTP/1.1 200 OK\r\n\r\n",
    "of a length": f"HTTP/1.1 200 OK\r\nContent-Length: {CAP}\r\n\r\n".encode(),
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "of an error": b"HTTP/1.1 500 No\r\n\r\n",
    "of a redirect": b"HTTP/1.1 302 No\r\nLocation: http://127.0.0.1:9/\r\n\r\n",
    "compressed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
}


class Endless:
    """An answer that goes on; how much of it was sent, and whether its reader went away."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self.sent = 0
        self.over = asyncio.Event()

    async def __call__(self, _asked: Asked, writer: asyncio.StreamWriter) -> None:
        piece = b" " * (1 << 16)
        chunk = b"%x\r\n%b\r\n" % (len(piece), piece) if b"chunked" in self._head else piece
        writer.write(self._head)
        try:
            while self.sent < CAP:
                writer.write(chunk)
                await writer.drain()
                self.sent += len(piece)
        finally:
            self.over.set()
            writer.close()


@pytest.mark.parametrize("kind", HEADS)
async def test_an_answer_without_end_is_cut_off(kind: str) -> None:
    """The message counts as not delivered, the connection ends, and so does the thread."""
    endless = Endless(HEADS[kind])
    async with http_world(endless) as world:
        notifier = json_chat(world.url)
        with pytest.raises(DeliveryError) as caught:
            await notifier.tell([a_notice()])
        async with asyncio.timeout(10):
            await endless.over.wait()

    assert str(caught.value) == f"JSON: its answer is longer than {LONGEST_ANSWER} bytes"
    assert endless.sent < ON_THE_WAY
    assert notifier._under_way == 0


async def test_a_drip_ends_with_the_time_of_its_message() -> None:
    """Never silent for long, and never done: the thread goes all the same."""
    drip = dripping(answer(200, " " * 10_000), every_seconds=0.02)
    async with http_world(drip) as world:
        notifier = AppriseNotifier(json_chat(world.url)._service, seconds=1.0)
        with pytest.raises(DeliveryError, match="no answer within 1s"):
            await notifier.tell([a_notice()])
        async with asyncio.timeout(10):
            while notifier._under_way:
                await asyncio.to_thread(_join_one)


async def test_an_answer_as_long_as_it_may_be_is_read() -> None:
    """And none is asked to be compressed: it could grow."""
    async with http_world(answering(200, b" " * LONGEST_ANSWER)) as world:
        await json_chat(world.url).tell([a_notice()])

    assert world.asked[0].headers["accept-encoding"] == "identity"


async def test_what_one_message_met_is_not_said_of_the_next() -> None:
    """Threads may be used again by what sends."""
    async with http_world(Endless(HEADS["until the end"])) as world:
        notifier = json_chat(world.url)
        with pytest.raises(DeliveryError, match="longer than"):
            await notifier.tell([a_notice()])
        world.behaviour = answering(503, "")
        with pytest.raises(DeliveryError, match="HTTP 503"):
            await notifier.tell([a_notice()])


def _join_one() -> None:
    """Waits for a thread that sends, if there is one."""
    for thread in threading.enumerate():
        if thread.name == "apprise":
            thread.join(1)
            return

"""Looking up host names: whoever hangs does so alone, and is asked once."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.support.looping import in_its_loop
from tests.support.name_server import ADDRESS, HANGS, KNOWN, PATIENCE, UNKNOWN, NameServer
from tests.support.name_server import name_server as made_name_server

from governor.adapters.names import Names, Question
from governor.wiring.looping import in_loop

ENDS_BY_ITSELF = """
import asyncio, socket, threading
from governor.wiring.looping import in_loop

real = socket.getaddrinfo

def hang(host, port, family=0, type=0, proto=0, flags=0):
    if not flags & socket.AI_NUMERICHOST:
        hanging.set()
        threading.Event().wait()
    return real(host, port, family, type, proto, flags)

async def ask():
    asking = asyncio.create_task(asyncio.get_running_loop().getaddrinfo("hangs.test", 80))
    while not hanging.is_set():
        await asyncio.sleep(0.001)

hanging = threading.Event()
socket.getaddrinfo = hang
in_loop(ask())
print("ended")
"""


@pytest.fixture
def names() -> Iterator[NameServer]:
    """What names are looked up in."""
    with made_name_server() as made:
        yield made


def asking(host: str | bytes | None, port: int = 80) -> asyncio.Task[Any]:
    """One who asks the running loop."""
    loop = asyncio.get_running_loop()
    return loop.create_task(loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))


async def begun(*tasks: asyncio.Task[Any]) -> None:
    """Returns when all of them wait."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


def expected(port: int = 80) -> list[Any]:
    """What is answered."""
    family, kind, proto = socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
    return [(family, kind, proto, "", (ADDRESS, port))]


@in_its_loop
async def test_a_hanging_name_keeps_no_thread_from_others(names: NameServer) -> None:
    """Neither from another name, nor from who has something done in the loop's only thread."""
    with ThreadPoolExecutor(1) as executor:
        asyncio.get_running_loop().set_default_executor(executor)
        hanging = [asking(HANGS, port) for port in range(1, 9)]
        await names.heard(HANGS)

        async with asyncio.timeout(PATIENCE):
            assert await asking(KNOWN) == expected()
            assert await asyncio.to_thread(lambda: "done") == "done"

        assert not any(task.done() for task in hanging)
        names.answer()
        assert await hanging[0] == expected(1)


@in_its_loop
async def test_the_same_is_looked_up_once(names: NameServer) -> None:
    """All get the answer, each a list of his own."""
    askers = [asking(HANGS) for _ in range(10)]
    await names.heard(HANGS)
    await begun(*askers)

    names.answer()
    answers = await asyncio.gather(*askers)

    assert answers == [expected()] * 10
    assert len({id(answer) for answer in answers}) == 10
    assert names.asked[HANGS] == 1


@in_its_loop
async def test_something_else_is_another_question(names: NameServer) -> None:
    """A port, say: nobody gets what he did not ask for."""
    assert await asyncio.gather(asking(KNOWN, 80), asking(KNOWN, 81)) == [
        expected(80),
        expected(81),
    ]


@in_its_loop
async def test_one_who_leaves_ends_it_for_nobody(names: NameServer) -> None:
    """Also the one who asked first."""
    first, second = asking(HANGS), asking(HANGS)
    await names.heard(HANGS)
    await begun(first, second)

    first.cancel()
    await asyncio.wait([first])
    names.answer()

    assert first.cancelled()
    assert await second == expected()


@in_its_loop
async def test_who_asks_again_and_again_takes_no_further_thread(names: NameServer) -> None:
    """A look-up goes on when nobody waits for it any more: who comes then joins it."""
    for _ in range(3):
        asker = asking(HANGS)
        await names.heard(HANGS)
        await begun(asker)
        asker.cancel()
        await asyncio.wait([asker])

    last = asking(HANGS)
    await begun(last)
    assert (names.asked[HANGS], names.busy) == (1, 1)

    names.answer()
    assert await last == expected()


@in_its_loop
async def test_nothing_is_kept(names: NameServer) -> None:
    """What was answered is looked up anew, and so is what failed."""
    for name in (KNOWN, UNKNOWN):
        for _ in range(2):
            await asyncio.wait([asking(name)])
        assert names.asked[name] == 2


@in_its_loop
async def test_a_failure_is_everybodys(names: NameServer) -> None:
    """With its own words and number."""
    askers = [asking(UNKNOWN) for _ in range(3)]

    failures = await asyncio.gather(*askers, return_exceptions=True)

    assert [type(failure) for failure in failures] == [socket.gaierror] * 3
    assert {str(failure) for failure in failures} == {
        f"[Errno {socket.EAI_NONAME}] Name or service not known"
    }
    assert names.asked[UNKNOWN] == 1


@in_its_loop
async def test_a_name_that_no_host_can_have_is_refused_as_asyncio_refuses_it() -> None:
    """Not by a look-up that never ends."""
    with pytest.raises(UnicodeError):
        await asking("a..b")


@pytest.mark.parametrize("host", ["192.0.2.1", b"192.0.2.2", "::1", None])
@in_its_loop
async def test_numbers_need_no_thread(
    host: str | bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has to be looked up."""
    monkeypatch.setattr(threading, "Thread", None)

    assert await asking(host) == socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)


@in_its_loop
async def test_no_more_threads_than_are_allowed(names: NameServer) -> None:
    """Whoever comes when all hang waits for one of them, and is then answered."""
    few = Names(most=2)
    hosts = [f"{n}.{HANGS}" for n in range(3)]
    tasks = [asyncio.create_task(few.addresses(question(host))) for host in (*hosts, KNOWN)]
    for host in hosts[:2]:
        await names.heard(host)
    await begun(*tasks)
    assert names.busy == sum(names.asked.values()) == 2

    names.answer()

    assert await asyncio.gather(*tasks) == [expected()] * 4


@in_its_loop
async def test_without_a_thread_a_name_is_not_resolved_now(
    names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As any other name that can't be; and once there are threads again, it can."""

    def exhausted(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", exhausted)
        with pytest.raises(socket.gaierror, match="can't start new thread"):
            await asking(KNOWN)

    assert await asking(KNOWN) == expected()


def test_the_loop_ends_without_waiting_for_a_look_up(names: NameServer) -> None:
    """Its answer, which comes at last, disturbs nobody."""

    async def leave() -> asyncio.Task[Any]:
        asker = asking(HANGS)
        await names.heard(HANGS)
        return asker

    asker = in_loop(leave())

    assert names.busy == 1
    assert asker.cancelled()


def test_the_process_ends_without_waiting_for_a_look_up() -> None:
    """However long it hangs."""
    done = subprocess.run(
        [sys.executable, "-c", ENDS_BY_ITSELF],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


def question(host: str) -> Question:
    """As `asking` asks."""
    return Question(host, 80, 0, socket.SOCK_STREAM, 0, 0)

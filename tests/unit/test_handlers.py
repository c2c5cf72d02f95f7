"""The handlers' parts without an API server."""

import asyncio
import logging
import time
from importlib.metadata import version
from typing import Any

import aiohttp
import kopf
import pytest
from tests.support.kopf_world import Witness

from governor.app.ports import Json, Kind, ObjectKey
from governor.domain.schedules import TICKS
from governor.handlers import login as login_module
from governor.handlers.informing import Informer
from governor.handlers.login import Login
from governor.handlers.running import Kopf
from governor.handlers.silence import NoDiffBase, NoProgress, kopf_settings
from governor.handlers.timers import TESTED_VERSION, Memo, add_timers, require_tested


class Stumbling(Witness):
    """An application that fails on the policy named `bad`."""

    def seen(self, kind: Kind, body: Json) -> None:
        if body["metadata"]["uid"] == "bad":
            raise ValueError("planted")
        super().seen(kind, body)


def body(uid: str) -> dict[str, Any]:
    """A policy."""
    return {"metadata": {"uid": uid}, "spec": {}}


@pytest.fixture
async def informer(witness: Witness) -> Informer:
    """Tells the witness, in the loop of the tests."""
    return Informer(asyncio.get_running_loop(), witness, witness)


@pytest.fixture
def witness() -> Witness:
    """One that fails on what is bad."""
    return Stumbling()


def test_the_installed_kopf_is_the_one_that_was_tried() -> None:
    """Or importing the handlers had failed."""
    assert version("kopf") == TESTED_VERSION


def test_another_kopf_is_refused_with_the_remedy() -> None:
    """A newer one may put finalizers on every policy."""
    with pytest.raises(ImportError, match=rf"9\.9\.9.*kopf=={TESTED_VERSION}"):
        require_tested("9.9.9")


def test_every_timer_is_registered_without_a_finalizer() -> None:
    """One for each tick length."""
    registry = kopf.OperatorRegistry()

    add_timers(registry, TICKS)

    timers: Any = registry._spawning.get_all_handlers()
    assert sorted(timer.interval for timer in timers) == sorted(TICKS)
    assert not any(timer.requires_finalizer for timer in timers)


@pytest.mark.parametrize("tick", [*TICKS, None])
def test_at_most_one_timer_is_chosen(informer: Informer, tick: int | None) -> None:
    """That of the tick length; none for what is deleted."""
    registry = kopf.OperatorRegistry()
    add_timers(registry, TICKS)
    memo = Memo(informer=informer, tick=tick)

    timers: Any = registry._spawning.get_all_handlers()

    assert [t.interval for t in timers if t.when(memo=memo)] == ([tick] if tick else [])


def test_kopf_finds_nothing_to_compare_and_nothing_to_store() -> None:
    """So it has no reason for an annotation, nor for resetting a timer."""
    before, progress, patch = NoDiffBase(), NoProgress(), kopf.Patch()
    subject: Any = kopf.Body({"metadata": {}, "spec": {"interval": "1h"}})

    assert before.build(body=subject) == before.fetch(body=subject)
    before.store(body=subject, patch=patch, essence={})
    progress.store(key="k", record={}, body=subject, patch=patch)
    progress.touch(body=subject, patch=patch, value="now")
    progress.purge(key="k", body=subject, patch=patch)
    assert not patch


def test_kopf_kills_no_process() -> None:
    """By default it would, ten minutes after a life that ended by a fault."""
    assert kopf_settings().process.ultimate_exiting_timeout is None


async def test_calls_from_another_thread_arrive_in_order(
    informer: Informer, witness: Witness
) -> None:
    """A deletion never overtakes what came before it."""

    def tell() -> None:
        for number in range(100):
            informer.seen(Kind.POLICIES, body(str(number)))
            informer.gone(Kind.POLICIES, ObjectKey(uid=str(number), namespace="", name=""))

    await asyncio.to_thread(tell)
    await asyncio.sleep(0)

    assert witness.ends == [str(number) for number in range(100)]
    assert witness.known == {}


async def test_one_bad_object_hides_no_other(
    informer: Informer, witness: Witness, caplog: pytest.LogCaptureFixture
) -> None:
    """What can't be taken in is reported, and the rest is told."""
    informer.seen(Kind.POLICIES, body("bad"))
    informer.seen(Kind.POLICIES, body("good"))
    await asyncio.sleep(0)

    assert list(witness.known) == ["good"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_nobody_left_to_be_told_is_no_error(witness: Witness) -> None:
    """The process is ending; kopf's thread may be the last to know."""
    loop = asyncio.new_event_loop()
    informer = Informer(loop, witness, witness)
    loop.close()

    informer.tick("uid", 5)

    assert witness.ticks == []


async def test_the_pulse_counts_the_policies_that_tick(
    informer: Informer, witness: Witness
) -> None:
    """Each once, and none that is being deleted."""
    for uid, ticking in (("a", True), ("a", True), ("b", True), ("c", False), ("b", False)):
        informer.ticking(uid, on=ticking)
    await asyncio.sleep(0)

    assert witness.ticking == 1


async def test_all_kinds_must_be_heard_of(informer: Informer) -> None:
    """Before, kopf may have missed one for ever."""
    kinds = list(Kind)
    for kind in kinds[1:]:
        informer.heard(kind)
    await asyncio.sleep(0)
    assert not informer.all_heard.is_set()

    informer.heard(kinds[0])
    await asyncio.sleep(0)
    assert informer.all_heard.is_set()


async def test_logins_are_paced(informer: Informer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a server that always answers 401 would be asked as fast as it can answer."""
    monkeypatch.setattr(login_module, "PAUSE_SECONDS", 0.3)
    sessions: list[aiohttp.ClientSession] = []

    def opened(_: aiohttp.TraceConfig) -> tuple[str, aiohttp.ClientSession]:
        sessions.append(aiohttp.ClientSession())
        return "http://127.0.0.1:9", sessions[-1]

    login = Login(opened, informer)
    began = time.monotonic()
    await login._login()
    await login._login()

    assert time.monotonic() - began >= 0.3
    assert [session.closed for session in sessions] == [True, False]
    await login.close()
    assert sessions[-1].closed


async def test_a_stop_ends_the_wait_for_the_crds(witness: Witness) -> None:
    """Nothing has been started then."""
    stop, waiting = asyncio.Event(), asyncio.Event()

    async def never() -> None:
        waiting.set()
        await asyncio.Event().wait()

    def nothing(_: aiohttp.TraceConfig) -> tuple[str, aiohttp.ClientSession]:
        raise AssertionError("kopf was started")

    running = asyncio.create_task(
        Kopf(
            informed=witness,
            pulse=witness,
            open_session=nothing,
            crds_served=never,
            ticks=TICKS,
            tick_length=lambda _: 60,
        ).run(stop)
    )
    await waiting.wait()
    stop.set()

    await asyncio.wait_for(running, 5)

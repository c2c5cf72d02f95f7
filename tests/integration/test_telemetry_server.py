"""The addresses that the kubelet and Prometheus ask, over real sockets."""

import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest

from governor.telemetry.health import Liveness
from governor.telemetry.metrics import PrometheusTelemetry
from governor.telemetry.server import serving
from governor_local.ports import free_port

HOST = "127.0.0.1"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
def liveness() -> Liveness:
    """Watches one kind, not listed yet."""
    return Liveness(
        kinds=("governancepolicies",),
        monotonic=time.monotonic,
        role=lambda: "leader",
        away=lambda: False,
    )


@pytest.fixture
def telemetry() -> PrometheusTelemetry:
    """Metrics without policies."""
    return PrometheusTelemetry(now=lambda: datetime.now(UTC), most_checks=10)


async def test_each_path_is_served_at_its_own_address(
    session: aiohttp.ClientSession, liveness: Liveness, telemetry: PrometheusTelemetry
) -> None:
    """Health tells nothing that metrics tell, and the reverse; both end with the block."""
    one, two = free_port(), free_port()
    metrics, health = f"http://{HOST}:{one}", f"http://{HOST}:{two}"
    async with serving(telemetry.exposition, liveness, metrics=(HOST, one), health=(HOST, two)):
        async with session.get(f"{metrics}/metrics") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            assert "governor_build_info{" in await answer.text()
        async with session.get(f"{metrics}/healthz") as answer:
            assert answer.status == 404
        async with session.get(f"{health}/healthz") as answer:
            assert answer.status == 200
        async with session.get(f"{health}/readyz") as answer:
            assert answer.status == 503
            assert await answer.json() == {
                "status": "failing",
                "role": "leader",
                "checks": {
                    "policies": "none stands still",
                    "ticks": "none expected: there are no policies",
                    "watch governancepolicies": "not listed yet",
                },
            }
        liveness.watch_activity("governancepolicies")
        async with session.get(f"{health}/readyz") as answer:
            assert (answer.status, (await answer.json())["status"]) == (200, "ok")

    with pytest.raises(aiohttp.ClientConnectionError):
        await session.get(f"{health}/healthz")


async def test_one_address_can_serve_all(
    session: aiohttp.ClientSession, liveness: Liveness, telemetry: PrometheusTelemetry
) -> None:
    """Whoever wants a single port has one."""
    port = free_port()
    address = (HOST, port)
    async with serving(telemetry.exposition, liveness, metrics=address, health=address):
        for path in ("metrics", "healthz"):
            async with session.get(f"http://{HOST}:{port}/{path}") as answer:
                assert answer.status == 200


async def test_a_taken_address_is_an_error_and_leaves_nothing_open(
    liveness: Liveness, telemetry: PrometheusTelemetry
) -> None:
    """The address that could be opened is closed again."""
    port = free_port()
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(OSError, match="address already in use"):
            async with serving(
                telemetry.exposition, liveness, metrics=(HOST, port), health=taken.getsockname()
            ):
                pytest.fail("it must not start")

        with socket.socket() as again:
            again.bind((HOST, port))

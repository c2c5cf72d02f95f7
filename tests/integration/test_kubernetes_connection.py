"""How faults of the API server, and of the way to it, are told apart."""

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from aiohttp import web
from tests.support.kopf_world import serve_crds

from governor.adapters.kubernetes.cluster import (
    KubernetesSecretReader,
    cluster_id,
    missing_crds,
    wait_for_crds,
)
from governor.adapters.kubernetes.connection import Connection, RefusedError
from governor.adapters.kubernetes.credentials import Credentials, load
from governor.adapters.kubernetes.events import AT_A_TIME, KubernetesEventRecorder
from governor.adapters.kubernetes.status_store import policy_store
from governor.app.ports import EventRecord, ObjectKey
from governor.errors import (
    ConflictError,
    DeliveryError,
    GoneError,
    NotLeadingError,
    RejectedError,
    SettingsError,
    StoreError,
    UnavailableError,
)
from governor_local.stack import Stack

GROUP_PATH = "/apis/governance.aiops.dev/v1alpha1"
KEY = ObjectKey(uid="u1", namespace="aiops", name="flywheel")
EVENT = EventRecord(
    name="flywheel.0123456789abcdef",
    regarding=KEY,
    kind="GovernancePolicy",
    type="Normal",
    action="Evaluate",
    reason="FindingResolved",
    note="well",
    at=datetime(2026, 11, 22, tzinfo=UTC),
)

Handler = Callable[[web.Request], Any]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server that answers every request by the handler; its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def kubeconfig(folder: Path, server: str, **user: str) -> Path:
    """A kubeconfig with one context."""
    path = folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                "clusters": [{"name": "here", "cluster": {"server": server}}],
                "users": [{"name": "me", "user": user}],
            }
        )
    )
    return path


@asynccontextmanager
async def connected(
    folder: Path, handler: Handler, *, timeout_seconds: float = 5
) -> AsyncIterator[Connection]:
    """A connection to a server that answers by the handler."""
    async with serving(handler) as server:
        credentials = load(kubeconfig(folder, server, token="t"))
        async with Connection(credentials, timeout_seconds=timeout_seconds) as connection:
            yield connection


def answering(
    status: int, message: str = "no", causes: tuple[str, ...] = (), *, about: str = ""
) -> Handler:
    """Answers as the API server refuses, and names the object that this is about."""

    async def handler(_: web.Request) -> web.Response:
        details = {"name": about, "causes": [{"reason": cause} for cause in causes]}
        return web.json_response(
            {"kind": "Status", "message": message, "details": details}, status=status
        )

    return handler


async def hanging(_: web.Request) -> web.Response:
    """Never answers."""
    await asyncio.sleep(60)
    return web.Response()


async def cutting(request: web.Request) -> web.Response:
    """Drops the connection after the request was taken."""
    await request.read()
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def babbling(_: web.Request) -> web.Response:
    """Answers 200 with no JSON."""
    return web.Response(text="<html>a proxy's greeting</html>")


async def listing(_: web.Request) -> web.Response:
    """Answers 200 with JSON that is no object."""
    return web.json_response([])


@pytest.mark.parametrize(
    ("handler", "error", "says"),
    [
        pytest.param(answering(400, "bad"), StoreError, "bad", id="400"),
        pytest.param(answering(401, "who?"), StoreError, "who", id="401"),
        pytest.param(answering(403, "may not"), StoreError, "may not", id="403"),
        pytest.param(answering(404, about="flywheel"), GoneError, "no", id="404 about it"),
        pytest.param(answering(404), StoreError, "no", id="404 about nothing"),
        pytest.param(answering(409, "was modified"), ConflictError, "modified", id="409"),
        pytest.param(answering(422, "spec.x: required"), StoreError, "spec.x", id="422"),
        pytest.param(answering(429), UnavailableError, "429", id="429"),
        pytest.param(answering(500), UnavailableError, "500", id="500"),
        pytest.param(answering(503), UnavailableError, "503", id="503"),
        pytest.param(hanging, UnavailableError, "Timeout", id="timeout"),
        pytest.param(cutting, UnavailableError, "PUT", id="lost connection"),
        pytest.param(babbling, UnavailableError, "PUT", id="no JSON"),
        pytest.param(listing, UnavailableError, "no JSON object", id="no object"),
    ],
)
async def test_a_status_write_fails_as_the_port_says(
    tmp_path: Path, handler: Handler, error: type[StoreError], says: str
) -> None:
    """Each failure is told apart, with the server's own words."""
    async with connected(tmp_path, handler, timeout_seconds=0.5) as connection:
        with pytest.raises(error, match=says) as caught:
            await policy_store(connection).replace_status(KEY, "1", {})

    told_apart = (ConflictError, GoneError, UnavailableError)
    assert isinstance(caught.value, told_apart) is (error in told_apart)


async def test_a_refused_connection_is_unavailable(tmp_path: Path) -> None:
    """The API server is down."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    credentials = load(kubeconfig(tmp_path, f"http://127.0.0.1:{port}"))
    async with Connection(credentials) as connection:
        with pytest.raises(UnavailableError):
            await policy_store(connection).read(KEY)


async def test_who_waits_for_others_has_all_the_time_yet(tmp_path: Path) -> None:
    """A thousand policies at a takeover: the last of them is served late, not refused."""
    under_way, most = 0, 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.4)  # four times this is more than one may take
        under_way -= 1
        return web.json_response({})

    async with connected(tmp_path, handler, timeout_seconds=1) as connection:
        requests = [connection.request("GET", "/version") for _ in range(4 * 32)]
        answers = await asyncio.gather(*requests)

    assert answers == [{}] * len(answers)
    assert most == 32


async def test_who_may_not_write_any_more_when_its_turn_comes_writes_nothing(
    tmp_path: Path,
) -> None:
    """A leader that was stopped while it waited; reading is no harm."""
    asked: list[str] = []
    leads = True

    def require() -> None:
        if not leads:
            raise NotLeadingError("planted")

    async def slowly(request: web.Request) -> web.Response:
        asked.append(request.method)
        await asyncio.sleep(0.2)
        return web.json_response({})

    async with (
        serving(slowly) as address,
        Connection(
            load(kubeconfig(tmp_path, address, token="t")), before_writing=require
        ) as connection,
    ):
        writes = [asyncio.create_task(connection.request("PUT", "/x", body={})) for _ in range(40)]
        async with asyncio.timeout(10):
            while len(asked) < 32:  # noqa: ASYNC110 - as many as there are connections
                await asyncio.sleep(0.01)
        leads = False
        ends = await asyncio.gather(*writes, return_exceptions=True)
        await connection.request("GET", "/x")

    assert [isinstance(end, NotLeadingError) for end in ends] == [False] * 32 + [True] * 8
    assert asked == ["PUT"] * 32 + ["GET"]


async def test_a_crowd_of_events_leaves_room_for_a_status(tmp_path: Path) -> None:
    """Thousands of checks are blind at once; what they say does not hold up who can see."""
    answered = asyncio.Event()
    events = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal events
        if request.method == "POST":
            events += 1
            await answered.wait()
        return web.json_response({"metadata": {"uid": KEY.uid}})

    async with connected(tmp_path, handler, timeout_seconds=30) as connection:
        recorder = KubernetesEventRecorder(connection, instance="here")
        crowd = [asyncio.create_task(recorder.record(EVENT)) for _ in range(200)]
        async with asyncio.timeout(10):
            while events < AT_A_TIME:  # noqa: ASYNC110 - the server is no event
                await asyncio.sleep(0.01)
            await policy_store(connection).replace_status(KEY, "1", {})
        assert events == AT_A_TIME

        answered.set()
        await asyncio.gather(*crowd)

    assert events == len(crowd)


async def test_an_event_is_not_sent_twice(tmp_path: Path) -> None:
    """A request whose answer was lost is for the caller to look up, not to repeat."""
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.method)
        return await cutting(request)

    async with connected(tmp_path, handler) as connection:
        with pytest.raises(DeliveryError):
            await KubernetesEventRecorder(connection, instance="a-pod").record(EVENT)

    assert seen == ["POST"]


async def test_a_status_write_sends_identity_preconditions_and_status_only(
    tmp_path: Path,
) -> None:
    """Nothing that could write a spec, a label or a finalizer leaves the operator."""
    seen: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path, dict(request.query), await request.json()))
        return web.json_response({})

    async with connected(tmp_path, handler) as connection:
        await policy_store(connection).replace_status(KEY, "7", {"verdict": "Ok"})

    assert seen == [
        (
            f"{GROUP_PATH}/namespaces/aiops/governancepolicies/flywheel/status",
            {"fieldManager": "governor"},
            {
                "apiVersion": "governance.aiops.dev/v1alpha1",
                "kind": "GovernancePolicy",
                "metadata": {
                    "name": "flywheel",
                    "namespace": "aiops",
                    "uid": "u1",
                    "resourceVersion": "7",
                },
                "status": {"verdict": "Ok"},
            },
        )
    ]


@pytest.mark.parametrize(
    ("handler", "final"),
    [
        pytest.param(answering(403, causes=("NamespaceTerminating",)), True, id="terminating"),
        pytest.param(answering(403), False, id="403"),
        pytest.param(answering(404), True, id="404"),
        pytest.param(answering(422), True, id="422"),
        pytest.param(answering(401), False, id="401"),
        pytest.param(answering(429), False, id="429"),
        pytest.param(answering(500), False, id="500"),
        pytest.param(hanging, False, id="timeout"),
        pytest.param(cutting, False, id="lost connection"),
    ],
)
async def test_an_event_is_rejected_only_where_waiting_is_in_vain(
    tmp_path: Path, handler: Handler, *, final: bool
) -> None:
    """A missing right may be granted; a namespace that ends never comes back."""
    async with connected(tmp_path, handler, timeout_seconds=0.5) as connection:
        recorder = KubernetesEventRecorder(connection, instance="a-pod")
        with pytest.raises(DeliveryError) as caught:
            await recorder.record(EVENT)

    assert isinstance(caught.value, RejectedError) is final


async def test_an_event_that_exists_is_told(tmp_path: Path) -> None:
    """409 is a success."""
    async with connected(tmp_path, answering(409)) as connection:
        await KubernetesEventRecorder(connection, instance="a-pod").record(EVENT)


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_secret_that_may_not_be_read_is_unavailable(tmp_path: Path, status: int) -> None:
    """It is not the same as one that does not exist."""
    async with connected(tmp_path, answering(status)) as connection:
        with pytest.raises(UnavailableError):
            await KubernetesSecretReader(connection, namespace="governor").read("dsn")


async def test_the_token_is_read_again_from_its_file(tmp_path: Path) -> None:
    """After a minute, and at once where the server refused it."""
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        status = 401 if seen[-1] == "Bearer old" and len(seen) > 1 else 200
        return web.json_response({}, status=status)

    token = tmp_path / "token"
    token.write_text("old\n")
    async with serving(handler) as server:
        path = kubeconfig(tmp_path, server, tokenFile="token")
        async with Connection(load(path)) as connection:
            await connection.request("GET", "/")
            token.write_text("new\n")
            with pytest.raises(RefusedError):
                await connection.request("GET", "/")
            await connection.request("GET", "/")

    assert seen == ["Bearer old", "Bearer old", "Bearer new"]


def test_a_token_that_vanishes_keeps_its_last_value() -> None:
    """A Secret's files are swapped under us; for a moment there is none."""
    tokens = iter(["first"])

    def read() -> str:
        try:
            return next(tokens)
        except StopIteration:
            raise FileNotFoundError("token") from None

    credentials = Credentials(server="http://x", tls=ssl.create_default_context(), read_token=read)
    assert credentials.authorization() == {"Authorization": "Bearer first"}

    credentials.renew()

    assert credentials.authorization() == {"Authorization": "Bearer first"}


async def test_the_token_is_not_sent_to_where_a_redirect_leads(tmp_path: Path) -> None:
    """Only the API server's own origin sees it."""
    seen = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({})

    async with serving(elsewhere) as other:

        async def redirecting(_: web.Request) -> web.Response:
            raise web.HTTPFound(other)

        async with connected(tmp_path, redirecting) as connection:
            await connection.request("GET", "/")

    assert seen == [None]


@pytest.mark.parametrize(
    ("user", "says"),
    [({"exec": {"command": "aws"}}, "exec"), ({"username": "admin"}, "username")],
)
def test_a_kubeconfig_that_needs_a_plugin_is_refused(
    tmp_path: Path, user: dict[str, Any], says: str
) -> None:
    """With the remedy."""
    path = kubeconfig(tmp_path, "https://127.0.0.1:1", **user)

    with pytest.raises(SettingsError, match=f"{says}.*token or a client certificate"):
        load(path)


@pytest.mark.parametrize(
    "text", ["", "[]", "current-context: x", "{", "current-context: x\ncontexts: []"]
)
def test_an_unusable_kubeconfig_is_refused(tmp_path: Path, text: str) -> None:
    """The message names the file."""
    path = tmp_path / "kubeconfig"
    path.write_text(text)

    with pytest.raises(SettingsError, match="kubeconfig"):
        load(path)


def test_outside_a_pod_a_kubeconfig_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the setting."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    with pytest.raises(SettingsError, match="GOVERNOR_KUBECONFIG"):
        load(None)


@pytest.fixture
async def connection(stack: Stack) -> AsyncIterator[Connection]:
    """To the real API server, as its administrator."""
    async with Connection(load(stack.kubeconfig)) as connection:
        yield connection


async def test_the_cluster_is_known_by_the_uid_of_kube_system(
    connection: Connection, stack: Stack
) -> None:
    """It stays the same as long as the cluster lives."""
    command = ("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")

    assert await cluster_id(connection) == stack.kubectl(*command).stdout


async def test_a_secret_is_read_with_its_version(connection: Connection) -> None:
    """Data decoded; a change gives another resourceVersion; none is None."""
    path = "/api/v1/namespaces/default/secrets"
    name = f"dsn-{uuid4().hex[:8]}"
    body = {"metadata": {"name": name}, "data": {"dsn": base64.b64encode(b"\x00ok").decode()}}
    reader = KubernetesSecretReader(connection, namespace="default")
    assert await reader.read(name) is None

    created = await connection.request("POST", path, body=body)
    assert await reader.read(name) == (created["metadata"]["resourceVersion"], {"dsn": b"\x00ok"})

    changed = await connection.request(
        "PUT", f"{path}/{name}", body={**created, "data": None, "stringData": {"dsn": "new"}}
    )
    assert await reader.read(name) == (changed["metadata"]["resourceVersion"], {"dsn": b"new"})


async def test_our_crds_are_found(connection: Connection, stack: Stack) -> None:
    """Established, and in the discovery; the wait ends with nothing missing."""
    serve_crds(stack)
    told: list[Sequence[str]] = []

    await wait_for_crds(connection, told.append)

    assert told[-1] == []
    assert await missing_crds(connection) == []

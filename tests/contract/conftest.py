"""Both implementations of the sink, and what those on the real API server need."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from tests.support.sinks import Closing, Subject, in_memory, in_postgres

from governor.adapters.kubernetes.connection import Connection
from governor.adapters.kubernetes.credentials import load
from governor.adapters.sink.migrating import migrate
from governor_local.postgresql import PostgresServer
from governor_local.stack import Stack


@pytest.fixture(scope="session")
def database_url(sink_server: PostgresServer) -> str:
    """A fresh database on the real server."""
    name = f"contract_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    return sink_server.dsn(database=name)


@pytest.fixture(params=["memory", "postgres"], scope="session")
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        yield in_memory()
        return
    url = request.getfixturevalue("database_url")
    await migrate(url, "governance", tls_mode="Disable")
    subject = in_postgres(url)
    yield subject
    await subject.sink_of("any").close()


@pytest.fixture
def cluster() -> str:
    return f"cluster-{uuid4()}"


@pytest.fixture
def sink(subject: Subject, cluster: str) -> Closing:
    return subject.sink_of(cluster)


@pytest.fixture
async def connection(stack: Stack) -> AsyncIterator[Connection]:
    """To the API server, as its administrator."""
    async with Connection(load(stack.kubeconfig)) as connection:
        yield connection


@pytest.fixture
def namespace(stack: Stack) -> str:
    """One of the test's own."""
    name = f"contract-{uuid4().hex[:12]}"
    stack.kubectl("create", "namespace", name)
    return name

"""What every test may ask for: one embedded stack a session, and a clean environment."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from getpass import getuser
from pathlib import Path

import pytest
from hypothesis import Phase, is_hypothesis_test, settings

from governor_local.ports import VARIABLE, port_range
from governor_local.postgresql import PostgresServer
from governor_local.stack import Stack

settings.register_profile("here", deadline=None)  # a slow machine is not a wrong program
settings.register_profile(  # `make mutants`: fast, and the same examples for every mutant
    "mutants",
    deadline=None,
    max_examples=15,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
settings.register_profile(  # what `make test` has a look at, for an hour
    "soak", deadline=None, max_examples=10_000, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "here"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that need the operator come last: it would write what the others write.

    The first failure kills a mutant: plain examples, which are fast, come before properties.
    """
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)
    for item in items:  # what decides is covered by unit tests, and tracing doubles their time
        if "unit" not in item.path.parts:
            item.add_marker("no_cover")
    if settings.get_current_profile_name() == "mutants":
        items.sort(key=lambda item: is_hypothesis_test(getattr(item, "obj", None)))


def pytest_unconfigure() -> None:
    """A green run leaves nothing: pytest empties its temporary folder, and leaves it."""
    with suppress(OSError):  # other runs have theirs in it
        (Path(tempfile.gettempdir()) / f"pytest-of-{getuser()}").rmdir()


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """No setting or kubeconfig of whoever runs the tests reaches what is tested."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GOVERNOR_", "PG")) or name == "KUBECONFIG":
                patch.delenv(name)
        if worker := os.environ.get("PYTEST_XDIST_WORKER"):
            patch.setenv(VARIABLE, ports_of(worker))
        yield


def ports_of(worker: str) -> str:
    """The share of one of several workers: no other takes the port of a server that is stopped."""
    ports, workers = port_range(), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    number = int(worker.removeprefix("gw")) % workers  # it grows if a worker dies
    share = len(ports) // workers
    mine = ports[number * share : (number + 1) * share]
    return f"{mine[0]}-{mine[-1]}"


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """A command configures the logging of its process: it is left as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    for name in ("kopf", "aiohttp.access", "asyncio", "sqlalchemy", "alembic"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The embedded stack: API server, two PostgreSQL servers, Prometheus; all real."""
    folder = Path(tempfile.mkdtemp(prefix="governor-tests-"))
    try:
        with Stack.up(name=folder.name, directory=folder / "stack") as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def governed_server(stack: Stack) -> PostgresServer:
    """The PostgreSQL server of the governed platform."""
    return stack.governed


@pytest.fixture(scope="session")
def sink_server(stack: Stack) -> PostgresServer:
    """The PostgreSQL server of the sink, apart from the governed one."""
    return stack.sink

"""What several integration tests work on."""

from collections.abc import AsyncIterator

import pytest
from tests.support.executors import Executor, WorkDatabase, make_work_database

from governor_local.postgresql import PostgresServer


@pytest.fixture(scope="session")
async def work_database(sink_server: PostgresServer) -> AsyncIterator[WorkDatabase]:
    """A migrated sink with a login of each role."""
    made = await make_work_database(sink_server)
    yield made
    await made.sink.close()


@pytest.fixture
async def executor(work_database: WorkDatabase) -> AsyncIterator[Executor]:
    """An executor that no other test works as."""
    async with work_database.executor() as executor:
        yield executor

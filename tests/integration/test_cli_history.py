"""`governor history` on a real database, and why there may be nothing to print."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from tests.support.executors import WorkDatabase, make_work_database
from tests.support.measurements import at, blind, record

from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.measurements import PostgresMeasurements
from governor.app.ports import Revision
from governor.cli.main import main
from governor.values.moments import in_seconds
from governor.values.reasons import Verdict
from governor_local.postgresql import PostgresServer

pytestmark = pytest.mark.usefixtures("logging_restored")

History = Callable[..., tuple[int, str, str]]
"""Runs the command in a thread, as it has a loop of its own; exit code, output, errors."""


@pytest.fixture
async def database(sink_server: PostgresServer) -> AsyncIterator[WorkDatabase]:
    made = await make_work_database(sink_server)
    yield made
    await made.sink.close()


@pytest.fixture
async def store(database: WorkDatabase) -> AsyncIterator[PostgresMeasurements]:
    """The operator's, with room for a week."""
    engine = make_engine(database.writer_url, tls_mode="Disable")
    store = PostgresMeasurements(engine, "governance", "here")
    await store.make_room(7)
    yield store
    await store.close()


@pytest.fixture
def history(
    database: WorkDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> History:
    """The command, as somebody in governor_reader."""
    monkeypatch.setenv("GOVERNOR_DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("GOVERNOR_DATABASE_TLS_MODE", "Disable")

    def run(*arguments: str, url: str = database.reader_url) -> tuple[int, str, str]:
        (tmp_path / "url").write_text(url)
        code = main(["history", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


async def see(database: WorkDatabase, name: str = "flywheel") -> None:
    """The operator sees a policy of the name."""
    await database.sink.record_revision(
        Revision(
            policy_uid=str(uuid4()),
            generation=1,
            namespace="aiops",
            policy=name,
            spec={},
            seen_at=datetime.now(UTC),
            field_manager="kubectl",
        )
    )


async def asked(history: History, *arguments: str, **how: str) -> tuple[int, str, str]:
    """In a thread of its own."""
    return await asyncio.to_thread(history, *arguments, **how)


async def test_the_last_values_of_each_check(history: History, store: PostgresMeasurements) -> None:
    """Oldest first, across days, each check under its line; as many as are asked for."""
    uid = str(uuid4())
    slots = [at(days=days) for days in (4, 3, 2, 1, 0)]
    values = [0.1, None, 0.3, 0.6, 0.5]
    for slot, number in zip(slots, values, strict=True):
        verdict = Verdict.VIOLATED if (number or 0) > 0.5 else Verdict.WARNING
        kept = (
            blind(slot=slot, policy_uid=uid, check_name="b")
            if number is None
            else record(slot=slot, policy_uid=uid, check_name="b", value=number, verdict=verdict)
        )
        await store.add([kept, record(slot=slot, policy_uid=uid, check_name="a")])
    await store.add([record(namespace="other"), record(policy="other")])

    code, out, err = await asked(history, "aiops/flywheel")
    assert (code, err) == (0, "")
    blocks = [block.splitlines() for block in out.split("\n\n")]
    assert [block[0] for block in blocks] == [
        "aiops/flywheel   a   Below is good",
        "aiops/flywheel   b   Below is good",
    ]
    assert [block[1].split()[0] for block in blocks] == ["▄▄▄▄▄", "▁·▄█▇"]
    assert [line.split()[0] for line in blocks[1][3:]] == [in_seconds(slot) for slot in slots]
    assert blocks[1][4].split()[1:] == ["-", "0.25", "0.5", "-", "Error", "Timeout"]
    assert blocks[1][6].split()[1:] == ["0.6", "0.25", "0.5", "40", "Violated", "PastTarget"]

    code, out, _ = await asked(history, "aiops/flywheel", "b", "--last", "2", "-o", "json")
    [only] = json.loads(out)["checks"]
    assert (code, only["name"]) == (0, "b")
    assert [value["value"] for value in only["values"]] == [0.6, 0.5]

    _, out, _ = await asked(history, "aiops/flywheel", "b", "--since", "50h", "-o", "json")
    [only] = json.loads(out)["checks"]
    assert [value["value"] for value in only["values"]] == [0.3, 0.6, 0.5]


async def test_clusters_that_share_a_database_are_told_apart(
    history: History, database: WorkDatabase, store: PostgresMeasurements
) -> None:
    """It never mixes them: one must be chosen."""
    mine = record()
    await store.add([mine])
    engine = make_engine(database.writer_url, tls_mode="Disable")
    other = PostgresMeasurements(engine, "governance", "there")
    await other.add([replace(mine, value=0.4)])
    await other.close()

    code, out, err = await asked(history, "aiops/flywheel")
    assert (code, out) == (1, "")
    assert "add --cluster with one of here, there" in err

    code, out, _ = await asked(history, "aiops/flywheel", "--cluster", "there", "-o", "json")
    assert code == 0
    assert [v["value"] for check in json.loads(out)["checks"] for v in check["values"]] == [0.4]


async def test_why_there_is_nothing(
    history: History, database: WorkDatabase, store: PostgresMeasurements
) -> None:
    """Each with what to look at; exit code 1."""
    code, out, err = await asked(history, "aiops/flywheel")
    assert (code, out) == (1, "")
    assert "no policy aiops/flywheel was ever seen" in err

    await see(database)
    _, _, err = await asked(history, "aiops/flywheel")
    assert "there are no values of aiops/flywheel" in err

    await store.add([record(slot=at(days=2))])
    for arguments, missing in (
        (["gone"], "of check gone of aiops/flywheel:"),
        (["--since", "1h"], "of aiops/flywheel that are as young:"),
        (["--cluster", "there"], "of aiops/flywheel in a cluster there:"),
    ):
        code, _, err = await asked(history, "aiops/flywheel", *arguments)
        assert code == 1
        assert f"there are no values {missing}" in err
        assert "`governor history aiops/flywheel` prints all there are" in err


async def test_a_database_without_room_for_values_says_so(history: History) -> None:
    """Retention is off, or no operator has ever led."""
    code, _, err = await asked(history, "aiops/flywheel")

    assert code == 1
    assert "no values are kept in this database: GOVERNOR_MEASUREMENTS_DAYS" in err


async def test_a_database_that_can_not_be_asked(
    history: History, database: WorkDatabase, sink_server: PostgresServer
) -> None:
    """Down, without the right, or not migrated: one line, no password, exit code 1."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        code, out, err = await asked(
            history, "aiops/flywheel", url=f"postgresql://u:hunter2@127.0.0.1:{port}/d"
        )
    assert (code, out) == (1, "")
    assert "the database can't be reached" in err

    _, _, err2 = await asked(history, "aiops/flywheel", url=database.executor_url)
    assert "use a login in governor_reader" in err2
    name = f"empty_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    code, _, err3 = await asked(history, "aiops/flywheel", url=sink_server.dsn(database=name))
    assert code == 1
    assert "governor migrate" in err3
    for said in (err, err2, err3):
        assert "hunter2" not in said
        assert "secret" not in said
        assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flywheel"], "must be NAMESPACE/POLICY, not 'flywheel'"),
        (["aiops/"], "must be NAMESPACE/POLICY"),
        (["a/b/c"], "must be NAMESPACE/POLICY"),
        (["aiops/flywheel", "--last", "0"], "0 is not in the range"),
        (["aiops/flywheel", "--since", "yesterday"], "such as 90m or 24h"),
        (["aiops/flywheel", "-o", "xml"], "'xml' is not one of 'table', 'json'"),
    ],
)
def test_wrong_usage_exits_with_3(history: History, arguments: list[str], message: str) -> None:
    """Before anything is connected to."""
    code, out, err = history(*arguments)

    assert (code, out) == (3, "")
    assert message in " ".join(err.split())

"""`governor migrate` against a real PostgreSQL, and when there is none."""

import socket
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from governor.adapters.sink.migrating import head
from governor.cli.main import main
from governor_local.stack import Stack

pytestmark = pytest.mark.usefixtures("logging_restored")


@dataclass(frozen=True, slots=True)
class Migrate:
    """Runs the command on a database."""

    url_file: Path
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, url: str, **settings: str) -> int:
        """The exit code."""
        self.url_file.write_text(url)
        given = {"DATABASE_URL_FILE": str(self.url_file), "DATABASE_TLS_MODE": "Disable"}
        for name, value in (given | settings).items():
            self.monkeypatch.setenv(f"GOVERNOR_{name}", value)
        return main(["migrate"])


@pytest.fixture
def migrate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Migrate:
    """The command."""
    return Migrate(tmp_path / "url", monkeypatch)


@pytest.fixture
def url(stack: Stack) -> str:
    """An empty database of this test's own, as its owner."""
    name = f"migrated_{uuid4().hex}"
    stack.sink.execute(f"CREATE DATABASE {name}")
    return stack.sink.dsn(database=name)


def test_twice_makes_the_schema_once(
    migrate: Migrate, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second run says that there was nothing to do."""
    assert migrate(url) == 0
    assert migrate(url) == 0

    assert capsys.readouterr().out.splitlines() == [
        f"schema governance migrated from nothing to {head()}",
        f"schema governance is up to date, at {head()}",
    ]


def test_the_schema_is_a_setting(
    migrate: Migrate, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Several can stand side by side."""
    assert migrate(url) == 0
    assert migrate(url, DATABASE_SCHEMA="audit") == 0

    assert "schema audit migrated from nothing" in capsys.readouterr().out


def test_a_database_that_is_away_is_a_failure_without_its_password(
    migrate: Migrate, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1: nothing is wrong with the settings, and trying again may help."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

        assert migrate(f"postgresql://owner:hunter2@127.0.0.1:{port}/db") == 1

    captured = capfd.readouterr()
    assert captured.err.startswith("governor: ")
    assert "hunter2" not in captured.out + captured.err


def test_a_server_without_tls_is_refused_unless_it_is_said(
    migrate: Migrate, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The default verifies the server."""
    assert migrate(url, DATABASE_TLS_MODE="VerifyFull") == 1

    assert "set GOVERNOR_DATABASE_TLS_MODE to Disable" in capfd.readouterr().err


def test_a_login_without_the_right_to_make_tables_is_told_which_to_use(
    migrate: Migrate, url: str, stack: Stack, capfd: pytest.CaptureFixture[str]
) -> None:
    """The writer's URL in the owner's Secret is an easy mistake."""
    login = f"no_owner_{uuid4().hex}"
    stack.sink.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'x'")

    there = make_url(url).set(username=login, password="x")

    assert migrate(there.render_as_string(hide_password=False)) == 1
    assert "use a login in governor_owner" in capfd.readouterr().err


def test_a_database_that_lacks_characters_is_refused(
    migrate: Migrate, stack: Stack, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code 3: nothing but another database will help, and the words say which."""
    name = f"latin1_{uuid4().hex}"
    stack.sink.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")

    assert migrate(stack.sink.dsn(database=name)) == 3

    said = capfd.readouterr().err
    assert said.startswith("governor: the database's encoding is LATIN1")
    assert "create a database with ENCODING 'UTF8'" in said

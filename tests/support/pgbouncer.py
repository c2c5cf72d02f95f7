"""PgBouncer in transaction mode: every transaction may meet another session of the server."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from governor_local.ports import free_port

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
MISSING = "pgbouncer is not on the PATH (Debian: apt-get install pgbouncer)"

_CONFIG = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 100
logfile = {folder}/log
"""


@contextmanager
def pgbouncer(folder: Path, server: int, users: dict[str, str], *, sessions: int) -> Iterator[int]:
    """Its port, for the block's time.

    Args:
        folder: for its files; it and all above it can be read by everybody.
        server: the port of PostgreSQL.
        users: passwords by user, with which it logs in there.
        sessions: so many it opens for each user and database.
    """
    port = free_port()
    listed = folder / "users"
    listed.write_text("".join(f'"{user}" "{word}"\n' for user, word in users.items()))
    config = folder / "pgbouncer.ini"
    text = _CONFIG.format(server=server, port=port, sessions=sessions, folder=folder)
    config.write_text(text)
    root = os.geteuid() == 0  # it refuses to run as such
    if root:
        for path in (folder, listed, config):
            shutil.chown(path, "nobody")
    process = subprocess.Popen(
        [str(PROGRAM), "--quiet", str(config)], user="nobody" if root else None
    )
    try:
        deadline = time.monotonic() + 20
        while process.poll() is None and not _listens(port):
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        assert process.poll() is None, (folder / "log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

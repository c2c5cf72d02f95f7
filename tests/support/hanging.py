"""A PostgreSQL server that hangs altogether: connections that are open get no answer either.

`PostgresServer.pause` stops the process that takes new connections. Each open one has a
process of its own, which goes on answering.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

from governor_local.servers import Server


def hang(server: Server) -> None:
    """Pauses the server, then what it has started: nothing can be added meanwhile."""
    server.pause()
    _send_to_children(server, signal.SIGSTOP)


def go_on(server: Server) -> None:
    """Lets the server go on after `hang`; nothing happens to one that runs or is down."""
    _send_to_children(server, signal.SIGCONT)
    server.resume()


def _send_to_children(server: Server, number: signal.Signals) -> None:
    process = server.process
    if process is None or not process.running:
        return
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    for pid in map(int, children.split()):
        with suppress(ProcessLookupError):
            os.kill(pid, number)

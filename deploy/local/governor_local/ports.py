"""Free TCP ports of 127.0.0.1 that stay free while their server is down."""

import random
import socket
from collections.abc import Collection
from pathlib import Path

from governor_local.errors import StartError

_LOWEST = 15_000


def free_port(taken: Collection[int] = ()) -> int:
    """Give a port that nothing listens on.

    It lies below the range from which the kernel serves outgoing connections:
    otherwise any client could take the port of a server that is stopped for a
    while, and the server could not come back.

    Args:
        taken: ports that are promised already.

    Raises:
        StartError: none was found.
    """
    highest = _first_ephemeral()
    for _ in range(200):
        port = random.randrange(_LOWEST, highest)  # noqa: S311 - no secret
        if port not in taken and _is_free(port):
            return port
    raise StartError(f"No free TCP port was found between {_LOWEST} and {highest}.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _first_ephemeral() -> int:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return first if first > _LOWEST + 1_000 else 60_999

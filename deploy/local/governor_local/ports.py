"""Free TCP ports of 127.0.0.1 that stay free while their server is down."""

import os
import random
import re
import socket
from collections.abc import Collection
from pathlib import Path

from governor_local.errors import StartError

VARIABLE = "LOCAL_PORTS"
"""The environment variable with the first and the last port that may be given."""

_LOWEST = 15_000
_LOWEST_UNPRIVILEGED = 1_024
_given: set[int] = set()  # by this process: whoever has one may be down, and come back


def free_port(taken: Collection[int] = ()) -> int:
    """Give a port that nothing listens on, another one at every call.

    Args:
        taken: ports that are promised already, by another process.

    Raises:
        StartError: none was found, or the variable holds no range.
    """
    ports = port_range()
    for _ in range(200):
        port = random.choice(ports)  # noqa: S311 - no secret
        if port not in taken and port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise StartError(f"No free TCP port was found from {ports[0]} to {ports[-1]}.")


def port_range() -> range:
    """Give the ports among which one is chosen.

    They lie below the range from which the kernel serves outgoing connections: otherwise any
    client could take the port of a server that is stopped for a while, and the server could
    not come back. Another process that starts servers could, too, unless :data:`VARIABLE` gives
    it other ports.

    Raises:
        StartError: the variable holds no range of such ports.
    """
    beyond = _first_ephemeral()
    given = os.environ.get(VARIABLE)
    if given is None:
        return range(_LOWEST, beyond)
    if match := re.fullmatch(r"(\d{1,5})-(\d{1,5})", given):
        first, last = int(match[1]), int(match[2])
        if _LOWEST_UNPRIVILEGED <= first <= last < beyond:
            return range(first, last + 1)
    raise StartError(
        f"{VARIABLE}={given!r} is no range of ports: give the first and the last one, from "
        f"{_LOWEST_UNPRIVILEGED} to {beyond - 1}, such as 15000-19000."
    )


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

"""Reads what processes and servers say of themselves, all at one moment."""

import os
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.bench.rig import Rig
from tests.bench.samples import Samples

from governor_local.stack import Stack

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SECONDS = 60

OPERATOR = ("governor_lateness", "governor_event_loop", "governor_probe", "governor_deliveries")
API_SERVER = ("apiserver_request_total", "apiserver_request_body_size_bytes_sum")
ETCD = ("etcd_network_client_grpc_received_bytes_total",)
PROMETHEUS = ("prometheus_http_requests_total", "prometheus_http_response_size_bytes_sum")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything that only grows, at one moment."""

    at: float
    """By the monotonic clock."""
    cpu: Mapping[str, float]
    """Process → seconds of CPU, with the children that it has or had."""
    main_thread: float
    """Of the operator's seconds, those of the thread that decides."""
    busy: Mapping[int, float]
    """Core → seconds in which anything ran there, of this machine or of the host's others."""
    operator: Samples
    apiserver: Samples
    etcd: Samples
    prometheus: Samples
    transactions: Mapping[str, float]
    """PostgreSQL server → transactions that ended."""


class Reader:
    """Reads; keeps its connections."""

    def __init__(self, rig: Rig) -> None:
        """Reads nothing yet."""
        self._rig = rig
        stack = rig.stack
        plane = stack.control_plane
        self._api = httpx.Client(
            verify=ssl.create_default_context(cafile=plane.ca),
            headers={"Authorization": f"Bearer {plane.token}"},
            trust_env=False,
            timeout=_SECONDS,
        )
        self._etcd = httpx.Client(verify=_etcd_trust(stack), trust_env=False, timeout=_SECONDS)
        self._plain = httpx.Client(trust_env=False, timeout=_SECONDS)

    def read(self) -> Reading:
        """All at once, CPU first: what reading costs falls between this and the next."""
        stack = self._rig.stack
        at, cpu, main_thread, busy = time.monotonic(), *self._cpu(), _busy()
        return Reading(
            at=at,
            cpu=cpu,
            main_thread=main_thread,
            busy=busy,
            operator=self.operator(),
            apiserver=_scraped(self._api, f"{stack.api_server_url}/metrics", API_SERVER),
            etcd=_scraped(self._etcd, f"{stack.control_plane.etcd.url}/metrics", ETCD),
            prometheus=_scraped(self._plain, f"{stack.prometheus.url}/metrics", PROMETHEUS),
            transactions={
                server.name: float(server.execute(_TRANSACTIONS))
                for server in (stack.governed, stack.sink)
            },
        )

    def operator(self) -> Samples:
        """The operator's metrics; none while it does not run."""
        operator = self._rig.operator
        if not operator.running:
            return Samples({})
        url = f"http://127.0.0.1:{operator.metrics_port}/metrics"
        return _scraped(self._plain, url, OPERATOR)

    def memory(self) -> dict[str, float]:
        """Process → resident bytes; of PostgreSQL the first process alone: others share with it."""
        return {name: _resident(each.pid) for name, each in self._rig.processes.items()}

    def values(self, seconds: float) -> Iterator[tuple[str, str, list[float]]]:
        """Policy, query's check, and the values that Prometheus scraped of it lately, in order."""
        query = f'governor_check_value{{check=~"query-.+"}}[{seconds:.0f}s]'
        answer = self._plain.post(
            f"{self._rig.stack.prometheus.url}/api/v1/query", data={"query": query}
        )
        for series in answer.raise_for_status().json()["data"]["result"]:
            labels = series["metric"]
            yield labels["policy"], labels["check"], [float(v) for _, v in series["values"]]

    def _cpu(self) -> tuple[dict[str, float], float]:
        processes = self._rig.processes
        found = {name: _tree_seconds(each.pid) for name, each in processes.items()}
        if (operator := processes.get("operator")) is None:
            return found, 0.0
        return found, _seconds(Path(f"/proc/{operator.pid}/task/{operator.pid}/stat"))


_TRANSACTIONS = "select sum(xact_commit + xact_rollback) from pg_stat_database"


def _scraped(client: httpx.Client, url: str, names: tuple[str, ...]) -> Samples:
    return Samples.parse(client.get(url).raise_for_status().text, names)


def _etcd_trust(stack: Stack) -> ssl.SSLContext:
    certificates = stack.control_plane.ca.parent
    trust = ssl.create_default_context(cafile=stack.control_plane.ca)
    trust.load_cert_chain(certificates / "apiserver.crt", certificates / "apiserver.key")
    return trust


def _tree_seconds(pid: int) -> float:
    """Of a process, its children, and its children that have ended."""
    own = _seconds(Path(f"/proc/{pid}/stat"), ended_children=True)
    living = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in living:
        with suppress(OSError):  # it ends; its parent has it then
            own += _seconds(Path(f"/proc/{child}/stat"), ended_children=True)
    return own


def _seconds(stat: Path, *, ended_children: bool = False) -> float:
    # The program's name is in parentheses and may hold anything.
    fields = stat.read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if ended_children else 13])) / _TICKS


def _resident(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def _busy() -> dict[int, float]:
    found = {}
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name.startswith("cpu") and name != "cpu":
            user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
            found[int(name[3:])] = (user + nice + system + irq + softirq + steal) / _TICKS
    return found

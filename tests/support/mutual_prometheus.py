"""A real Prometheus that answers nobody without a client certificate."""

import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import trustme

from governor_local import cleanup
from governor_local.binaries import Binaries
from governor_local.control_plane import answers
from governor_local.processes import Process
from governor_local.prometheus import PrometheusServer
from governor_local.reporting import Reporter
from governor_local.state import Record, StateFile
from governor_local.table import ProcessTable

_WEB = """
tls_server_config:
  cert_file: server.pem
  key_file: server.pem
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: authority.pem
"""


class MutualPrometheus(PrometheusServer):
    """Proves itself, and wants its clients proven, by one authority."""

    def __init__(self, program: Path, table: ProcessTable, authority: trustme.CA) -> None:
        super().__init__(program, table)
        self._authority = authority
        self._web = self.directory / "web.yml"

    @property
    def url(self) -> str:
        """Address of its HTTP API, by the name in its certificate."""
        return f"https://localhost:{self.port}"

    def _prepare(self) -> None:
        super()._prepare()
        server = self._authority.issue_cert("localhost")
        server.private_key_and_cert_chain_pem.write_to_path(self.directory / "server.pem")
        self._authority.cert_pem.write_to_path(self.directory / "authority.pem")
        self._web.write_text(_WEB)

    def _program(self) -> Sequence[str | Path]:
        return [*super()._program(), f"--web.config.file={self._web}"]

    def _is_ready(self) -> bool:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(context)
        self._authority.issue_cert("probe").configure_cert(context)
        return answers(f"{self.url}/-/ready", context)


@contextmanager
def mutual_prometheus(folder: Path, authority: trustme.CA) -> Iterator[MutualPrometheus]:
    """Runs until the block ends.

    Args:
        folder: of the test's own.
        authority: whose certificates are believed.
    """
    state = StateFile(folder / "state")
    record = Record(
        name="mutual",
        data=cleanup.make_data_folder("mutual"),
        binaries={},
        owner=Process.of(os.getpid()),
        starter=None,
    )
    state.write(record)
    try:
        program = Binaries.find(Reporter()).prometheus
        server = MutualPrometheus(program, ProcessTable(state, record), authority)
        server.start()
        yield server
    finally:
        cleanup.remove(state, state.read() or record)

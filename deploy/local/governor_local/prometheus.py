"""A Prometheus server whose configuration and rules the caller gives."""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import httpx

from governor_local.control_plane import answers
from governor_local.errors import CommandError
from governor_local.servers import Server
from governor_local.table import ProcessTable

_NOTHING_TO_SCRAPE = "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\n"


class PrometheusServer(Server):
    """One Prometheus 3 server with its own data, port and log."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, program: Path, table: ProcessTable, *, name: str = "prometheus") -> None:
        super().__init__(name, table)
        self._executable = program
        self._config = self.directory / "prometheus.yml"

    @property
    def url(self) -> str:
        """Address of its HTTP API."""
        return f"http://127.0.0.1:{self.port}"

    def configure(self, config: str, rules: Mapping[str, str] | None = None) -> None:
        """Give it another configuration, at once if it runs, else when it starts.

        Args:
            config: text of its configuration file, with intervals of 1 to 5 s as a rule.
            rules: rule files by the name under which ``rule_files`` lists them.

        Raises:
            CommandError: Prometheus does not take it; the one before stays in force.
        """
        self.directory.mkdir(exist_ok=True)
        for name, text in (rules or {}).items():
            (self.directory / name).write_text(text)
        self._prepare()
        before = self._config.read_text()
        self._config.write_text(config)
        if self.running:
            answer = httpx.post(f"{self.url}/-/reload", trust_env=False, timeout=30)
            if answer.is_error:
                self._config.write_text(before)
                raise CommandError(f"{self.name}: {answer.text.strip()}")

    def _prepare(self) -> None:
        if not self._config.exists():
            self._config.write_text(_NOTHING_TO_SCRAPE)

    def _program(self) -> Sequence[str | Path]:
        return [
            self._executable,
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            "--storage.tsdb.retention.time=1d",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-lifecycle",
            "--log.level=warn",
        ]

    def _is_ready(self) -> bool:
        return answers(f"{self.url}/-/ready")

"""An Alertmanager server, alone in its cluster, that tells one webhook."""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import httpx
import yaml

from governor_local.control_plane import answers
from governor_local.errors import CommandError
from governor_local.servers import Server
from governor_local.table import ProcessTable, bare_environment


class AlertmanagerServer(Server):
    """One Alertmanager with its own data, port and log.

    Over a restart it keeps its silences and what it has told, and forgets the
    alerts: those who post them must go on.
    """

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(
        self, program: Path, amtool: Path, table: ProcessTable, *, name: str = "alertmanager"
    ) -> None:
        super().__init__(name, table)
        self._executable = program
        self._amtool = amtool
        self._config = self.directory / "alertmanager.yml"

    @property
    def url(self) -> str:
        """Address of its HTTP API."""
        return f"http://127.0.0.1:{self.port}"

    def configure(
        self,
        *,
        webhook: str,
        resolve_timeout: str = "5m",
        group_by: Sequence[str] = ("...",),
        group_wait: str = "1s",
        group_interval: str = "1s",
        repeat_interval: str = "4h",
    ) -> None:
        """Give it another configuration, at once if it runs, else when it starts.

        Args:
            webhook: who is told, of what fires and of what is resolved.
            resolve_timeout: when an alert ends that was posted without an end.
            group_by: labels whose alerts share a notification; `...` are all labels.
            group_wait: how long a new group waits for more alerts.
            group_interval: how long until what changed in a group is told.
            repeat_interval: how long until what still fires is told again.

        Raises:
            CommandError: Alertmanager does not take it; the one before stays in force.
        """
        self.directory.mkdir(exist_ok=True)
        self._prepare()
        before = self._config.read_text()
        route = {
            "receiver": "webhook",
            "group_by": list(group_by),
            "group_wait": group_wait,
            "group_interval": group_interval,
            "repeat_interval": repeat_interval,
        }
        receiver = {"name": "webhook", "webhook_configs": [{"url": webhook}]}
        config = {
            "global": {"resolve_timeout": resolve_timeout},
            "route": route,
            "receivers": [receiver],
        }
        self._config.write_text(yaml.safe_dump(config))
        if self.running:
            answer = httpx.post(f"{self.url}/-/reload", trust_env=False, timeout=30)
            if answer.is_error:
                self._config.write_text(before)
                raise CommandError(f"{self.name}: {answer.text.strip()}")

    def amtool(self, *arguments: str) -> str:
        """Run amtool against this Alertmanager, and give what it prints.

        Raises:
            CommandError: it failed; the text is what it said.
        """
        answer = subprocess.run(
            [self._amtool, f"--alertmanager.url={self.url}", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=bare_environment(self.directory),
        )
        if answer.returncode != 0:
            raise CommandError(f"amtool {' '.join(arguments)}: {answer.stderr.strip()}")
        return answer.stdout.rstrip()

    def alerts(self) -> Sequence[dict[str, Any]]:
        """Give what fires now, silenced or not, as its API v2 has it."""
        answer = httpx.get(f"{self.url}/api/v2/alerts", trust_env=False, timeout=30)
        alerts: list[dict[str, Any]] = answer.raise_for_status().json()
        return alerts

    def _prepare(self) -> None:
        if not self._config.exists():
            silent = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
            self._config.write_text(yaml.safe_dump(silent))

    def _program(self) -> Sequence[str | Path]:
        return [
            self._executable,
            f"--config.file={self._config}",
            f"--storage.path={self.directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",  # else it listens for others, on every address
            "--log.level=warn",
        ]

    def _is_ready(self) -> bool:
        return answers(f"{self.url}/-/ready")

"""The operator as a process beside the stack: with the rights that `deploy/` ships, never more."""

import json
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from governor_local import manifests
from governor_local.control_plane import answers
from governor_local.databases import make_database, make_login
from governor_local.errors import CommandError, StartError
from governor_local.servers import Server
from governor_local.stack import Stack
from governor_local.table import bare_environment
from governor_local.world.governed import OPERATOR_METRICS, Logins

NAMESPACE = "governance-system"
SERVICE_ACCOUNT = "governor"
SINK_DATABASE = "governance"

_ROLES = manifests.DEPLOY / "database" / "roles.sql"
_TOKEN_HOURS = 30 * 24  # a demo may stay open over a holiday; nobody renews the token
_WRITER = "database-url"

_KINDS = ("governancepolicies", "governancesources", "governancechannels", "governancemutes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What an operator needs to run against a stack.

    Attributes:
        kubeconfig: acts as the operator's ServiceAccount.
        database_url_file: holds the writer's URL of the sink.
        owner_url_file: holds the URL of the sink's owner, for migrations.
    """

    kubeconfig: Path
    database_url_file: Path
    owner_url_file: Path

    @property
    def environment(self) -> dict[str, str]:
        """Settings of `governor run`, but for the addresses."""
        return {
            "GOVERNOR_KUBECONFIG": str(self.kubeconfig),
            "GOVERNOR_NAMESPACE": NAMESPACE,
            **_database(self.database_url_file),
        }


def install(stack: Stack) -> Installation:
    """Apply `deploy/base`, make the sink's database and the operator's credentials.

    Raises:
        StackError: a server refused something; the text says what.
    """
    folder = _folder(stack)
    folder.mkdir(mode=0o700, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        sink = pool.submit(_make_sink, stack, folder)
        _apply_base(stack)
        kubeconfig = stack.service_account_kubeconfig(
            NAMESPACE, SERVICE_ACCOUNT, folder / "kubeconfig", hours=_TOKEN_HOURS
        )
        writer, owner = sink.result()
    return Installation(kubeconfig=kubeconfig, database_url_file=writer, owner_url_file=owner)


def history_settings(stack: Stack) -> dict[str, str]:
    """What `governor history` needs to read the sink; nothing before the operator is installed."""
    file = _folder(stack) / _WRITER
    return _database(file) if file.exists() else {}


def _database(url_file: Path) -> dict[str, str]:
    """How a command reaches the sink, which has no TLS."""
    return {
        "GOVERNOR_DATABASE_URL_FILE": str(url_file),
        "GOVERNOR_DATABASE_TLS_MODE": "Disable",
    }


def _folder(stack: Stack) -> Path:
    return stack.data / "installation"


def give_logins(stack: Stack, logins: Logins) -> None:
    """Put the governed database's DSNs into the Secret that the sample source names.

    Raises:
        CommandError: the API server refused.
    """
    dsns = {
        "dsn": logins.dsn,
        "custom-sql-dsn": logins.custom_sql_dsn,
        "remediation-dsn": logins.remediation_dsn,
    }
    _give_secret(stack, "platform-database", dsns)


def give_channels(stack: Stack) -> None:
    """Make the Secrets that the sample channels name: of the stack's receiver.

    Raises:
        CommandError: the API server refused.
    """
    _give_secret(stack, "team-chat", {"url": stack.receiver.apprise_url()})
    headers = f"Authorization: Bearer {secrets.token_urlsafe(18)}"
    _give_secret(stack, "event-bus", {"headers": headers})


def migrate(stack: Stack, owner_url_file: Path) -> None:
    """Run `governor migrate` on the sink, as its owner.

    Raises:
        CommandError: it failed; the text is what it said.
    """
    settings = _database(owner_url_file) | {"GOVERNOR_LOG_FORMAT": "console"}
    done = subprocess.run(
        [sys.executable, "-m", "governor", "migrate"],
        env=bare_environment(stack.data) | settings,
        cwd=stack.data,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandError(f"governor migrate failed:\n{done.stderr.strip()}")


class OperatorProcess(Server):
    """`governor run` as a process of the stack: it goes down with the stack.

    Several may run side by side under different names.
    """

    grace_seconds: ClassVar[float] = 60

    def __init__(
        self,
        stack: Stack,
        installation: Installation,
        *,
        name: str = "operator",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            stack: what it runs beside.
            installation: its credentials.
            name: what the stack calls it.
            settings: `GOVERNOR_*`, added to those of the installation or instead of them.
        """
        super().__init__(name, stack.processes)
        self._ports = stack.processes
        self._name_of_stack = stack.name
        self._installation = installation
        self._settings = dict(settings or {})

    @property
    def metrics_port(self) -> int:
        """Its port for /metrics; `port` is the one for health."""
        # The first operator's is known beforehand: Prometheus is told to scrape it.
        return self._ports.port(
            OPERATOR_METRICS if self.name == "operator" else f"{self.name}-metrics"
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """All settings that it is started with."""
        return {
            **self._installation.environment,
            "GOVERNOR_METRICS_ADDRESS": f"127.0.0.1:{self.metrics_port}",
            "GOVERNOR_HEALTH_ADDRESS": f"127.0.0.1:{self.port}",
            "GOVERNOR_CLUSTER_NAME": self._name_of_stack,
            "GOVERNOR_IDENTITY": self.name,
            "GOVERNOR_LOG_FORMAT": "json",
            **self._settings,
        }

    def launch(self) -> None:
        """Start it without waiting: some of its worlds are not ready, on purpose."""
        if not self.running:
            self.directory.mkdir(exist_ok=True)
            self._ports.spawn(
                self.name, self._program(), directory=self.directory, end_signal=self.end_signal
            )

    def wait_ready(self) -> None:
        """Wait until /readyz says yes.

        Raises:
            StartError: it is not running, ended, or was not ready in time.
        """
        process = self.process
        if process is None or not self._becomes_ready(process):
            raise StartError(self.failure("ended instead of becoming ready"))

    def _program(self) -> Sequence[str | Path]:
        settings = [f"{name}={value}" for name, value in self.environment.items()]
        return ["/usr/bin/env", *settings, sys.executable, "-m", "governor", "run"]

    def _is_ready(self) -> bool:
        return answers(f"http://127.0.0.1:{self.port}/readyz")


def _give_secret(stack: Stack, name: str, values: Mapping[str, str]) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "stringData": values,
    }
    # Server-side: a client-side apply would copy the values into an annotation.
    stack.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(secret))


def _apply_base(stack: Stack) -> None:
    base = manifests.rendered(stack.binaries.kubectl, manifests.DEPLOY / "base")
    stack.kubectl("apply", "-f", "-", input=base)
    crds = [f"crd/{kind}.governance.aiops.dev" for kind in _KINDS]
    stack.kubectl("wait", "--for=condition=Established", "--timeout=30s", *crds)


def _make_sink(stack: Stack, folder: Path) -> tuple[Path, Path]:
    """Make the sink with its roles, logins and tables; files with the two URLs."""
    make_database(stack.sink, SINK_DATABASE)
    stack.sink.execute(_ROLES.read_text(), database=SINK_DATABASE)
    owner = _private(folder / "owner-url", _sink_login(stack, "governor_migrate", "governor_owner"))
    writer = _private(folder / _WRITER, _sink_login(stack, "governor", "governor_writer"))
    migrate(stack, owner)
    return writer, owner


def _sink_login(stack: Stack, login: str, group: str) -> str:
    return make_login(stack.sink, login, database=SINK_DATABASE, attributes=f"in role {group}")


def _private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path

"""The governed platform in a stack: its database, its metrics, and its changes of health."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from governor_local import manifests
from governor_local.control_plane import answers
from governor_local.databases import make_database, make_login
from governor_local.servers import Server
from governor_local.stack import Stack
from governor_local.world import Health, exporter, series, tables

DATABASE = "platform"
OPERATOR_METRICS = "operator-metrics"
"""Name of the operator's metrics port in a stack."""

_ALERTS = manifests.DEPLOY / "components" / "prometheus-rule" / "prometheus-rule.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """DSNs of the three roles that the operator works with."""

    dsn: str
    custom_sql_dsn: str
    remediation_dsn: str
    """The one that may change something: the status of playbooks."""


class Exporter(Server):
    """Serves the platform's metrics."""

    def __init__(self, stack: Stack) -> None:
        super().__init__("exporter", stack.processes)
        self.file = self.directory / "metrics"

    def _program(self) -> Sequence[str | Path]:
        return [sys.executable, "-I", exporter.__file__, self.file, str(self.port)]

    def _is_ready(self) -> bool:
        return answers(f"http://127.0.0.1:{self.port}/metrics")


class Platform:
    """The platform that a stack's operator governs."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._server = stack.governed
        self.exporter = Exporter(stack)

    def build(self, health: Health = Health.GOOD) -> Logins:
        """Make the database, the exporter, Prometheus' configuration and the logins.

        May be repeated: the logins then get new passwords.

        Raises:
            StackError: a server refused or did not start.
        """
        make_database(self._server, DATABASE)
        self._server.execute(tables.SCHEMA, database=DATABASE)
        logins = Logins(
            dsn=self._reader("governor_reader"),
            custom_sql_dsn=self._reader("governor_custom_sql"),
            remediation_dsn=self._remediator("governor_remediation"),
        )
        self.exporter.directory.mkdir(exist_ok=True)
        self.become(health)
        self.exporter.start()
        self._scrape()
        return logins

    def become(self, health: Health) -> None:
        """Change the agents' work and the metrics.

        A reader of the database sees the old world or the new one, never a mixture.

        Raises:
            CommandError: the database refused, or is down.
        """
        self._server.execute("".join(_replacement(health)), database=DATABASE)
        series.write(self.exporter.file, health)

    def _reader(self, role: str) -> str:
        dsn = make_login(self._server, role, database=DATABASE)
        self._server.execute(
            f"alter role {role} set default_transaction_read_only = on;"
            f"grant select on {', '.join(tables.TABLES)} to {role}",
            database=DATABASE,
        )
        return dsn

    def _remediator(self, role: str) -> str:
        dsn = make_login(self._server, role, database=DATABASE)
        self._server.execute(
            f"grant select, update (status) on playbooks to {role}", database=DATABASE
        )
        return dsn

    def _scrape(self) -> None:
        """Scrape the exporter and the operator; record the SLIs, load the shipped alerts."""
        ports = {
            "platform": self.exporter.port,
            "governor": self._stack.processes.port(OPERATOR_METRICS),
        }
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["slis.yml", "alerts.yml"],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
                for job, port in ports.items()
            ],
        }
        alerts = yaml.safe_load(_ALERTS.read_text())["spec"]
        self._stack.prometheus.configure(
            yaml.safe_dump(config),
            {"slis.yml": series.RULES.read_text(), "alerts.yml": yaml.safe_dump(alerts)},
        )


def _replacement(health: Health) -> Iterator[str]:
    """A script for psql that replaces all rows in one transaction."""
    yield "begin;\n"
    for table, rows in tables.rows(health, datetime.now(UTC)).items():
        yield f"delete from {table};\ncopy {table} from stdin;\n"  # noqa: S608 - our own names
        for row in rows:
            yield "\t".join(map(_field, row)) + "\n"
        yield "\\.\n"
    yield "commit;\nanalyze;\n"


def _field(value: object) -> str:
    """A value in COPY's text format; none of ours holds a tab or a backslash."""
    match value:
        case None:
            return r"\N"
        case datetime():
            return value.isoformat()
        case _:
            return str(value)

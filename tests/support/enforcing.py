"""A policy that enforces, over playbooks of a test's own, and what its row says came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.cluster import Cluster, eventually
from tests.support.conditions import conditions
from tests.support.manifests import Manifest, policy
from tests.support.playbooks import RELATION
from tests.support.sources import postgres_source

NAME, SOURCE = "enforcing", "e2e-enforced"
RETRIES = 60
"""Seconds in which what was withheld is tried again: a lane waits ever longer."""


@dataclass(frozen=True, kw_only=True)
class Came:
    """What a row says of one run of remediation."""

    changed: Sequence[str] = ()
    not_changed: Sequence[str] = ()
    unconfirmed: Sequence[str] = ()
    cancelled: str | None = None


@dataclass(frozen=True)
class Enforcing:
    """A policy of one trustDrift check, in a namespace; it is evaluated when told to."""

    cluster: Cluster
    namespace: str

    def apply(self, enforcement: str = "Enforce", *, suspend: bool = False, **probe: Any) -> None:
        """What the policy says from now on."""
        drift = {"name": "drift", "trustDrift": {"sourceRef": {"name": SOURCE}, **probe}}
        spec = {"interval": "7d", "enforcement": enforcement, "suspend": suspend}
        self.cluster.apply(policy(NAME, self.namespace, drift, **spec))

    def told(self) -> None:
        """Waits until the present generation was judged and nothing is left to be told."""

        def judged() -> None:
            found = self.cluster.policy(NAME, self.namespace)
            status = found.get("status", {})
            assert status.get("observedGeneration") == found["metadata"]["generation"]
            assert [check["reason"] for check in status["checks"]] != ["NotYetEvaluated"]
            assert not status.get("pending")

        eventually(lambda: judged() is None, RETRIES)

    def run(self) -> None:
        """One more run, and all that comes of it."""
        self.cluster.run_now(NAME, self.namespace)
        self.told()

    @property
    def row(self) -> dict[str, Any]:
        """What the only finding of the check says of remediation."""
        rows = self.cluster.rows(self.namespace)
        found = [row for row in rows if row["event_type"] == "trust_drift"]
        assert len(found) == 1
        remediation: dict[str, Any] = found[0]["details"]["remediation"]
        return remediation

    @property
    def came(self) -> list[Came]:
        """What each run of remediation came to, oldest first."""
        runs = self.row.get("runs", [])
        keys = ("changed", "not_changed", "unconfirmed")
        return [
            Came(cancelled=run["cancelled"], **{key: tuple(run[key]) for key in keys})
            for run in runs
        ]

    @property
    def ready(self) -> tuple[str, str, str]:
        """The policy's `Ready`: status, reason and message."""
        return conditions(self.cluster.policy(NAME, self.namespace))["Ready"]

    @property
    def chosen(self) -> bool:
        """Whether a choice is in the log."""
        pending = self.cluster.status(NAME, self.namespace).get("pending", [])
        return any(entry["transition"] == "remediate" for entry in pending)

    @property
    def notes(self) -> list[str]:
        """The notes of the Events that tell of remediation, oldest first."""
        events = self.cluster.events(self.namespace)
        return [event["note"] for event in events if event["reason"] == "Remediated"]


def source(*access: str, statement_timeout: str = "10s") -> Manifest:
    """The test's playbooks, with the platform's own logins."""
    secret = "platform-database"
    return postgres_source(
        SOURCE,
        {"name": secret, "key": "dsn"},
        access=["BuiltinChecks", *access],
        remediationSecretRef={"name": secret, "key": "remediation-dsn"},
        relations={"playbooks": RELATION},
        statementTimeout=statement_timeout,
    )


ALLOWED = source("Remediation", statement_timeout="4s")
"""Whoever waits for a lock gives up after 2 seconds, and tries again."""
FORBIDDEN = source()
REFUSAL = (
    f"GovernanceSource {SOURCE} does not allow Remediation: an administrator can add it to its "
    "access"
)

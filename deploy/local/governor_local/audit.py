"""What the API server notes of the programs that talk to it: who asked for what, and got it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

_LOG = "audit.log"
_MEGABYTES = 50
"""Of one file; the one before is kept, too."""

# Who talks as a ServiceAccount is a program whose rights are worth a look; kubectl, as the
# administrator, may do everything. A watch is noted when it begins and when it ends.
_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    userGroups: ["system:serviceaccounts"]
  - level: None
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, as it was authorized.

    Attributes:
        at: when it came.
        user: who asked, such as `system:serviceaccount:NAMESPACE:NAME`.
        verb: as in a role, such as `list`; in lower case, the method, where no resource is asked.
        group: API group of the resource; empty for the core group.
        resource: its plural, with the subresource as roles spell it; empty for other paths.
        namespace: empty where the request is for all namespaces or for none.
        name: empty where the request is for no certain object.
        forbidden: whether no role allowed it.
        path: what was asked, without the query.
    """

    at: datetime
    user: str
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    forbidden: bool
    path: str

    @classmethod
    def noted(cls, event: Mapping[str, Any]) -> Self:
        """As an audit event tells it."""
        asked, notes = event.get("objectRef", {}), event.get("annotations", {})
        subresource = asked.get("subresource")
        return cls(
            at=datetime.fromisoformat(event["requestReceivedTimestamp"]).astimezone(UTC),
            user=event["user"]["username"],
            verb=event["verb"],
            group=asked.get("apiGroup", ""),
            resource=asked.get("resource", "") + (f"/{subresource}" if subresource else ""),
            namespace=asked.get("namespace", ""),
            name=asked.get("name", ""),
            forbidden=notes.get("authorization.k8s.io/decision") == "forbid",
            path=event["requestURI"].partition("?")[0],
        )


class AuditLog:
    """The notes of one API server, the last 50 MB of them at least."""

    def __init__(self, directory: Path) -> None:
        """The server's own folder, which need not exist yet."""
        self._directory = directory

    def prepare(self) -> None:
        """Writes what the server must find when it starts."""
        self._policy.write_text(_POLICY)

    @property
    def arguments(self) -> Sequence[str]:
        """The server's, that make it take notes."""
        return (
            f"--audit-policy-file={self._policy}",
            f"--audit-log-path={self._directory / _LOG}",
            f"--audit-log-maxsize={_MEGABYTES}",
            "--audit-log-maxbackup=1",
        )

    def calls(self, user: str, *, since: datetime) -> Iterator[Call]:
        """What a user has asked for since then; a watch that has ended comes twice."""
        for file in sorted(self._directory.glob("audit*.log")):  # a full one has its date added
            # The last line may be still in writing.
            for line in file.read_text().rpartition("\n")[0].splitlines():
                call = Call.noted(json.loads(line))
                if call.user == user and call.at >= since:
                    yield call

    @property
    def _policy(self) -> Path:
        return self._directory / "audit-policy.yaml"

"""Those who are told, for the demo and the tests: a real HTTP server that keeps what it gets."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

import httpx

from governor_local import receiving
from governor_local.control_plane import answers
from governor_local.servers import Server
from governor_local.table import ProcessTable

How = Literal["accept", "hang", "refuse", "garbage"] | int
"""How a path answers: `refuse` closes the connection; a number is a status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request.

    Attributes:
        at: when it came.
        path: where, without the first slash.
        answer: the status that it was answered with, or what was done instead.
        faults: what was wrong with it.
        headers: by name; a value that may be secret is `sha256:` and its digest.
        body: its JSON, or its text if it was none.
    """

    at: datetime
    path: str
    answer: How
    faults: Sequence[str]
    headers: Mapping[str, str]
    body: Any

    @property
    def accepted(self) -> bool:
        """Whether the sender was told that all is well."""
        return self.answer == receiving.ACCEPTED

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Take what the program keeps."""
        return cls(**{**data, "at": datetime.fromisoformat(data["at"])})


class Receiver(Server):
    """Receives at the paths `alertmanager`, `cloudevents` and `chat`, and below each.

    A path below one, such as `chat/late`, is another receiver of the same kind.
    What was received is kept over a restart; how paths behave is not.
    """

    def __init__(self, table: ProcessTable, *, name: str = "receiver") -> None:
        super().__init__(name, table)
        self.file = self.directory / "received.jsonl"

    @property
    def url(self) -> str:
        """Its address; a path below it is a receiver."""
        return f"http://127.0.0.1:{self.port}"

    def apprise_url(self, at: str = "chat") -> str:
        """Give the address of a chat, as Apprise takes it."""
        return f"json://127.0.0.1:{self.port}/{at}"

    def received(self, at: str) -> Sequence[Received]:
        """Give what was accepted at that path and below, oldest first."""
        return [each for each in self.attempts(at) if each.accepted]

    def attempts(self, at: str) -> Sequence[Received]:
        """Give what was posted at that path and below, however it was answered, oldest first."""
        answer = httpx.get(
            f"{self.url}/received", params={"at": at}, trust_env=False, timeout=30
        ).raise_for_status()
        return [Received.from_json(each) for each in answer.json()]

    def behave(self, at: str, how: How, *, retry_after: float | str | None = None) -> None:
        """Change how that path answers, and those below that were told nothing themselves.

        Args:
            at: the path.
            how: what it does from now on; those that hang meanwhile are let go unanswered.
            retry_after: with a status: seconds, or an HTTP date.
        """
        behaviour = {"at": at, "how": how, "retryAfter": retry_after}
        httpx.post(
            f"{self.url}/behave", json=behaviour, trust_env=False, timeout=30
        ).raise_for_status()

    def _program(self) -> Sequence[str]:
        return [sys.executable, "-I", receiving.__file__, str(self.file), str(self.port)]

    def _is_ready(self) -> bool:
        return answers(f"{self.url}/received?at=nothing")

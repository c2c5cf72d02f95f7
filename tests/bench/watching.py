"""Notes when each policy got its status, by a watch on the API server."""

import json
import ssl
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from governor.api import API_VERSION
from governor_local.stack import Stack

_PATH = f"/apis/{API_VERSION}/governancepolicies"
_QUIET_SECONDS = 1.0
"""So long nothing may come before the watch is begun anew, where it was."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A policy whose status says something of its present generation."""

    uid: str
    at: float
    """When that was seen first, by the monotonic clock."""


class StatusWatch:
    """Sees every policy of a stack from the block's beginning on, in a thread of its own."""

    def __init__(self, stack: Stack) -> None:
        plane = stack.control_plane
        self._client = httpx.Client(
            base_url=plane.url,
            verify=ssl.create_default_context(cafile=plane.ca),
            headers={"Authorization": f"Bearer {plane.token}"},
            trust_env=False,
            timeout=httpx.Timeout(30, read=_QUIET_SECONDS),
        )
        self._seen: dict[str, Evaluated] = {}
        self._news = threading.Condition()
        self._failure: Exception | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="status watch", daemon=True)
        self.flips = 0
        """How often a policy's verdict became another one."""
        self._verdicts: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._version = self._newest()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._client.close()

    def wait(self, prefix: str, count: int, seconds: float) -> list[Evaluated]:
        """The policies whose name begins so, once that many of them are evaluated.

        Raises:
            TimeoutError: they were not within so many seconds.
        """
        deadline = time.monotonic() + seconds

        def found() -> list[Evaluated]:
            if self._failure is not None:
                raise self._failure
            return [seen for name, seen in self._seen.items() if name.startswith(prefix)]

        with self._news:
            while len(evaluated := found()) < count:
                if not self._news.wait(deadline - time.monotonic()):
                    raise TimeoutError(
                        f"only {len(evaluated)} of {count} policies were evaluated in {seconds:g} s"
                    )
            return evaluated

    def uids(self) -> dict[str, str]:
        """Name → uid, of all that are evaluated."""
        with self._news:
            return {name: seen.uid for name, seen in self._seen.items()}

    def _newest(self) -> str:
        answer = self._client.get(_PATH, params={"limit": 1}, timeout=30)
        return str(answer.raise_for_status().json()["metadata"]["resourceVersion"])

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._follow()
        except Exception as error:  # noqa: BLE001 - whoever waits raises it
            with self._news:
                self._failure = error
                self._news.notify_all()

    def _follow(self) -> None:
        query = {"watch": "true", "resourceVersion": self._version, "allowWatchBookmarks": "true"}
        try:
            with self._client.stream("GET", _PATH, params=query) as answer:
                answer.raise_for_status()
                for line in answer.iter_lines():
                    self._note(json.loads(line))
                    if self._over.is_set():
                        return
        except httpx.ReadTimeout:
            return

    def _note(self, event: dict[str, Any]) -> None:
        if event["type"] == "ERROR":
            raise RuntimeError(f"the watch ended: {event['object'].get('message')}")
        meta, status = event["object"]["metadata"], event["object"].get("status") or {}
        self._version = meta["resourceVersion"]
        if event["type"] == "BOOKMARK" or status.get("observedGeneration") != meta["generation"]:
            return
        with self._news:
            name, verdict = meta["name"], status.get("verdict", "")
            self.flips += self._verdicts.get(name, verdict) != verdict
            self._verdicts[name] = verdict
            if verdict and name not in self._seen:
                self._seen[name] = Evaluated(uid=meta["uid"], at=time.monotonic())
                self._news.notify_all()

"""Watches etcd: not one version of a policy is missed, whatever becomes of the API server.

The API server keeps objects of custom resources as JSON; etcd's gateway speaks JSON, too.
"""

import base64
import json
import ssl
import threading
from types import TracebackType
from typing import Any, Self

import httpx
from tests.soak.history import History
from tests.support.cluster import eventually

from governor.api import GROUP
from governor_local.stack import Stack

_PREFIX = f"/registry/{GROUP}/governancepolicies"
_MARK = f"{_PREFIX}0/mark"
"""A key of ours beside those of the API server, which never reads it."""
_PATIENCE = 60
_QUIET_SECONDS = 1.0
"""So long nothing may come before the watch is begun anew, where it was: nothing is lost."""


class EtcdWatch:
    """Has a history see the policies of one namespace, in a thread of its own."""

    def __init__(self, stack: Stack, namespace: str) -> None:
        self.history = History()
        self.lock = threading.Lock()
        """To be held while the history is read."""
        certificates = stack.control_plane.ca.parent
        trust = ssl.create_default_context(cafile=stack.control_plane.ca)
        # etcd knows one client.
        trust.load_cert_chain(certificates / "apiserver.crt", certificates / "apiserver.key")
        self._client = httpx.Client(
            base_url=stack.control_plane.etcd.url,
            verify=trust,
            trust_env=False,
            timeout=httpx.Timeout(10, read=_QUIET_SECONDS),
        )
        self._namespace = f"{_PREFIX}/{namespace}/"
        self._uids: dict[str, str] = {}
        self._next = self._mark()
        """The revision of the store from which on nothing was seen yet."""
        self._over = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="etcd watch", daemon=True)

    def __enter__(self) -> Self:
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

    def catch_up(self) -> None:
        """Returns once the history has seen all that is there now."""
        mark = self._mark()

        def caught_up() -> bool:
            if self._failure is not None:
                raise self._failure
            return self._next > mark

        eventually(caught_up, _PATIENCE)

    def _mark(self) -> int:
        """Writes the mark, which the watch will see in its turn; its revision."""
        body = {"key": _encoded(_MARK), "value": ""}
        answer = self._client.post("/v3/kv/put", json=body, timeout=_PATIENCE)
        return int(answer.raise_for_status().json()["header"]["revision"])

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._watch()
        except Exception as error:  # noqa: BLE001 - said by whoever waits for it
            self._failure = error

    def _watch(self) -> None:
        self._mark()  # else the store may forget where we are, while nothing of ours changes
        keys = {"key": _encoded(f"{_PREFIX}/"), "range_end": _encoded(f"{_PREFIX}1")}
        request = {"create_request": {**keys, "start_revision": self._next}}
        try:
            with self._client.stream("POST", "/v3/watch", json=request) as answer:
                for line in answer.iter_lines():
                    self._take(json.loads(line)["result"])
                    if self._over.is_set():
                        return
        except httpx.ReadTimeout:
            return

    def _take(self, result: dict[str, Any]) -> None:
        assert "compact_revision" not in result, "etcd has forgotten what was not seen yet"
        with self.lock:
            for event in result.get("events", ()):
                self._see(event)
                self._next = int(event["kv"]["mod_revision"]) + 1

    def _see(self, event: dict[str, Any]) -> None:
        key = base64.b64decode(event["kv"]["key"]).decode()
        if not key.startswith(self._namespace):
            return
        if event.get("type") == "DELETE":
            self.history.deleted(self._uids.pop(key))
            return
        value = base64.b64decode(event["kv"]["value"])
        body = json.loads(value)
        self._uids[key] = body["metadata"]["uid"]
        self.history.seen(body, len(value))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()

"""Receives what channels are told, and keeps it: Alertmanager's webhook, CloudEvents, a chat.

Run as a script with the standard library alone: `receiving.py FILE PORT`.

    POST /alertmanager, /cloudevents, /chat    or a path below one of them, as /chat/late
    GET /received?at=chat                      what was posted there and below, oldest first
    POST /behave {"at": …, "how": …}           how it answers there and below from now on

How: `accept`; a status, with `retryAfter` if given; `hang` until told otherwise; `refuse`,
which closes the connection without a word; `garbage`, which is not HTTP.
"""

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ACCEPTED = 204
_GARBAGE = b"\x16\x03\x01 this is not HTTP\r\n\r\n"
_OPEN_HEADERS = ("Accept", "Content-Length", "Content-Type", "Host", "User-Agent")

Faults = Iterator[str]


def alertmanager_faults(_: str, body: Any) -> Faults:
    """What is wrong with a notification of Alertmanager's."""
    if not isinstance(body, dict) or body.get("version") != "4":
        yield "not version 4 of Alertmanager's webhook"
    elif not isinstance(body.get("alerts"), list) or not body["alerts"]:
        yield "alerts is not a list with entries"


def cloud_event_faults(content_type: str, body: Any) -> Faults:
    """What is wrong with a CloudEvent 1.0 in structured mode."""
    if content_type.partition(";")[0].strip() != "application/cloudevents+json":
        yield "Content-Type is not application/cloudevents+json"
    if not isinstance(body, dict):
        yield "the body is not a JSON object"
        return
    for name in ("id", "source", "type"):
        if not isinstance(body.get(name), str) or not body[name]:
            yield f"the attribute {name} is not a text with letters in it"
    if body.get("specversion") != "1.0":
        yield "specversion is not 1.0"
    for name in body.keys() - {"data", "data_base64"}:
        if not (name.isascii() and name.isalnum() and name == name.lower()):
            yield f"{name!r} is no name for an attribute: lower-case letters and digits only"
    if "time" in body and not _is_time(body["time"]):
        yield "time is not a time of RFC 3339"


def chat_faults(_: str, body: Any) -> Faults:
    """What is wrong with a message as Apprise's `json://` posts it."""
    names = ("version", "title", "message", "type")
    if not isinstance(body, dict) or not all(isinstance(body.get(name), str) for name in names):
        yield f"not an object with the texts {', '.join(names)}"
    elif not body["message"].strip():
        yield "the message is empty"


FAULTS: Mapping[str, Callable[[str, Any], Faults]] = {
    "alertmanager": alertmanager_faults,
    "cloudevents": cloud_event_faults,
    "chat": chat_faults,
}
"""By the paths that are served."""


class Desk:
    """What was received, in a file, and how each path behaves."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._changed = threading.Condition()
        self._behaviours: dict[str, Mapping[str, Any]] = {}

    def keep(self, record: Mapping[str, Any]) -> None:
        """Append it to the file."""
        with self._changed, self._file.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def received(self, at: str) -> list[Any]:
        """All that was kept of that path and those below, oldest first."""
        with self._changed:
            lines = self._file.read_text().splitlines() if self._file.exists() else []
        return [kept for kept in map(json.loads, lines) if _lies_below(kept["path"], at)]

    def behave(self, behaviour: Mapping[str, Any]) -> None:
        """Change how a path behaves."""
        with self._changed:
            self._behaviours[behaviour["at"]] = behaviour
            self._changed.notify_all()

    def behaviour(self, path: str) -> Mapping[str, Any]:
        """The one that was set for the path itself, or else for the nearest above it."""
        with self._changed:
            above = [at for at in self._behaviours if _lies_below(path, at)]
            return self._behaviours[max(above, key=len)] if above else {"how": "accept"}

    def hang(self, path: str) -> None:
        """Return when the path is told to do something else."""
        with self._changed:
            self._changed.wait_for(lambda: self.behaviour(path)["how"] != "hang")


class ReceivingServer(ThreadingHTTPServer):
    """Keeps in that file, bound but not yet serving; port 0 takes a free one."""

    request_queue_size = 128  # many may call at once
    daemon_threads = True

    def __init__(self, file: Path, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.desk = Desk(file)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ReceivingServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path != "/received":
            return self._answer(404)
        [at] = parse_qs(url.query).get("at", [""])
        return self._answer(200, json.dumps(self.server.desk.received(at)))

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path.strip("/")
        if path == "behave":
            self.server.desk.behave(json.loads(content))
            return self._answer(ACCEPTED)
        if kind := next((kind for kind in FAULTS if _lies_below(path, kind)), None):
            return self._receive(path, kind, _parsed(content))
        return self._answer(404)

    def _receive(self, path: str, kind: str, body: Any) -> None:
        behaviour = self.server.desk.behaviour(path)
        faults = list(FAULTS[kind](self.headers.get("Content-Type", ""), body))
        how = behaviour["how"]
        if how == "accept":
            how = 400 if faults else ACCEPTED
        self.server.desk.keep(
            {
                "at": datetime.now(UTC).isoformat(),
                "path": path,
                "answer": how,
                "faults": faults,
                "headers": self._kept_headers(),
                "body": body,
            }
        )
        if isinstance(how, int):
            self._answer(how, "\n".join(faults), retry_after=behaviour.get("retryAfter"))
        else:
            self._misbehave(path, how)

    def _misbehave(self, path: str, how: str) -> None:
        if how == "hang":
            self.server.desk.hang(path)
        if how == "garbage":
            self.wfile.write(_GARBAGE)
        self.close_connection = True

    def _answer(self, status: int, body: str = "", *, retry_after: object = None) -> None:
        self.send_response(status)
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        if status == ACCEPTED:
            return self.end_headers()
        content = body.encode()
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        return None

    def _kept_headers(self) -> dict[str, str]:
        """Those that can't be secret as they are, of the others a digest."""
        return {
            name: value if name.title() in _OPEN_HEADERS else _digest(value)
            for name, value in self.headers.items()
        }

    def log_message(self, *_: object) -> None:
        """Say nothing: what was received is in the file."""


def _lies_below(path: str, above: str) -> bool:
    return not above or path == above or path.startswith(f"{above}/")


def _parsed(content: bytes) -> Any:
    """The JSON, or the text if it is none."""
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")


def _digest(value: str) -> str:
    return "sha256:" + hashlib.sha256(value.encode()).hexdigest()


def _is_time(value: object) -> bool:
    try:
        return datetime.fromisoformat(str(value)).tzinfo is not None
    except ValueError:
        return False


if __name__ == "__main__":
    ReceivingServer(Path(sys.argv[1]), int(sys.argv[2])).serve_forever()

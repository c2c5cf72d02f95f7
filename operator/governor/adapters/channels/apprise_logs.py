"""Keeps Apprise and what it speaks through out of the logs: they would tell tokens.

Apprise says why a message failed only in its log, together with what it sent where. Of that,
a status code is kept, or that nobody could be reached: nothing else leaves.
"""

import logging
import re
import threading

_LIBRARIES = ("oauthlib", "requests", "requests_oauthlib", "urllib3")
"""What Apprise speaks through; all of them log addresses, and addresses hold tokens."""

_STATUS = re.compile(r"\berror=(\d{3})\b")
_UNREACHED = re.compile(r"\bconnection error\b", re.IGNORECASE)


class _Ear(logging.Handler):
    """Listens to what Apprise logs, each thread for itself."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._heard = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - logging would print what could not be put together
            return
        if status := _STATUS.search(text):
            self._heard.why = f"HTTP {status[1]}"
        elif _UNREACHED.search(text):
            self._heard.why = "the service can't be reached"

    def last(self) -> str | None:
        """Why the latest message of this thread failed, if it was said; then forgotten."""
        why: str | None = getattr(self._heard, "why", None)
        self._heard.why = None
        return why


def _listen() -> _Ear:
    for name in _LIBRARIES:
        _silence(logging.getLogger(name), logging.CRITICAL + 1, logging.NullHandler())
    ear = _Ear()
    _silence(logging.getLogger("apprise"), logging.WARNING, ear)
    return ear


def _silence(logger: logging.Logger, level: int, handler: logging.Handler) -> None:
    logger.setLevel(level)
    logger.propagate = False
    logger.handlers = [handler]


EAR = _listen()
"""Tells why a message failed. Once this module is loaded, the libraries are silent."""

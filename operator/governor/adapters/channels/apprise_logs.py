"""Keeps Apprise and what it speaks through out of the logs: they would tell tokens.

Apprise says why a message failed only in its log, together with what it sent where. Of that,
a status code is kept, or that nobody could be reached: no record of it reaches a handler.
"""

import logging
import re
import threading

_LIBRARIES = ("oauthlib", "requests", "requests_oauthlib", "urllib3")
"""What Apprise speaks through; all of them log addresses, and addresses hold tokens."""

_SILENT = logging.CRITICAL + 1

_STATUS = re.compile(r"\berror=(\d{3})\b")
_REFUSED = ", with a word that it did not take the message"
_UNREACHED = re.compile(r"\bconnection error\b", re.IGNORECASE)


class _Ear(logging.Filter):
    """Listens to what Apprise logs, each thread for itself, and lets nothing pass."""

    def __init__(self) -> None:
        super().__init__()
        self._heard = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - it could not be put together, and is not needed
            return False
        if status := _STATUS.search(text):
            self._heard.why = f"HTTP {status[1]}{_REFUSED if status[1][0] == '2' else ''}"
        elif _UNREACHED.search(text):
            self._heard.why = "the service can't be reached, or does not answer"
        return False

    def told(self, why: str) -> None:
        """Why a message of this thread fails, as we know better than Apprise will say."""
        self._heard.known = why

    def last(self) -> str | None:
        """Why the latest message of this thread failed, if it was said; then forgotten."""
        known: str | None = getattr(self._heard, "known", None)
        why: str | None = getattr(self._heard, "why", None)
        self._heard.known = self._heard.why = None
        return known or why


def _listen() -> _Ear:
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(_SILENT)
    ear = _Ear()
    apprise = logging.getLogger("apprise")  # It has no children.
    apprise.setLevel(logging.WARNING)
    apprise.addFilter(ear)
    return ear


EAR = _listen()
"""Tells why a message failed. Once this module is loaded, the libraries are silent."""

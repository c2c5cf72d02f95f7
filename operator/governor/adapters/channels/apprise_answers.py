"""Bounds what services answer Apprise, which would read an answer to its end, if it has one."""

import threading
import time
from io import BytesIO
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from governor.adapters.channels.apprise_logs import EAR

LONGEST_ANSWER = 1 << 20
"""Bytes. Services say in a few hundred whether they took a message."""

_PIECE = 1 << 16
_DEFAULT_SECONDS = 30.0
"""Where a service sends from a thread of its own, which nobody gave a time."""

_message = threading.local()


def answers_within(seconds: float) -> None:
    """All answers to what this thread sends from now on must have ended by then."""
    _message.ends = time.monotonic() + seconds


class BoundedAdapter(HTTPAdapter):
    """Reads each answer itself: what Apprise, or a redirect, then reads is in memory already."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        """As the base says.

        Raises:
            RequestException: also for an answer that is too long or too late.
        """
        ends = getattr(_message, "ends", time.monotonic() + _DEFAULT_SECONDS)
        if time.monotonic() > ends:  # The failure of the message was told long ago.
            raise requests.Timeout
        # An answer that is not compressed can't grow beyond what was bounded.
        request.headers["Accept-Encoding"] = "identity"
        response = super().send(request, *args, **options)
        raw = response.raw
        try:
            response.raw = BytesIO(_whole(raw, ends))
        except (HTTPError, OSError):  # Those of requests too: Apprise tells none from another.
            raw.close()
            raise requests.ConnectionError from None
        raw.release_conn()
        return response


def _whole(raw: BaseHTTPResponse, ends: float) -> bytes:
    """An answer as it was sent, in pieces as they come in: a drip must not outlast the time.

    Raises:
        Timeout: it has not ended in time.
        RequestException: it is too long.
        HTTPError: the connection broke, or what came is no HTTP.
    """
    content = bytearray()
    while piece := raw.read1(_PIECE, decode_content=False):
        content += piece
        if len(content) > LONGEST_ANSWER:
            EAR.told(f"its answer is longer than {LONGEST_ANSWER} bytes")
            raise requests.RequestException
        if time.monotonic() > ends:
            raise requests.Timeout
    return bytes(content)


# Where every session takes it from. Of all that runs in this process only Apprise speaks
# through requests, and it makes a session a request, without a way to give it an adapter.
requests.sessions.HTTPAdapter = BoundedAdapter  # type: ignore[attr-defined]

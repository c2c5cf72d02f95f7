"""A server that refuses everything, and says back what it was sent: credentials, too."""

import asyncio
import base64
import binascii
import json

from tests.support.http_world import Asked, answer

_REFUSED, _BROKEN = 400, 500


async def echo(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """What http_world does with a request.

    To who measures or posts alerts it answers as Prometheus and Alertmanager do, whose words
    the operator repeats.
    """
    said = [asked.path, *asked.headers.values(), *_decoded(asked)]
    body = {"status": "error", "errorType": "bad_data", "error": " ".join(said)}
    if asked.path.endswith("/alerts"):
        writer.write(answer(_REFUSED, json.dumps(" ".join(said))))
    else:
        status = _REFUSED if "/api/v1/" in asked.path else _BROKEN
        writer.write(answer(status, json.dumps(body)))


def _decoded(asked: Asked) -> list[str]:
    """User and password, if it was sent one."""
    _, _, content = asked.headers.get("authorization", "").partition("Basic ")
    try:
        return [base64.b64decode(content, validate=True).decode()]
    except (binascii.Error, UnicodeDecodeError):
        return []

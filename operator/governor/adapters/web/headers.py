"""Headers from a Secret, one `Name: value` a line."""

import re
from collections.abc import Collection

from governor.adapters.web.credentials import Credentials, Secrets, invalid, written
from governor.api.servers import SecretKeyRef

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""What says where a request goes, how long it is and what it holds: that is not for a Secret."""


_SECRETIVE = 6
"""Characters: what is shorter is a word of its own in many a message, and no secret."""


def secret_headers(
    ref: SecretKeyRef | None, secrets: Secrets, *, taken: Collection[str] = ()
) -> Credentials:
    """The headers under a key; none without a reference.

    Args:
        ref: where they are.
        secrets: every Secret there is.
        taken: the names of headers that other credentials make, in any case.

    Raises:
        FaultError: `SecretInvalid`, naming the line and the remedy, and no part of the value.
    """
    if ref is None:
        return Credentials(headers={})
    headers: dict[str, str] = {}
    lower = {name.lower() for name in taken}
    for number, line in enumerate(written(ref.name, ref.key, secrets).split("\n"), start=1):
        name, colon, value = (part.strip(" \t\r") for part in line.partition(":"))
        if not name and not colon:
            continue
        remedy = _fault(name, colon, value)
        if remedy is None and name.lower() in headers:
            remedy = "repeats a header: leave one"
        if remedy is None and name.lower() in lower:
            remedy = f"must not set {name}: another Secret of the same spec does; leave one"
        if remedy is not None:
            raise invalid(ref.name, ref.key, f"line {number} {remedy}")
        headers[name.lower()] = value
    if not headers:
        raise invalid(ref.name, ref.key, "is empty: fill it in")
    words = {word for value in headers.values() for word in (value, *value.split())}
    hidden = tuple(word for word in words if len(word) >= _SECRETIVE)
    return Credentials(headers=headers, hidden=hidden)


def _fault(name: str, colon: str, value: str) -> str | None:
    """What to do about a line; None: it is a header."""
    if not colon or not _NAME.fullmatch(name) or not value:
        return "must be `Name: value`"
    if not (value.isascii() and value.isprintable()):
        return "must have a value of printable ASCII characters"
    if name.lower() in _OURS:
        return f"must not set {name}: the operator does"
    return None

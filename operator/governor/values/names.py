"""Names as Kubernetes spells them, bounded as Kubernetes bounds them."""

from typing import Annotated

from pydantic import Field
from pydantic.fields import FieldInfo

from governor.values.rules import spelled

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
"""The pattern of an object's name (RFC 1123); 253 characters at most, whatever its labels have."""
NAMESPACE = rf"(?=.{{1,63}}$){_LABEL}"
"""The pattern of a namespace's name."""

ObjectName = Annotated[
    str,
    Field(max_length=253),
    spelled(
        rf"^{SUBDOMAIN}$",
        "write an object's name: lower-case letters, digits, dashes and dots, such as platform",
    ),
]
"""The name of an object: a DNS subdomain."""

SecretKey = Annotated[
    str,
    Field(max_length=253),
    spelled(
        r"^[-._a-zA-Z0-9]+$",
        "write a key of a Secret: letters, digits, dashes, dots and underscores, such as dsn",
    ),
]
"""A key within a Secret."""

CheckName = Annotated[
    str,
    Field(max_length=40),
    spelled(
        rf"^{_LABEL}$",
        "write a DNS label: lower-case letters, digits and dashes, such as trust-drift",
    ),
]
"""The name of a check: a DNS label that leaves room for what is built from it."""


def text(longest: int) -> FieldInfo:
    """What bounds a text that people write: not empty, and not longer than this."""
    bounds: FieldInfo = Field(min_length=1, max_length=longest)
    return bounds

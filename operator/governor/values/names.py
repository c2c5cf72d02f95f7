"""Names as Kubernetes spells them, bounded as Kubernetes bounds them."""

from typing import Annotated

from pydantic import Field, StringConstraints

ObjectName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        min_length=1,
        max_length=253,
    ),
]
"""The name of an object: a DNS subdomain."""

SecretKey = Annotated[
    str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", min_length=1, max_length=253)
]
"""A key within a Secret."""

CheckName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=40)
]
"""The name of a check: a DNS label that leaves room for what is built from it."""


def text(longest: int) -> object:
    """What bounds a text that people write: not empty, and not longer than this."""
    return Field(min_length=1, max_length=longest)

"""Mutes as the API server gives them."""

from datetime import datetime, timedelta
from typing import Any

from tests.support.builders import NOON

WEEK = timedelta(days=7)


def body(
    checks: tuple[str, ...] = (), *, ends: timedelta = WEEK, created: datetime = NOON, **spec: Any
) -> dict[str, Any]:
    """A mute as the API server gives it."""
    given: dict[str, Any] = {
        "policyRef": {"name": "flywheel"},
        "reason": "a migration",
        "owner": "sre",
        "expiresAt": (created + ends).isoformat(),
    }
    metadata = {
        "uid": "u",
        "name": "quiet",
        "namespace": "aiops",
        "generation": 3,
        "creationTimestamp": f"{created:%Y-%m-%dT%H:%M:%SZ}",
    }
    named = {"checks": list(checks)} if checks else {}
    return {"metadata": metadata, "spec": given | named | spec}

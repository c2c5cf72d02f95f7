"""What kopf sees is passed on: thin handlers that return at once, and nothing."""

from collections.abc import Callable, Mapping
from typing import Any

import kopf

from governor.api import GROUP, VERSION
from governor.api.slimming import slim
from governor.app.ports import Json, Kind, ObjectKey
from governor.handlers.patches import let_go
from governor.handlers.timers import Memo

TickLength = Callable[[Mapping[str, Any]], int]
"""Seconds between the ticks of a policy with that spec."""


def add_watches(registry: kopf.OperatorRegistry, tick_length: TickLength) -> None:
    """Registers the handlers of everything that is watched."""
    for kind in Kind:
        where = ("v1", kind) if kind is Kind.NAMESPACES else (GROUP, VERSION, kind)
        kopf.on.event(*where, id=f"on-{kind}", registry=registry)(_handler(kind, tick_length))


def _handler(kind: Kind, tick_length: TickLength) -> Callable[..., Any]:
    async def on_event(event: Json, memo: Memo, patch: kopf.Patch, **_: Any) -> None:
        let_go(patch)
        # kopf's `body` changes under a handler; the event's object never does but here: kopf
        # keeps it, too.
        body, deleted = slim(event["object"]), event["type"] == "DELETED"
        if kind is Kind.POLICIES:
            _set_timer(body, memo, None if deleted else tick_length(body.get("spec") or {}))
        if deleted:
            memo.informer.gone(kind, ObjectKey.of(body))
        else:
            memo.informer.seen(kind, body)

    return on_event


def _set_timer(body: Json, memo: Memo, tick: int | None) -> None:
    metadata = body["metadata"]
    memo.tick = tick
    # kopf ends the timers of what is being deleted by itself.
    memo.informer.ticking(
        metadata["uid"], on=tick is not None and "deletionTimestamp" not in metadata
    )

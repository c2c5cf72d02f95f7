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
    async def on_event(event: kopf.RawEvent, memo: Memo, patch: kopf.Patch, **_: Any) -> None:
        let_go(patch)
        whole, deleted = event["object"], event["type"] == "DELETED"
        body = slim(whole)
        if kind is Kind.POLICIES:
            _set_timer(whole, memo, None if deleted else tick_length(whole.get("spec") or {}))
        # kopf keeps the object for as long as it is there, and needs its metadata only.
        whole["metadata"] = body["metadata"]
        whole.pop("spec", None)
        whole.pop("status", None)
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

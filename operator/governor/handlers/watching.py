"""What kopf sees is passed on: thin handlers that return at once, and nothing."""

from collections.abc import Callable, Mapping
from typing import Any

import kopf

from governor.api import GROUP, VERSION
from governor.app.ports import Json
from governor.handlers.informing import CHANNELS, MUTES, NAMESPACES, POLICIES, SOURCES
from governor.handlers.timers import Memo

TickLength = Callable[[Mapping[str, Any]], int]
"""Seconds between the ticks of a policy with that spec."""


def add_watches(registry: kopf.OperatorRegistry, tick_length: TickLength) -> None:
    """Registers the handlers of everything that is watched."""

    async def on_policy(event: Json, memo: Memo, **_: Any) -> None:
        # kopf's `body` changes under a handler; the event's object never does.
        body = event["object"]
        metadata = body["metadata"]
        if event["type"] == "DELETED":
            memo.tick = None
            memo.informer.policy_gone(metadata["uid"])
            return
        memo.tick = tick_length(body.get("spec") or {})
        memo.informer.policy(body, ticking="deletionTimestamp" not in metadata)

    kopf.on.event(GROUP, VERSION, POLICIES, registry=registry)(on_policy)
    kopf.on.event(GROUP, VERSION, SOURCES, registry=registry)(_on_source)
    kopf.on.event(GROUP, VERSION, CHANNELS, registry=registry)(_on_channel)
    kopf.on.event(GROUP, VERSION, MUTES, registry=registry)(_on_mute)
    kopf.on.event("v1", NAMESPACES, registry=registry)(_on_namespace)


async def _on_source(event: Json, memo: Memo, **_: Any) -> None:
    if event["type"] == "DELETED":
        memo.informer.source_gone(event["object"]["metadata"]["uid"])
    else:
        memo.informer.source(event["object"])


async def _on_channel(event: Json, memo: Memo, **_: Any) -> None:
    if event["type"] == "DELETED":
        memo.informer.channel_gone(event["object"]["metadata"]["uid"])
    else:
        memo.informer.channel(event["object"])


async def _on_mute(event: Json, memo: Memo, **_: Any) -> None:
    if event["type"] == "DELETED":
        memo.informer.mute_gone(event["object"]["metadata"]["uid"])
    else:
        memo.informer.mute(event["object"])


async def _on_namespace(event: Json, memo: Memo, **_: Any) -> None:
    metadata = event["object"]["metadata"]
    if event["type"] == "DELETED":
        memo.informer.namespace_gone(metadata["name"])
    else:
        memo.informer.namespace(metadata["name"], metadata.get("labels") or {})

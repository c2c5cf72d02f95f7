"""Applies thousands of objects in seconds: server-side, over a few connections at once."""

import asyncio
import json
import ssl
from collections.abc import Iterable

import aiohttp
from tests.support.manifests import Manifest

from governor.api import API_VERSION
from governor_local.stack import Stack

_AT_ONCE = 8
_SECONDS = 60
_MANAGER = "bench"


def apply_policies(stack: Stack, manifests: Iterable[Manifest]) -> None:
    """Each policy is there as its manifest says, whatever was there before.

    Its namespace must exist. Not to be called where an event loop runs.

    Raises:
        RuntimeError: the API server refused one; the text is what it said.
    """
    asyncio.run(_apply(stack, manifests))


async def _apply(stack: Stack, manifests: Iterable[Manifest]) -> None:
    plane, left = stack.control_plane, iter(manifests)
    trust = ssl.create_default_context(cafile=plane.ca)
    headers = {
        "Authorization": f"Bearer {plane.token}",
        "Content-Type": "application/apply-patch+yaml",  # of which JSON is a part
    }
    async with (
        aiohttp.ClientSession(
            plane.url,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
            connector=aiohttp.TCPConnector(ssl=trust, limit=_AT_ONCE),
        ) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(_AT_ONCE):
            group.create_task(_work_off(session, left))


async def _work_off(session: aiohttp.ClientSession, left: Iterable[Manifest]) -> None:
    for manifest in left:
        meta = manifest["metadata"]
        namespaced = f"namespaces/{meta['namespace']}/governancepolicies/{meta['name']}"
        async with session.patch(
            f"/apis/{API_VERSION}/{namespaced}",
            params={"fieldManager": _MANAGER, "force": "true"},
            data=json.dumps(manifest),
        ) as answer:
            if not answer.ok:
                raise RuntimeError(f"{meta['name']}: {await answer.text()}")

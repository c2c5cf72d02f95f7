"""Lists every object of a kind, page by page."""

from collections.abc import AsyncIterator
from typing import Any

from governor.adapters.kubernetes.connection import JSON, Connection

_PAGE = "500"


async def list_all(
    connection: Connection, path: str, *, label: str = "", accept: str = JSON
) -> AsyncIterator[dict[str, Any]]:
    """Every object under a path, as the API server has it now: no page is of an older state.

    Args:
        connection: to the API server.
        path: of a kind, in a namespace or in all.
        label: only those that have it, whatever its value.
        accept: what the answers shall be.

    Raises:
        StoreError: no answer, a refusal, or the list outlived its snapshot (410).
    """
    query = {"limit": _PAGE} | ({"labelSelector": label} if label else {})
    while True:
        page = await connection.request("GET", path, query=query, accept=accept)
        for item in page["items"] or ():  # null where metadata only is asked for and none is there
            yield item
        token = page["metadata"].get("continue")
        if not token:
            return
        query["continue"] = token

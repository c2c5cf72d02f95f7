"""Lists every object of a kind, page by page."""

from collections.abc import AsyncIterator
from typing import Any

from governor.adapters.kubernetes.connection import Connection

_PAGE = "500"


async def list_all(connection: Connection, path: str) -> AsyncIterator[dict[str, Any]]:
    """Every object under a path, as the API server has it.

    Raises:
        StoreError: no answer, a refusal, or the list outlived its snapshot (410).
    """
    query = {"limit": _PAGE}
    while True:
        page = await connection.request("GET", path, query=query)
        for item in page["items"]:
            yield item
        token = page["metadata"].get("continue")
        if not token:
            return
        query["continue"] = token

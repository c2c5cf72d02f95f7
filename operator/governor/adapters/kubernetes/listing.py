"""Lists every object of a kind, page by page."""

from collections.abc import AsyncIterator
from typing import Any

from governor.adapters.kubernetes.connection import JSON, Connection

_PAGE = "500"


async def list_all(
    connection: Connection, path: str, *, accept: str = JSON
) -> AsyncIterator[dict[str, Any]]:
    """Every object under a path, as the API server has it now: no page is of an older state.

    Raises:
        StoreError: no answer, a refusal, or the list outlived its snapshot (410).
    """
    query = {"limit": _PAGE}
    while True:
        page = await connection.request("GET", path, query=query, accept=accept)
        for item in page["items"] or ():  # null where metadata only is asked for and none is there
            yield item
        token = page["metadata"].get("continue")
        if not token:
            return
        query["continue"] = token

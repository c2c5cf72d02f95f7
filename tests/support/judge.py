"""Asks a real API server what it would say of a manifest."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from tests.support.served import Served

from governor.api import API_VERSION, GROUP, VERSION
from governor.api.kinds import RESOURCES
from governor_local.stack import Stack

PATHS = {
    it.kind: f"/apis/{GROUP}/{VERSION}/{'namespaces/default/' if it.namespaced else ''}{it.plural}"
    for it in RESOURCES
}
"""Where objects of each kind are made."""

_UNSAID = "some validation rules were not checked because the object was invalid"


class Judge:
    """The API server, which stores nothing of what it is asked."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @classmethod
    @contextmanager
    def of(cls, stack: Stack) -> "Iterator[Judge]":
        """The stack's API server, once it serves the CRDs."""
        Served.on(stack)
        plane = stack.control_plane
        with httpx.Client(
            base_url=stack.api_server_url,
            verify=ssl.create_default_context(cafile=str(plane.ca)),
            headers={"Authorization": f"Bearer {plane.token}"},
            trust_env=False,
            timeout=30,
        ) as client:
            yield cls(client)

    def refusal(self, kind: str, spec: dict[str, Any]) -> list[str]:
        """Its words, one per fault; none if it would take the manifest."""
        answer = self._client.post(
            PATHS[kind],
            params={"dryRun": "All", "fieldValidation": "Strict"},
            json={
                "apiVersion": API_VERSION,
                "kind": kind,
                "metadata": {"name": "judged"},
                "spec": spec,
            },
        )
        if answer.status_code == httpx.codes.CREATED:
            return []
        assert answer.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY)
        status = answer.json()
        causes = status.get("details", {}).get("causes", ())
        said = [f"{cause['field']}: {cause['message']}" for cause in causes]
        return [words for words in said if _UNSAID not in words] or [status["message"]]

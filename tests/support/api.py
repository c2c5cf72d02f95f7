"""The API server as its administrator asks it, without a kubectl for each request."""

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from tests.support.manifests import Manifest

from governor.api import API_VERSION
from governor_local.stack import Stack

_SECONDS = 30


class Api:
    """Requests about objects of the operator's kinds, and some of Kubernetes' own."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @classmethod
    @contextmanager
    def of(cls, stack: Stack) -> Iterator["Api"]:
        """That of a stack, for the block's time."""
        plane = stack.control_plane
        with httpx.Client(
            base_url=plane.url,
            verify=ssl.create_default_context(cafile=plane.ca),
            headers={"Authorization": f"Bearer {plane.token}"},
            trust_env=False,
            timeout=_SECONDS,
        ) as client:
            yield cls(client)

    def items(self, path: str) -> list[dict[str, Any]]:
        """All objects below a path such as `/api/v1/namespaces/default/configmaps`."""
        found: list[dict[str, Any]] = self._asked("GET", path)["items"]
        return found

    def get(self, path: str) -> dict[str, Any]:
        """The object of that path."""
        return self._asked("GET", path)

    def put(self, path: str, body: Mapping[str, Any]) -> None:
        """That is there from now on, instead of what was."""
        self._asked("PUT", path, json=body)

    def empty(self, path: str) -> None:
        """All objects below a path go; one that a finalizer holds back goes later."""
        self._asked("DELETE", path)

    def policies(self, namespace: str) -> list[dict[str, Any]]:
        """All policies of a namespace."""
        return self.items(_path("governancepolicies", namespace))

    def policy(self, name: str, namespace: str) -> dict[str, Any]:
        """One policy."""
        return self._asked("GET", _path("governancepolicies", namespace, name))

    def find(self, plural: str, name: str, namespace: str) -> dict[str, Any]:
        """One object of the operator's kinds; an empty one if there is none."""
        path = _path(plural, namespace)
        named = {"fieldSelector": f"metadata.name={name}"}
        return next(iter(self._asked("GET", path, params=named)["items"]), {})

    def create(self, manifest: Manifest) -> dict[str, Any]:
        """A new object of one of the operator's kinds."""
        return self._asked("POST", _path_of(manifest), json=manifest)

    def change(self, manifest: Manifest) -> dict[str, Any]:
        """The spec of an object that is there, from now on."""
        path = f"{_path_of(manifest)}/{manifest['metadata']['name']}"
        merge = {"Content-Type": "application/merge-patch+json"}
        return self._asked("PATCH", path, json={"spec": manifest["spec"]}, headers=merge)

    def replace(self, policy: Mapping[str, Any]) -> dict[str, Any]:
        """All of a version of a policy but its status; the policy as it is then."""
        meta = policy["metadata"]
        path = _path("governancepolicies", meta["namespace"], meta["name"])
        return self._asked("PUT", path, json=policy)

    def delete(self, plural: str, name: str, namespace: str) -> None:
        """An object goes."""
        self._asked("DELETE", _path(plural, namespace, name))

    def wipe_status(self, policy: Mapping[str, Any]) -> bool:
        """Takes the status of that version of a policy away; False if there is a newer one."""
        meta = policy["metadata"]
        path = f"{_path('governancepolicies', meta['namespace'], meta['name'])}/status"
        bare = {key: value for key, value in policy.items() if key != "status"}
        answer = self._client.put(path, json=bare)
        if answer.status_code == httpx.codes.CONFLICT:
            return False
        answer.raise_for_status()
        return True

    def _asked(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """What it answers; asked again while it asks for patience, as after its restart."""
        until = time.monotonic() + _SECONDS
        while True:
            answer = self._client.request(method, path, **request)
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or time.monotonic() > until:
                break
            time.sleep(float(answer.headers.get("Retry-After", 1)))
        assert not answer.is_error, answer.text
        found: dict[str, Any] = answer.json()
        return found


def _path(plural: str, namespace: str, name: str = "") -> str:
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/{plural}"
    return f"{path}/{name}" if name else path


def _path_of(manifest: Manifest) -> str:
    plural = {"GovernancePolicy": "governancepolicies", "GovernanceMute": "governancemutes"}
    return _path(plural[manifest["kind"]], manifest["metadata"]["namespace"])

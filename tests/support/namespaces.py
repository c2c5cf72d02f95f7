"""What kube-controller-manager does with namespaces, for a stack that has none."""

import time
from typing import Self

from tests.support.cluster import Cluster, eventually

from governor.api import API_VERSION

_CONTENT = (
    (f"/apis/{API_VERSION}", "governancepolicies"),
    ("/apis/events.k8s.io/v1", "events"),
    ("/api/v1", "secrets"),
    ("/api/v1", "configmaps"),
)


def finish_deletion(cluster: Cluster, namespace: str) -> None:
    """Plays the namespace controller for one namespace that is being deleted.

    It deletes the namespaced objects, and lets the namespace go once there are none:
    an object that a finalizer holds back holds the namespace back, too. It is as quick as the
    real one: no process is started for it.
    """
    api, path = cluster.api, f"/api/v1/namespaces/{namespace}"
    eventually(lambda: api.get(path)["metadata"].get("deletionTimestamp"))
    content = [f"{group}/namespaces/{namespace}/{plural}" for group, plural in _CONTENT]
    for each in content:
        api.empty(each)
    eventually(lambda: not any(api.items(each) for each in content))
    api.put(f"{path}/finalize", api.get(path) | {"spec": {"finalizers": []}})


class Stopwatch:
    """Measures the seconds of a block."""

    seconds = 0.0

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._started

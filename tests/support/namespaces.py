"""What kube-controller-manager does with namespaces, for a stack that has none."""

import json
import time
from typing import Self

from tests.support.cluster import Cluster, eventually

_CONTENT = "governancepolicies.governance.aiops.dev,events.events.k8s.io,secrets,configmaps"


def finish_deletion(cluster: Cluster, namespace: str) -> None:
    """Plays the namespace controller for one namespace that is being deleted.

    It deletes the namespaced objects, and lets the namespace go once there are none:
    an object that a finalizer holds back holds the namespace back, too.
    """
    eventually(lambda: cluster.get("namespace", namespace)["metadata"].get("deletionTimestamp"))
    kubectl = cluster.stack.kubectl
    kubectl("delete", _CONTENT, "--all", "-n", namespace, "--wait=false")
    eventually(lambda: not kubectl("get", _CONTENT, "-n", namespace, "-o", "name").stdout.strip())
    body = cluster.get("namespace", namespace)
    body["spec"]["finalizers"] = []
    path = f"/api/v1/namespaces/{namespace}/finalize"
    kubectl("replace", "--raw", path, "-f", "-", input=json.dumps(body))


class Stopwatch:
    """Measures the seconds of a block."""

    seconds = 0.0

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._started

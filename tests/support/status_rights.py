"""The operator's right to write statuses, taken away for a while."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.cluster import Cluster, eventually


@contextmanager
def no_right_to_status(cluster: Cluster) -> Iterator[None]:
    """The API server refuses every status that the operator writes."""

    def give(verb: str) -> None:
        path = "/rules/1/verbs/0"
        kubectl("patch", "clusterrole", "governor", "--type=json", "-p", replacement(path, verb))
        may = verb == "update"
        eventually(lambda: (kubectl(*question, check=False).stdout.strip() == "yes") is may)

    kubectl = cluster.stack.kubectl
    operator = "--as=system:serviceaccount:governance-system:governor"
    question = ("auth", "can-i", "update", "governancepolicies", "--subresource=status", operator)
    give("get")
    try:
        yield
    finally:
        give("update")


def replacement(path: str, value: str) -> str:
    """A JSON patch of one value."""
    return json.dumps([{"op": "replace", "path": path, "value": value}])

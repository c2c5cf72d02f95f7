"""What is kept of an object: all that is read, and not half of what came."""

import json

from governor.api.slimming import slim
from governor.app.subjects import Subject
from governor.values.moments import in_seconds

KUBECTL = {
    "manager": "kubectl-client-side-apply",
    "operation": "Update",
    "time": "2026-11-26T10:00:00Z",
    "fieldsV1": {"f:metadata": {"f:annotations": {}}, "f:spec": {"f:checks": {}}},
}
STATUS = {
    "manager": "governor",
    "subresource": "status",
    "time": "2026-11-26T11:00:00Z",
    "fieldsV1": {"f:status": {"f:checks": {}}},
}
LABELS = {"manager": "labeller", "time": "2026-11-26T12:00:00Z", "fieldsV1": {"f:metadata": {}}}


def policy() -> dict[str, object]:
    """As the API server has it."""
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps({"spec": {}}),
        "governance.aiops.dev/run-now": "7",
    }
    metadata = {
        "uid": "u",
        "namespace": "aiops",
        "name": "flywheel",
        "resourceVersion": "5",
        "creationTimestamp": "2026-11-26T09:00:00Z",
        "annotations": annotations,
        "managedFields": [KUBECTL, STATUS, LABELS],
    }
    return {"metadata": metadata, "spec": {"checks": []}}


def test_who_wrote_the_spec_and_when_stays() -> None:
    """That goes into the sink's revisions; so does the rest of what is read."""
    whole, slimmed = Subject(policy()), Subject(slim(policy()))

    for subject in (whole, slimmed):
        assert subject.field_manager == "kubectl-client-side-apply"
        assert in_seconds(subject.changed_at) == "2026-11-26T10:00:00Z"
        assert subject.run_now == "7"
    assert slimmed.raw_spec == whole.raw_spec


def test_what_nobody_reads_goes() -> None:
    """The copy of the whole, and every field's owner."""
    metadata = slim(policy())["metadata"]

    assert metadata["managedFields"] == [{**KUBECTL, "fieldsV1": {"f:spec": {}}}]
    assert list(metadata["annotations"]) == ["governance.aiops.dev/run-now"]


def test_an_object_without_either_is_as_it_was() -> None:
    """As a server that was told to leave them out."""
    body = {"metadata": {"uid": "u", "annotations": None}}

    assert slim(body) == {"metadata": {"uid": "u", "annotations": None}}

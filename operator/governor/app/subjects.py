"""A policy as the informer saw it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from governor.api import RUN_NOW
from governor.api.loading import load_policy
from governor.api.policy import PolicySpec
from governor.api.status import PolicyStatus
from governor.app.ports import Json, ObjectKey
from governor.domain.policies import Policy, resolve
from governor.errors import SpecError
from governor.values.moments import LONG_AGO, time_said

RUN_NOW_LENGTH = 253
"""So much of a run-now request is compared and echoed."""


class Subject:
    """One version of a GovernancePolicy object."""

    __slots__ = ("body", "deleting", "generation", "key", "resource_version", "run_now")

    def __init__(self, body: Json) -> None:
        """What every turn asks for is read at once; the rest, from `body`, when asked for."""
        meta = body["metadata"]
        self.body = body
        self.key = ObjectKey(uid=meta["uid"], namespace=meta["namespace"], name=meta["name"])
        self.generation = int(meta.get("generation", 0))
        """Counts the changes of the spec."""
        self.resource_version = str(meta["resourceVersion"])
        """Changes with every write."""
        self.deleting = "deletionTimestamp" in meta
        """Whether somebody deletes it, and a finalizer, of somebody else's, holds it."""
        self.run_now = _run_now(meta)
        """The run-now request, if there is one."""

    @property
    def raw_spec(self) -> Mapping[str, Any]:
        """The spec as the user wrote it."""
        return self.body.get("spec") or {}

    @property
    def raw_status(self) -> Mapping[str, Any]:
        """The status as somebody wrote it; empty where it is only the schema's default."""
        status = self.body.get("status") or {}
        return status if "observedGeneration" in status else {}

    @property
    def field_manager(self) -> str:
        """Who last wrote the spec, as `managedFields` says; empty if it does not."""
        return str(_last_spec_write(self.body["metadata"]).get("manager", ""))

    @property
    def changed_at(self) -> datetime:
        """When the spec was last written, as `managedFields` says; else when the object was.

        Whoever writes a spec may write there what they like: what is no time is passed over.
        """
        meta = self.body["metadata"]
        said = _last_spec_write(meta).get("time"), meta.get("creationTimestamp")
        return next((time for it in said if (time := time_said(it))), LONG_AGO)

    def newer_than(self, other: "Subject") -> bool:
        """Whether this version was written after the other (resourceVersions are ordered)."""
        return int(self.resource_version) > int(other.resource_version)

    def spec(self) -> PolicySpec:
        """The spec, parsed.

        Raises:
            SpecError: it can't be understood; the message names the fields.
        """
        return load_policy(self.body)

    def status(self) -> PolicyStatus:
        """The status, parsed; an empty one where somebody wrote nonsense into it."""
        try:
            return PolicyStatus.model_validate(dict(self.raw_status))
        except ValidationError:
            return PolicyStatus()


def _run_now(metadata: Json) -> str | None:
    value = (metadata.get("annotations") or {}).get(RUN_NOW)
    return None if value is None else str(value)[:RUN_NOW_LENGTH]


def _last_spec_write(metadata: Json) -> Json:
    writes = [
        entry
        for entry in metadata.get("managedFields") or ()
        if not entry.get("subresource") and "f:spec" in (entry.get("fieldsV1") or {})
    ]
    return max(writes, key=lambda entry: time_said(entry.get("time")) or LONG_AGO, default={})


@dataclass(frozen=True, slots=True)
class Understood:
    """One generation's spec, parsed."""

    generation: int
    policy: Policy | None
    fault: str = ""

    @property
    def suspended(self) -> bool:
        """Whether it says that it shall not be evaluated."""
        return self.policy is not None and self.policy.suspended

    @property
    def measured(self) -> Policy | None:
        """The policy, if its checks are to be measured."""
        return None if self.suspended else self.policy


def understand(subject: Subject) -> Understood:
    """Parses a version's spec; a fault is data, told in a condition."""
    try:
        return Understood(subject.generation, resolve(subject.spec()))
    except SpecError as error:
        return Understood(subject.generation, None, str(error))


def dump(status: PolicyStatus) -> dict[str, Any]:
    """A status as the API server gets it; entries of the log without what says nothing."""
    data = status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"pending"})
    data["pending"] = [
        entry.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for entry in status.pending
    ]
    return data

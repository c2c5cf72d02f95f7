"""A policy as the informer saw it: parsed once, copied out of what may change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
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


@dataclass(frozen=True)
class Subject:
    """One version of a GovernancePolicy object."""

    body: Json

    @cached_property
    def key(self) -> ObjectKey:
        """Which policy."""
        meta = self.body["metadata"]
        return ObjectKey(uid=meta["uid"], namespace=meta["namespace"], name=meta["name"])

    @property
    def generation(self) -> int:
        """Counts the changes of the spec."""
        return int(self.body["metadata"].get("generation", 0))

    @property
    def resource_version(self) -> str:
        """Changes with every write."""
        return str(self.body["metadata"]["resourceVersion"])

    @property
    def deleting(self) -> bool:
        """Whether somebody deletes it, and a finalizer, of somebody else's, holds it."""
        return "deletionTimestamp" in self.body["metadata"]

    @property
    def run_now(self) -> str | None:
        """The run-now request, if there is one."""
        annotations = self.body["metadata"].get("annotations") or {}
        value = annotations.get(RUN_NOW)
        return None if value is None else str(value)[:RUN_NOW_LENGTH]

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
        return str(self._last_spec_write.get("manager", ""))

    @property
    def changed_at(self) -> datetime:
        """When the spec was last written, as `managedFields` says; else when the object was.

        Whoever writes a spec may write there what they like: what is no time is passed over.
        """
        created = self.body["metadata"].get("creationTimestamp")
        return time_said(self._last_spec_write.get("time")) or time_said(created) or LONG_AGO

    @cached_property
    def _last_spec_write(self) -> Json:
        writes = [
            entry
            for entry in self.body["metadata"].get("managedFields") or ()
            if not entry.get("subresource") and "f:spec" in (entry.get("fieldsV1") or {})
        ]
        return max(writes, key=lambda entry: time_said(entry.get("time")) or LONG_AGO, default={})

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

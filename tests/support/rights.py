"""The rights that `deploy/base` grants to the operator, and which of them a run has used."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from governor_local import manifests
from governor_local.audit import Call
from governor_local.operator_process import NAMESPACE, SERVICE_ACCOUNT
from governor_local.stack import Stack

USER = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"
SUBJECT = {"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE}


@dataclass(frozen=True, order=True, kw_only=True)
class Right:
    """One verb on one resource, the smallest thing that a role grants."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    """Where; empty: everywhere."""
    name: str = ""
    """Of which object; empty: of any."""

    def __str__(self) -> str:
        """As a person would say it."""
        what = f"{self.verb} {self.resource}" + (f".{self.group}" if self.group else "")
        where = f" in {self.namespace}" if self.namespace else ""
        return what + (f" {self.name}" if self.name else "") + where

    def allows(self, call: Call) -> bool:
        """Whether the call is within the right."""
        return (
            (self.verb, self.group, self.resource) == (call.verb, call.group, call.resource)
            and self.namespace in ("", call.namespace)
            and self.name in ("", call.name)
        )


def granted(stack: Stack) -> list[Right]:
    """Every right of the operator's ServiceAccount, as shipped, by whichever role."""
    base = manifests.rendered(stack.binaries.kubectl, manifests.DEPLOY / "base")
    objects = {(m["kind"], m["metadata"]["name"]): m for m in yaml.safe_load_all(base)}
    bindings = [m for m in objects.values() if SUBJECT in m.get("subjects", ())]
    return sorted(
        right
        for binding in bindings
        for right in _of_role(
            objects[binding["roleRef"]["kind"], binding["roleRef"]["name"]],
            binding["metadata"].get("namespace", ""),
        )
    )


def _of_role(role: dict[str, Any], namespace: str) -> Iterable[Right]:
    for rule in role["rules"]:
        for verb in rule["verbs"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for name in rule.get("resourceNames", [""]):
                        yield Right(
                            verb=verb,
                            group=group,
                            resource=resource,
                            namespace=namespace,
                            name=name,
                        )


def unused(rights: Iterable[Right], calls: Sequence[Call]) -> list[str]:
    """Those that none of the calls needed."""
    return [str(right) for right in rights if not any(right.allows(call) for call in calls)]


def missing(rights: Sequence[Right], calls: Iterable[Call]) -> list[str]:
    """What was asked for beyond the rights: refused, or granted by some other role."""
    return sorted(
        {
            f"{call.verb} {call.path}"
            for call in calls
            if call.forbidden or (call.resource and not any(right.allows(call) for right in rights))
        }
    )

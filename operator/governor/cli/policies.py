"""The policies of manifests, with every default applied."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from governor.api.kinds import CHANNELS, MUTES, POLICIES
from governor.api.loading import load_channel, load_mute, load_policy
from governor.cli.documents import Document, read
from governor.domain.policies import Policy, resolve
from governor.errors import SpecError

KIND = POLICIES.kind

_BYSTANDERS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    CHANNELS.kind: load_channel,
    MUTES.kind: load_mute,
}
"""Kinds that change nothing about what is measured, but may not be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPolicy:
    """A policy and whose it is."""

    namespace: str
    name: str
    policy: Policy


def read_policies(paths: Iterable[str]) -> tuple[tuple[NamedPolicy, ...], tuple[str, ...]]:
    """The policies in the files, and what else stood there and was left alone.

    Channels and mutes are read, too, so that a wrong one is told.

    Raises:
        SpecError: all that is wrong with the files, one fault a line; or they hold no
            policy.
    """
    policies: list[NamedPolicy] = []
    others: list[str] = []
    faults: list[str] = []
    seen: set[tuple[str, str, str]] = set()
    for document in read(paths):
        try:
            document.check_kind()
            if document.kind != KIND and document.kind not in _BYSTANDERS:
                others.append(f"{document.where}: {document.kind or 'a document without a kind'}")
                continue
            if document.kind == KIND:
                policies.append(_policy(document))
            else:
                document.loaded(_BYSTANDERS[document.kind])
            if (identity := _identity(document)) in seen:
                raise document.refused("stands there twice")
            seen.add(identity)
        except SpecError as error:
            faults.append(str(error))
    if faults:
        raise SpecError("\n".join(faults))
    if not policies:
        found = f"; found {', '.join(others)}" if others else ""
        raise SpecError(f"there is no {KIND} in these files{found}")
    return tuple(policies), tuple(others)


def _identity(document: Document) -> tuple[str, str, str]:
    """Of two objects that share it, `kubectl apply` would silently forget the first."""
    namespace = "" if document.kind == CHANNELS.kind else document.namespace
    return document.kind, namespace, document.name


def _policy(document: Document) -> NamedPolicy:
    policy = document.loaded(lambda body: resolve(load_policy(body)))
    return NamedPolicy(namespace=document.namespace, name=document.name, policy=policy)

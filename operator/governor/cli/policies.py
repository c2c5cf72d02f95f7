"""The policies of manifests, with every default applied."""

from collections.abc import Iterable
from dataclasses import dataclass

from governor.api import API_VERSION
from governor.api.loading import load_policy
from governor.cli.documents import Document, read
from governor.domain.policies import Policy, resolve
from governor.errors import SpecError

KIND = "GovernancePolicy"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPolicy:
    """A policy and whose it is."""

    namespace: str
    name: str
    policy: Policy


def read_policies(paths: Iterable[str]) -> tuple[tuple[NamedPolicy, ...], tuple[str, ...]]:
    """The policies in the files, and what else stood there and was left alone.

    Raises:
        SpecError: all that is wrong with the files, one fault a line; or they hold no
            policy.
    """
    policies: dict[tuple[str, str], NamedPolicy] = {}
    others: list[str] = []
    faults: list[str] = []
    for document in read(paths):
        if document.kind != KIND:
            others.append(f"{document.where}: {document.kind or 'a document without a kind'}")
            continue
        try:
            named = _policy(document)
            if (named.namespace, named.name) in policies:
                raise document.refused(f"namespace {named.namespace} has it twice")
            policies[named.namespace, named.name] = named
        except SpecError as error:
            faults.append(str(error))
    if faults:
        raise SpecError("\n".join(faults))
    if not policies:
        raise SpecError(f"there is no {KIND} in these files")
    return tuple(policies.values()), tuple(others)


def _policy(document: Document) -> NamedPolicy:
    name = document.name
    if (version := document.body.get("apiVersion")) != API_VERSION:
        raise document.refused(f"apiVersion must be {API_VERSION}, not {version}")
    try:
        policy = resolve(load_policy(document.body))
    except SpecError as error:
        raise document.refused(str(error)) from error
    return NamedPolicy(namespace=document.namespace, name=name, policy=policy)

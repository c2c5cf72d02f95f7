"""Before kopf lives: the cluster is known, the CRDs are served, what is known is what there is.

kopf tells of no deletion that happened while it did not watch. So policies that are gone
are looked for here, from one whole list.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import Protocol

from governor.adapters.kubernetes.cluster import cluster_id, wait_for_crds
from governor.adapters.kubernetes.connection import Connection, RefusedError
from governor.adapters.kubernetes.listing import list_all
from governor.api import API_VERSION
from governor.app.ports import Informed
from governor.errors import StoreError

RETRY_SECONDS = 2.0
"""Between two questions to an API server that does not answer yet."""

_POLICIES = f"/apis/{API_VERSION}/governancepolicies"
_NOT_FOUND = 404

_log = logging.getLogger(__name__)


class Caches(Informed, Protocol):
    """Keeps what is seen, and may know policies that are gone."""

    @property
    def uids(self) -> Collection[str]:
        """Of every policy that is known."""


async def identify(connection: Connection) -> str:
    """The cluster's uid, once the API server tells it."""
    told = ""
    while True:
        try:
            return await cluster_id(connection)
        except StoreError as error:
            if str(error) != told:
                _log.warning("waiting for the API server", extra={"error": str(error)})
            told = str(error)
        await asyncio.sleep(RETRY_SECONDS)


async def prepare(connection: Connection, caches: Caches) -> None:
    """Returns once our CRDs are served, and all that policies depend on is known.

    Policies are seen after that: none must find a source missing, or tell what is
    muted, only because it was not listed yet. Those that are gone are forgotten, also
    while the CRDs are missing.
    """
    while True:
        forgetting = asyncio.create_task(_forget_again_and_again(connection, caches))
        try:
            await wait_for_crds(connection, _report)
        finally:
            forgetting.cancel()
        try:
            await _list(connection, caches)
            await _forget(connection, caches)
        except StoreError as error:
            _log.warning("what policies depend on can't be listed yet", extra={"error": str(error)})
            await asyncio.sleep(RETRY_SECONDS)
        else:
            caches.listed()
            return


async def _list(connection: Connection, informed: Informed) -> None:
    async for body in list_all(connection, "/api/v1/namespaces"):
        metadata = body["metadata"]
        informed.namespace_seen(metadata["name"], metadata.get("labels") or {})
    for plural, seen in (
        ("governancesources", informed.source_seen),
        ("governancechannels", informed.channel_seen),
        ("governancemutes", informed.mute_seen),
    ):
        async for body in list_all(connection, f"/apis/{API_VERSION}/{plural}"):
            seen(body)


async def _forget_again_and_again(connection: Connection, caches: Caches) -> None:
    while caches.uids:
        try:
            await _forget(connection, caches)
        except StoreError as error:
            _log.debug("policies can't be listed", extra={"error": str(error)})
        await asyncio.sleep(RETRY_SECONDS)


async def _forget(connection: Connection, caches: Caches) -> None:
    """Forgets the policies that a whole list does not have; without their CRD there are none.

    Raises:
        StoreError: it can't be listed now; nothing was forgotten.
    """
    known = set(caches.uids)
    if not known:
        return
    for uid in known - await policy_uids(connection):
        caches.policy_gone(uid)


async def policy_uids(connection: Connection) -> set[str]:
    """The uids of all policies that there are; none without their CRD.

    Raises:
        StoreError: they can't be listed now.
    """
    try:
        return {body["metadata"]["uid"] async for body in list_all(connection, _POLICIES)}
    except RefusedError as error:
        if error.status != _NOT_FOUND:
            raise
        return set()


def _report(missing: Sequence[str]) -> None:
    if missing:
        _log.warning("waiting for the CRDs: %s", "; ".join(missing))
    else:
        _log.info("the CRDs are served")

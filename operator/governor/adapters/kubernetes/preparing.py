"""Before kopf lives: the cluster is known, the CRDs are served, and so is what they depend on."""

import asyncio
import logging
from collections.abc import Sequence

from governor.adapters.kubernetes.cluster import cluster_id, wait_for_crds
from governor.adapters.kubernetes.connection import Connection
from governor.adapters.kubernetes.objects import KubernetesObjects
from governor.api.slimming import slim
from governor.app.ports import Informed, Kind
from governor.errors import StoreError

RETRY_SECONDS = 2.0
"""Between two questions to an API server that does not answer yet."""

_log = logging.getLogger(__name__)


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


async def prepare(connection: Connection, informed: Informed) -> None:
    """Returns once our CRDs are served, and all that policies depend on is known.

    Policies are seen after that: none must find a source missing, or tell what is
    muted, only because it was not listed yet.
    """
    objects = KubernetesObjects(connection)
    while True:
        await wait_for_crds(connection, _report)
        try:
            for kind in Kind:
                if kind is not Kind.POLICIES:
                    async for body in objects.all(kind):
                        informed.seen(kind, slim(body))
        except StoreError as error:
            _log.warning("what policies depend on can't be listed yet", extra={"error": str(error)})
            await asyncio.sleep(RETRY_SECONDS)
        else:
            informed.listed()
            return


def _report(missing: Sequence[str]) -> None:
    if missing:
        _log.warning("waiting for the CRDs: %s", "; ".join(missing))
    else:
        _log.info("the CRDs are served")

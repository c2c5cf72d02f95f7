"""What leading needs: a Lease that all replicas see, and who may act now."""

from typing import Protocol

from governor.domain.leases import Lease


class LeaseStore(Protocol):
    """Knows how to read and write the one Lease, each write guarded by its version."""

    async def read(self) -> tuple[str, Lease] | None:
        """Its version and what it says; None if there is none.

        Raises:
            StoreError: it can't be read now, or not at all.
        """

    async def create(self, lease: Lease) -> str:
        """Makes it; its version.

        Raises:
            ConflictError: there is one.
            StoreError: it can't be written.
        """

    async def replace(self, version: str, lease: Lease) -> str:
        """Replaces that version of it; the new version. One that somebody deleted is made anew.

        Raises:
            ConflictError: it is not that version any more.
            StoreError: it can't be written.
        """


class Authority(Protocol):
    """Knows whether this process may act, at this very moment."""

    @property
    def epoch(self) -> int:
        """The number of the term, written with every status of a policy."""

    def require(self) -> None:
        """Returns if this process leads.

        Raises:
            NotLeadingError: it does not, or can't be sure any more.
        """

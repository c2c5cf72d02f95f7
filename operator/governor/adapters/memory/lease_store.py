"""A Lease held in memory under the API server's rules, and hands that write to it."""

import itertools

from governor.adapters.memory.faults import Fault, Faults
from governor.domain.leases import Lease
from governor.errors import ConflictError, StoreError


class InMemoryLeaseStore:
    """A double of `app.ports.LeaseStore` that several replicas may share."""

    def __init__(self) -> None:
        self.lease: Lease | None = None
        self._version = ""
        self._versions = itertools.count(1)
        self._faults = Faults()

    def fail(self, *faults: Fault | StoreError) -> None:
        """Plants faults, one for each of the next requests."""
        self._faults.plant(*faults)

    def put(self, lease: Lease | None) -> None:
        """What somebody with kubectl does; None: deletes it."""
        self.lease = lease
        self._version = str(next(self._versions))

    async def read(self) -> tuple[str, Lease] | None:
        """As the port says."""
        self._faults.answer(self._faults.begin())
        return None if self.lease is None else (self._version, self.lease)

    async def create(self, lease: Lease) -> str:
        """As the port says."""
        fault = self._faults.begin()
        if self.lease is not None:
            raise ConflictError("there is one")
        self.put(lease)
        self._faults.answer(fault)
        return self._version

    async def replace(self, version: str, lease: Lease) -> str:
        """As the port says."""
        fault = self._faults.begin()
        if self.lease is not None and version != self._version:
            raise ConflictError("it was written since")
        self.put(lease)
        self._faults.answer(fault)
        return self._version

"""A term of leading that begins and ends when a test says so."""

from governor.errors import NotLeadingError


class InMemoryAuthority:
    """A double of `app.ports.Authority`."""

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = epoch
        self.leads = True

    def require(self) -> None:
        """As the port says."""
        if not self.leads:
            raise NotLeadingError("this replica does not lead: nothing was done")

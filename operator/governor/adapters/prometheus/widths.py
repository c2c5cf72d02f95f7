"""How many queries a source's batches may have: proxies and servers have limits of their own."""

from governor.adapters.prometheus.batches import MOST

WORKED = 100
"""So many answered requests later, twice as many queries are tried again."""


class Width:
    """Halved when a batch fails though none of its queries does alone."""

    def __init__(self) -> None:
        self.most = MOST
        """At 1, none is asked together with another."""
        self._worked = 0

    def worked(self) -> None:
        """A request was answered."""
        if self.most == MOST:
            return
        self._worked += 1
        if self._worked >= WORKED:
            self._worked = 0
            self.most = min(MOST, self.most * 2)

    def failed(self, count: int) -> None:
        """A batch of so many was too much, and nobody's fault."""
        self.most = min(self.most, max(1, count // 2))
        self._worked = 0

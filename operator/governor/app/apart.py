"""Work that goes from policy to policy, where one policy's bug must not keep the others waiting."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from governor.app.ports import ObjectKey

_log = logging.getLogger(__name__)


class Apart:
    """Says in the log which policy such work fails for: once, until it does well again."""

    def __init__(self, complaint: str) -> None:
        """Knows of none.

        Args:
            complaint: what the log says of a policy.
        """
        self._complaint = complaint
        self._failing: set[str] = set()

    @contextmanager
    def each(self, policy: ObjectKey) -> Iterator[None]:
        """What is done here is that policy's alone: an error that nobody foresaw ends here."""
        try:
            yield
        except Exception:  # noqa: BLE001 - it is a bug, and the next policy's turn all the same
            if policy.uid not in self._failing:
                self._failing.add(policy.uid)
                names = {"policy_namespace": policy.namespace, "policy": policy.name}
                _log.exception(self._complaint, extra=names)
        else:
            self._failing.discard(policy.uid)

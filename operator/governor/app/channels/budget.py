"""How many messages a chat still takes: a window that slides."""

from collections import deque


class Budget:
    """At most so many messages in any window. Times are the event loop's, in seconds."""

    def __init__(self, most: int, window: float) -> None:
        self.most = most
        self._window = window
        self._spent: deque[float] = deque()

    def spend(self, now: float) -> None:
        """A message was sent, or may have been."""
        self._spent.append(now)

    def left(self, now: float) -> int:
        """How many may be sent now."""
        while self._spent and self._spent[0] + self._window <= now:
            self._spent.popleft()
        return max(self.most - len(self._spent), 0)

    def free_at(self, now: float) -> float:
        """When one may be sent."""
        if self.left(now):
            return now
        return self._spent[len(self._spent) - self.most] + self._window

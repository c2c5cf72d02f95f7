"""What kopf keeps of each object, and how it is made to forget one.

When kopf lists a kind anew, it does not notice what the list has no more: it keeps its
memory of such an object, and the timer goes on ticking. kopf takes memories of ours, but
has no public class for them; the version is pinned in `timers`.
"""

from kopf._core.intents.stoppers import DaemonStoppingReason
from kopf._core.reactor.inventory import ResourceMemories


class Memories(ResourceMemories):
    """kopf's memories, by uid. All of it in kopf's loop."""

    def __len__(self) -> int:
        return len(self._items)

    def drop(self, uid: str) -> None:
        """Forgets an object, and ends its timers."""
        memory = self._items.pop(uid, None)
        if memory is None:
            return
        for timer in memory.daemons_memory.running_daemons.values():
            timer.stopper.set(reason=DaemonStoppingReason.RESOURCE_DELETED)

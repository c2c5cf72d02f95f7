"""kopf's patches, which nobody here fills, are let go of at once.

kopf makes one for every event and every tick. It refers to itself by its views, and to the
object: only a search for garbage in cycles would free it, and that comes seldom (`garbage`).
"""

import kopf


def let_go(patch: kopf.Patch) -> None:
    """Cuts a patch off from itself; kopf goes on to see that it is empty, and forgets it."""
    for view in (patch.meta, patch.spec, patch.status):
        vars(view).clear()

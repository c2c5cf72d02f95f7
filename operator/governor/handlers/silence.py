"""kopf's settings: it stores nothing, posts nothing, peers with nobody."""

from typing import Any

import kopf

from governor.api import GROUP

WATCH_SECONDS = 60
"""A watch is renewed so often: the proof that it works, even where nothing happens."""


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers no last-handled state; this operator asks kopf for no differences."""

    def build(self, **_: Any) -> Any:
        """Nothing; the default would copy the whole object at every event."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Nothing."""
        return {}

    def store(self, **_: Any) -> None:
        """Nowhere."""


class NoProgress(kopf.ProgressStorage):
    """Remembers no progress of handlers; ours are done at once."""

    def fetch(self, **_: Any) -> None:
        """Nothing."""

    def store(self, **_: Any) -> None:
        """Nowhere."""

    def purge(self, **_: Any) -> None:
        """Nothing is there."""

    def touch(self, **_: Any) -> None:
        """No object is ever touched."""

    def clear(self, *, essence: Any) -> Any:
        """Nothing of ours is in it."""
        return essence


def kopf_settings() -> kopf.OperatorSettings:
    """The settings that every life of kopf gets."""
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    settings.persistence.finalizer = f"{GROUP}/never-set"
    settings.posting.enabled = False
    settings.peering.standalone = True
    # kopf would read and watch all CRDs of the cluster. Ours are waited for before it
    # starts, and it ends when one is removed: it then starts again.
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = 1
    settings.watching.chunk_size = 500
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.connect_timeout = 5
    settings.networking.connect_timeout = 5
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = (1, 2, 5, 5, 5)
    # A timer that shall stop is waited for; by default kopf counts ten turns of the loop.
    settings.background.instant_exit_timeout = 1
    # It would SIGKILL the process ten minutes after any life that ended by a fault.
    settings.process.ultimate_exiting_timeout = None
    return settings

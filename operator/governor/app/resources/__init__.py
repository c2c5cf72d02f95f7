"""What sources and channels have in common: found, allowed, built with their Secrets, watched."""

from governor.app.resources.announcing import OnChange
from governor.app.resources.directory import Directory
from governor.app.resources.entries import Entry
from governor.app.resources.keeping import Keeper
from governor.app.resources.namespaces import Namespaces
from governor.app.resources.pace import Pace, forever, within
from governor.app.resources.writing import StatusWriter

__all__ = [
    "Directory",
    "Entry",
    "Keeper",
    "Namespaces",
    "OnChange",
    "Pace",
    "StatusWriter",
    "forever",
    "within",
]

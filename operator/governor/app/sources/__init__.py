"""The sources that policies measure from: found, admitted, kept ready, watched."""

from governor.app.sources.directory import SourceDirectory
from governor.app.sources.pace import Pace

__all__ = ["Pace", "SourceDirectory"]

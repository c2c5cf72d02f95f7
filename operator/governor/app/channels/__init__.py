"""The channels that findings are told through: found, allowed, kept ready, told in turn."""

from governor.app.channels.directory import ChannelDirectory
from governor.app.channels.pace import Pace

__all__ = ["ChannelDirectory", "Pace"]

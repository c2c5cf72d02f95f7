"""The mutes of every policy, as last seen: when they end, and what their statuses say."""

from governor.app.mutes.directory import MuteDirectory, OnChange
from governor.app.mutes.entries import Pace
from governor.app.mutes.statuses import PolicyOf

__all__ = ["MuteDirectory", "OnChange", "Pace", "PolicyOf"]

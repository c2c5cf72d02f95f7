"""Tells of findings: Alertmanagers, chats and mailboxes, CloudEvents webhooks."""

from governor.adapters.channels.making import Notifiers

__all__ = ["Notifiers"]

"""What one message to a chat carries, of all that waits: one notice, or a digest."""

from collections.abc import Hashable, Sequence

from governor.domain.governance import SELF_FAILURE
from governor.domain.notices import Notice

Offer = Sequence[Notice]
"""What one policy wants told, in order."""


def next_message(offers: Sequence[Offer], left: int) -> list[int]:
    """How many notices of each offer, from its front, the next message carries.

    All of them where they need more messages than are left: a digest. Else the first
    notice of the first offer; with a self failure go all that stand in front of an offer
    and have the same source behind them.

    Args:
        offers: what waits, longest first; none of them empty.
        left: how many messages the chat still takes now, at least 1.
    """
    if len({_subject(notice) for offer in offers for notice in offer}) > left:
        return [len(offer) for offer in offers]
    first = offers[0][0]
    if not _shared(first):
        return [1] + [0] * (len(offers) - 1)
    return [_leading(offer, _subject(first)) for offer in offers]


def _shared(notice: Notice) -> bool:
    """Whether other policies tell of the same thing: that a source is down."""
    return notice.event_type == SELF_FAILURE and notice.source is not None


def _subject(notice: Notice) -> Hashable:
    """Notices of one subject go in one message."""
    return ("source", notice.source) if _shared(notice) else notice.id


def _leading(offer: Offer, subject: Hashable) -> int:
    count = 0
    while count < len(offer) and _subject(offer[count]) == subject:
        count += 1
    return count

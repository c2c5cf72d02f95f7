"""How a transition reads as a Kubernetes Event: its words, as plain data."""

from dataclasses import dataclass, replace

from governor.api.log import Entry, Transition
from governor.domain.governance import CHECK_BLIND
from governor.domain.mutes import GOVERNANCE_MUTE
from governor.values.moments import in_seconds

NOTE_BYTES = 1024
"""As much as the API server takes of an Event's note."""

ACTION = "Evaluate"
MUTE = "Mute"
REMEDIATE = "Remediate"

_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWords:
    """What kind of Event tells of a transition."""

    type: str
    """`Normal` or `Warning`."""
    reason: str
    action: str = ACTION


EVENTS = {
    Transition.OPEN: EventWords(type="Warning", reason="FindingOpened"),
    Transition.RESOLVE: EventWords(type="Normal", reason="FindingResolved"),
    Transition.BLIND: EventWords(type="Warning", reason="CheckBlind"),
    Transition.MEASURABLE: EventWords(type="Normal", reason="CheckMeasurable"),
    Transition.WOULD_REMEDIATE: EventWords(
        type="Normal", reason="WouldRemediate", action=REMEDIATE
    ),
    Transition.REMEDIATED: EventWords(type="Warning", reason="Remediated", action=REMEDIATE),
}
"""The other transitions are told to other targets."""


def event_words(entry: Entry) -> EventWords:
    """What kind of Event tells of an entry."""
    words = EVENTS[entry.transition]
    return replace(words, action=MUTE) if entry.event_type == GOVERNANCE_MUTE else words


def event_note(entry: Entry) -> str:
    """What happened, how bad it is against which line, since when; at most `NOTE_BYTES`."""
    before, after = _frame(entry)
    # What is too long is the message: what it is about and since when stay readable.
    room = NOTE_BYTES - len(_bytes(before)) - len(_bytes(after))
    return before + cut(entry.message, room) + after


def _frame(entry: Entry) -> tuple[str, str]:
    """What is said before the entry's message, and after it."""
    muting = entry.event_type == GOVERNANCE_MUTE
    what = entry.event_type if muting or not entry.check else entry.check
    kind = f"{entry.event_type}, " if what == entry.check else ""
    since = in_seconds(entry.opened_at or entry.decided_at)
    unseen = f"can't be measured: {entry.reason}: "
    match entry.transition:
        case Transition.OPEN:
            # A blind check's message is that of its latest failure.
            how = unseen if entry.event_type == CHECK_BLIND else ""
            return f"{what}: {how}", f" ({kind}since {since})"
        case Transition.RESOLVE:
            return (
                f"{what}: resolved ({entry.resolved_reason}): ",
                f" ({kind}was open since {since})",
            )
        case Transition.REMEDIATED | Transition.WOULD_REMEDIATE:
            return f"{what}: ", f" ({kind}since {since})"
        case Transition.BLIND:
            return f"{what}: {unseen}", f" (since {since})"
        case _:
            return f"{what}: measured again: ", f" (since {since})"


def cut(text: str, size: int) -> str:
    """At most so many bytes of UTF-8, never half a character; an ellipsis shows the cut."""
    raw = _bytes(text)
    if len(raw) <= size:
        return text
    kept = raw[: max(0, size - len(_bytes(_ELLIPSIS)))]
    return kept.decode(errors="ignore") + _ELLIPSIS


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")

"""Makes a message as short as a service wants it, so that one sees what is missing."""

from collections.abc import Callable

from governor.adapters.channels.messages import Message
from governor.adapters.channels.plain import shortened

Fits = Callable[[str, str], bool]
"""Whether a service takes a title and a body of this length."""


def fitted(message: Message, fits: Fits, title_length: int) -> tuple[str, str]:
    """Title and body that a service takes.

    Lines go from the end, and the command stays; at last the command goes.

    Args:
        message: to be told.
        fits: whether the service takes it.
        title_length: the longest title that the service takes; 0 where it has none, and
            shows it above the body.
    """
    title = shortened(message.title, title_length) if title_length > 0 else message.title
    if fits(title, message.body):
        return title, message.body
    kept = _most(len(message.lines) - 1, lambda n: fits(title, _cut(message, n)))
    return _without_lines(message, fits) if kept is None else (title, _cut(message, kept))


def _without_lines(message: Message, fits: Fits) -> tuple[str, str]:
    """What is wrong, and the command if there is room for both."""

    def with_command(length: int) -> str:
        return f"{shortened(message.title, length)}\n{message.command}"

    length = _most(len(message.title), lambda n: fits("", with_command(n)))
    if length is not None and length >= _TELLING:
        return "", with_command(length)
    length = _most(len(message.title), lambda n: fits("", shortened(message.title, n)))
    return "", shortened(message.title, length or 1)


_TELLING = 30
"""Characters of a title below which it says too little for the command to be worth its room."""


def _cut(message: Message, kept: int) -> str:
    """The body with so many lines, and how many are missing."""
    missing = len(message.lines) - kept
    return "\n".join((*message.lines[:kept], f"… ({missing} more lines)", message.command))


def _most(highest: int, holds: Callable[[int], bool]) -> int | None:
    """The highest number from 0 for which it holds, if it holds for all below; None: for none."""
    low, high = -1, highest
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return None if low < 0 else low

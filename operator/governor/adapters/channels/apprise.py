"""Tells one chat, mailbox or webhook through Apprise, which is synchronous.

Each message is sent in a thread of its own, so that a service that hangs holds up nobody
else: neither the event loop nor another channel's thread.
"""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress

from apprise import NotifyFormat, NotifyType, OverflowMode
from apprise.conversion import convert_between
from apprise.plugins.base import NotifyBase

from governor.adapters.channels.apprise_answers import answers_within
from governor.adapters.channels.apprise_logs import EAR
from governor.adapters.channels.fitting import fitted
from governor.adapters.channels.messages import Message, message
from governor.domain.notices import Notice
from governor.errors import DeliveryError

SECONDS = 30.0
"""How long a message may take; some services want seconds between two of them."""

MOST_HANGING = 3
"""Messages of one channel that may hang at the same time: each holds a thread."""

_MARKUP = 16
"""Characters that Apprise may put around a title which it shows above the body."""

_TYPES = {
    "critical": NotifyType.FAILURE,
    "warning": NotifyType.WARNING,
    "info": NotifyType.INFO,
}


class AppriseNotifier:
    """Implements `app.ports.channels.Notifier`."""

    def __init__(self, service: NotifyBase, *, seconds: float = SECONDS) -> None:
        """Tells through a service.

        Args:
            service: with one target.
            seconds: how long a message may take.
        """
        self._service = service
        self._seconds = seconds
        self._under_way = 0

    async def tell(self, notices: Sequence[Notice]) -> None:
        """As the port says: one message, whatever the number of notices."""
        if not notices:
            return
        name = str(self._service.service_name)
        if self._under_way >= MOST_HANGING:
            raise DeliveryError(f"{name}: {self._under_way} messages before this one hang")
        try:
            async with asyncio.timeout(self._seconds):
                failure = await self._in_a_thread(message(notices))
        except TimeoutError:
            failure = f"no answer within {self._seconds:g}s"
        if failure is not None:
            raise DeliveryError(f"{name}: {failure}")

    async def close(self) -> None:
        """As the port says. A message that hangs ends by itself, or with the process."""

    def _in_a_thread(self, told: Message) -> asyncio.Future[str | None]:
        """Why a message was not taken; None: it was."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[str | None] = loop.create_future()

        def settle(failure: str | None) -> None:
            self._under_way -= 1
            if not outcome.done():
                outcome.set_result(failure)

        def run() -> None:
            failure = self._sent(told)
            with suppress(RuntimeError):  # The loop ended before the service answered.
                loop.call_soon_threadsafe(settle, failure)

        self._under_way += 1
        threading.Thread(target=run, name="apprise", daemon=True).start()
        return outcome

    def _sent(self, told: Message) -> str | None:
        """Sends within this thread; why it was not taken. No error leaves: they quote URLs."""
        EAR.last()
        answers_within(self._seconds)
        try:
            title, body = fitted(told, self._fits, self._service.title_maxlen)
            taken: bool | None = self._service.notify(
                title=title,
                body=body,
                notify_type=_type(told),
                body_format=NotifyFormat.TEXT,
                overflow=OverflowMode.UPSTREAM,
            )
        except Exception as error:  # noqa: BLE001 - plugins raise what they like
            return f"it failed with {type(error).__name__}"
        if taken:
            return None
        return EAR.last() or ("nothing was sent" if taken is None else "the message was refused")

    def _fits(self, title: str, body: str) -> bool:
        """Whether the service takes it, as Apprise will have written it."""
        service = self._service
        above = bool(title) and service.title_maxlen <= 0
        text = f"{title}\n{body}" if above else body
        most_lines = service.body_max_line_count
        if 0 < most_lines < len(text.split("\n")) or len(text) > service.body_maxlen:
            return False
        form = service.resolve_format(NotifyFormat.TEXT)
        written = service.dialect_convert(convert_between(NotifyFormat.TEXT, form, text), form)
        length = _units(written) + (_MARKUP if above else 0)
        if service.overflow_amalgamate_title:
            length += _units(title) + _MARKUP
        return length <= service.body_maxlen


def _units(text: str) -> int:
    """Its length as those count it who count most: in UTF-16, as Telegram does."""
    return len(text.encode("utf-16-le", errors="replace")) // 2


def _type(told: Message) -> NotifyType:
    return NotifyType.SUCCESS if told.resolved else _TYPES.get(told.severity, NotifyType.WARNING)

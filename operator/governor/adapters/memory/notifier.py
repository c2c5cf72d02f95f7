"""Channels that keep what they are told, for tests, and fail, hang or are busy when asked."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from governor.api.channel import ChannelSpec
from governor.app.ports import AlertNotifier, Notifier
from governor.domain.alerts import Alert
from governor.domain.notices import Notice
from governor.errors import DeliveryError
from governor.values.outcomes import FaultError


class _Moods:
    """What a test wants of the next calls."""

    def __init__(self) -> None:
        self.down: DeliveryError | None = None
        """What every call raises; None while calls succeed."""
        self.closed = False
        self.called = asyncio.Event()
        """Set by every call, before it hangs, fails or succeeds."""
        self._faults: deque[DeliveryError] = deque()
        self._open = asyncio.Event()
        self._open.set()

    def fail(self, *faults: DeliveryError) -> None:
        """Plants errors, one for each of the next calls: BusyError, RetiredError and so on."""
        self._faults.extend(faults)

    def hang(self) -> None:
        """From now on calls wait, those that hang already included, until `go_on`."""
        self._open.clear()

    def go_on(self) -> None:
        """Lets the calls that hang, and later ones, go on."""
        self._open.set()

    async def close(self) -> None:
        """Remembers that it was closed."""
        self.closed = True

    async def _suffer(self) -> None:
        self.called.set()
        await self._open.wait()
        if self._faults:
            raise self._faults.popleft()
        if self.down is not None:
            raise self.down


class InMemoryNotifier(_Moods):
    """A double of `app.ports.Notifier`."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[Notice, ...]] = []
        """What was taken: one tuple a message."""
        self.attempts: list[tuple[Notice, ...]] = []
        """Every call, those that failed or hang included."""

    async def tell(self, notices: Sequence[Notice]) -> None:
        """As the port says."""
        self.attempts.append(tuple(notices))
        await self._suffer()
        self.told.append(tuple(notices))


class InMemoryAlertNotifier(_Moods):
    """A double of `app.ports.AlertNotifier`."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[tuple[Alert, ...]] = []
        """What was taken: one tuple a call."""

    async def post(self, alerts: Sequence[Alert]) -> None:
        """As the port says."""
        await self._suffer()
        self.posted.append(tuple(alerts))


class InMemoryNotifiers:
    """A double of `app.ports.NotifierMaker`: what it made can be looked at by name.

    What a channel's notifier was told and how it was set survive its being made anew, as
    the receiver behind a real one does.
    """

    def __init__(self) -> None:
        self.notifiers: dict[str, InMemoryNotifier] = {}
        """Of the channels for people and for events."""
        self.alerts: dict[str, InMemoryAlertNotifier] = {}
        """Of the Alertmanager channels."""
        self.made: list[tuple[str, ChannelSpec, Mapping[str, Mapping[str, bytes]]]] = []
        """Every call of `make`."""
        self.invalid: dict[str, FaultError] = {}
        """What `make` raises for a channel's name."""

    def notifier(self, name: str) -> InMemoryNotifier:
        """What a channel of that name is, or will be, told by."""
        return self.notifiers.setdefault(name, InMemoryNotifier())

    def alerting(self, name: str) -> InMemoryAlertNotifier:
        """What an Alertmanager channel of that name is, or will be, told by."""
        return self.alerts.setdefault(name, InMemoryAlertNotifier())

    def make(
        self, name: str, spec: ChannelSpec, secrets: Mapping[str, Mapping[str, bytes]]
    ) -> Notifier | AlertNotifier:
        """As the port says."""
        self.made.append((name, spec, secrets))
        if name in self.invalid:
            raise self.invalid[name]
        if spec.alertmanager is not None:
            return self.alerting(name)
        return self.notifier(name)

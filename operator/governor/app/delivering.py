"""Tells what the log says: each entry to each of its targets, in order, until it is told.

A target has a lane of its own, so that one that is down delays no other. What
was delivered is only learned here; the next decision takes it out of the log.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from governor.api.log import Entry
from governor.api.status import FindingRef
from governor.app.ports import Telemetry
from governor.domain.log import Delivered, line
from governor.domain.remediations import RemediationOutcome
from governor.errors import DeliveryError, RejectedError

FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60.0
_log = logging.getLogger(__name__)

_FAILURES_A_PASS = 2
"""After so many failures a pass gives up: the target seems to be down. If it is the entries that
are bad, the next pass begins with others."""


@dataclass
class Learned:
    """What the lanes have learned since the last confirmed write."""

    delivered: set[Delivered] = field(default_factory=set)
    adopted: dict[UUID, FindingRef] = field(default_factory=dict)
    remediated: dict[UUID, RemediationOutcome] = field(default_factory=dict)
    """Entry → what its remediation came to; the entry counts as delivered, too."""


class Complaints:
    """Says in the log what ails a place: once, however many entries meet it there."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def failed(self, place: str, error: Exception) -> None:
        """Something could not be told; the words are logged when they are new."""
        words = str(error) if isinstance(error, DeliveryError) else repr(error)
        if self._last.get(place) == words:
            return
        self._last[place] = words
        unforeseen = None if isinstance(error, DeliveryError) else error
        _log.warning(
            "can't deliver now", extra={"target": place, "error": words}, exc_info=unforeseen
        )

    def delivered(self, place: str) -> None:
        """Something was told again."""
        if self._last.pop(place, None) is not None:
            _log.info("delivers again", extra={"target": place})


@dataclass(frozen=True, slots=True)
class Adoption:
    """The target knows the entry's finding under another id."""

    theirs: FindingRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What the lanes of one policy share."""

    telemetry: Telemetry
    complaints: Complaints
    on_learned: Callable[[], None]
    on_urgent: Callable[[], None]
    """Called for what must be written down before anything more is told."""
    learned: Learned = field(default_factory=Learned)


class Lane(ABC):
    """One policy's entries on their way to one target."""

    targets: tuple[str, ...]
    """The target, and what is told together with it."""

    def __init__(self, office: Office) -> None:
        self._learned = office.learned
        self._telemetry = office.telemetry
        self._complaints = office.complaints
        self._on_learned = office.on_learned
        self._on_urgent = office.on_urgent
        self._owed: tuple[Entry, ...] = ()
        self._wake = asyncio.Event()
        self._finishing = False
        self._has_news = False
        """Whether something was learned that `on_learned` was not called for yet."""

    def owe(self, log: Sequence[Entry]) -> None:
        """The log as it was last confirmed: the only thing that is ever told."""
        self._owed = tuple(entry for entry in log if self._deliveries(entry))
        self._wake.set()

    @property
    def target(self) -> str:
        """What the lane is called."""
        return self.targets[0]

    @property
    def place(self) -> str:
        """Where it ails when nothing gets through: lanes of one place complain once together."""
        return self.target

    @property
    def owed(self) -> Iterable[Entry]:
        """What this lane has to tell, in order."""
        return self._owed

    @property
    def waiting(self) -> bool:
        """Whether something is yet to be told."""
        return any(not self._done(entry) for entry in self.owed)

    def finish(self) -> None:
        """One more pass over what is owed, whatever comes of it, and `run` ends."""
        self._finishing = True
        self._wake.set()

    async def run(self) -> None:
        """Delivers until finished or cancelled."""
        backoff = FIRST_BACKOFF
        while True:
            await self._wake.wait()
            self._wake.clear()
            last = self._finishing
            well = await self._pass_safely()
            if last:
                return
            if well:
                backoff = FIRST_BACKOFF
                continue
            try:
                async with asyncio.timeout(backoff):
                    await self._wake.wait()
            except TimeoutError:
                self._wake.set()
            backoff = min(2 * backoff, LONGEST_BACKOFF)

    @abstractmethod
    async def _pass(self) -> bool:
        """One pass over what is owed; whether all of it got through that could."""

    async def _pass_safely(self) -> bool:
        try:
            return await self._pass()
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the lane
            self._retried(error)
            return False

    def _reject(self, entry: Entry, error: RejectedError) -> None:
        _log.warning(
            "an entry was refused for good and is dropped",
            extra={"target": self.target, "entry": str(entry.id), "error": str(error)},
        )
        self.note(entry, "rejected")

    def _retried(self, error: Exception) -> None:
        self._complaints.failed(self.place, error)
        self._telemetry.delivered(self.target, "retried")

    def note(self, entry: Entry, outcome: str) -> None:
        """An entry is done with: the next decision takes it out of the log."""
        self._learned.delivered.update(self._deliveries(entry))
        self._has_news = True
        self._telemetry.delivered(self.target, outcome)

    def _done(self, entry: Entry) -> bool:
        return self._deliveries(entry) <= self._learned.delivered

    def _deliveries(self, entry: Entry) -> set[Delivered]:
        """What of an entry this lane has to deliver."""
        wanted = set(self.targets) & set(entry.targets)
        return {Delivered(entry=entry.id, target=target) for target in wanted}


class EntryLane(Lane):
    """A lane that tells entry by entry, each line in order of decision."""

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self._blocked: set[tuple[str, str]] = set()
        """The lines of which the last pass could not tell an entry."""

    @abstractmethod
    async def tell(self, entry: Entry) -> Adoption | None:
        """Tells one entry.

        Raises:
            RejectedError: the target will never take it.
            DeliveryError: not now.
        """

    async def prepare(self) -> None:
        """What must come before any entry; raises DeliveryError if it can't now."""

    async def _pass(self) -> bool:
        try:
            await self.prepare()
            return await self._tell_all()
        finally:
            if self._has_news:
                self._has_news = False
                self._on_learned()

    async def _tell_all(self) -> bool:
        before, self._blocked = self._blocked, set()
        for entry in sorted(self.owed, key=lambda each: line(each) in before):
            if self._done(entry) or line(entry) in self._blocked:
                continue
            if not await self._deliver(entry):
                self._blocked.add(line(entry))
                if len(self._blocked) == _FAILURES_A_PASS:
                    break
        return not self._blocked

    async def _deliver(self, entry: Entry) -> bool:
        """Tells one entry and notes the result; False: its line has to wait."""
        try:
            adoption = await self.tell(entry)
        except RejectedError as error:
            self._reject(entry, error)
        except Exception as error:  # noqa: BLE001 - nor hold back the other lines
            self._retried(error)
            return False
        else:
            if adoption is not None:
                # The log must carry the new id before anything more of it is told.
                if entry.finding is not None:
                    self._learned.adopted[entry.finding] = adoption.theirs
                    self._has_news = True
                self._telemetry.delivered(self.target, "adopted")
                return False
            self._complaints.delivered(self.place)
            self.note(entry, "delivered")
        return True

"""What the runs of all policies share."""

import asyncio
from dataclasses import dataclass, field

from governor.app.around import Around
from governor.app.delivering import Complaints
from governor.app.history import History
from governor.app.measuring import Measurer
from governor.app.ports import Authority, Clock, EventRecorder, Sink, StatusStore, Telemetry

BEGINNERS = 100
"""So many policies begin at a time. Thousands at once, as after a change of leaders, would crowd
all servers and each other; one by one they would wait for each slow answer in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What every policy's run works with."""

    store: StatusStore
    sink: Sink
    events: EventRecorder
    measurer: Measurer
    around: Around
    telemetry: Telemetry
    clock: Clock
    authority: Authority
    complaints: Complaints = field(default_factory=Complaints)
    beginning: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(BEGINNERS))
    """Held by a policy for its first turn."""
    history: History | None = None
    """Where every value goes; None: none is kept."""

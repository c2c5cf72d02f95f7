"""What the runs of all policies share."""

from dataclasses import dataclass, field

from governor.app.around import Around
from governor.app.beginning import Beginning
from governor.app.delivering import Complaints
from governor.app.history import History
from governor.app.measuring import Measurer
from governor.app.ports import Authority, Clock, EventRecorder, Sink, StatusStore, Telemetry


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
    beginning: Beginning = field(default_factory=Beginning)
    history: History | None = None
    """Where every value goes; None: none is kept."""

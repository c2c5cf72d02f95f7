"""What the operator's work needs from the world.

Adapters implement these; the memory doubles do too, and one contract suite
holds them all.
"""

from governor.app.ports.channels import AlertNotifier, Notifier, NotifierMaker
from governor.app.ports.kubernetes import (
    EventRecord,
    EventRecorder,
    Informed,
    Json,
    Kind,
    LiveObjects,
    ObjectKey,
    SecretReader,
    StatusStore,
    Watches,
)
from governor.app.ports.leading import Authority, LeaseStore
from governor.app.ports.measurements import Added, Measurements
from governor.app.ports.measuring import Deprecation, Instrument, InstrumentMaker
from governor.app.ports.orphans import Orphan, OrphanStore
from governor.app.ports.sink import (
    DispatchOrder,
    DispatchRecord,
    Episode,
    OpenFinding,
    RemediationRecord,
    Revision,
    Sink,
)
from governor.app.ports.telemetry import Clock, Telemetry

__all__ = [
    "Added",
    "AlertNotifier",
    "Authority",
    "Clock",
    "Deprecation",
    "DispatchOrder",
    "DispatchRecord",
    "Episode",
    "EventRecord",
    "EventRecorder",
    "Informed",
    "Instrument",
    "InstrumentMaker",
    "Json",
    "Kind",
    "LeaseStore",
    "LiveObjects",
    "Measurements",
    "Notifier",
    "NotifierMaker",
    "ObjectKey",
    "OpenFinding",
    "Orphan",
    "OrphanStore",
    "RemediationRecord",
    "Revision",
    "SecretReader",
    "Sink",
    "StatusStore",
    "Telemetry",
    "Watches",
]

"""The application over its adapters, for one term of leading."""

import platform

from governor.adapters.channels.making import Notifiers
from governor.adapters.clock import SystemClock
from governor.adapters.instruments import Instruments
from governor.adapters.kubernetes.cluster import KubernetesSecretReader
from governor.adapters.kubernetes.connection import Connection
from governor.adapters.kubernetes.events import KubernetesEventRecorder
from governor.adapters.kubernetes.objects import KubernetesObjects
from governor.adapters.kubernetes.orphan_store import KubernetesOrphanStore
from governor.adapters.kubernetes.status_store import (
    channel_store,
    mute_store,
    policy_store,
    source_store,
)
from governor.app.alerting import Alerting
from governor.app.around import Around
from governor.app.caches import Caches
from governor.app.channels import ChannelDirectory
from governor.app.fencing import (
    FencedEventRecorder,
    FencedNotifiers,
    FencedOrphanStore,
    FencedRemedies,
    FencedStatusStore,
)
from governor.app.history import History
from governor.app.mutes import MuteDirectory
from governor.app.orphans import Orphans
from governor.app.ports import Authority, Measurements, Sink
from governor.app.relaying import Relay
from governor.app.resources import Namespaces
from governor.app.scheduling import Scheduler
from governor.app.services import Services
from governor.app.sources import SourceDirectory
from governor.app.sweeping import OnStuck, Sweeper
from governor.app.terms import Term
from governor.app.vanished import Vanished
from governor.settings import Settings
from governor.telemetry.metrics import PrometheusTelemetry


def joined(
    connection: Connection,
    settings: Settings,
    sink: Sink,
    measurements: Measurements,
    telemetry: PrometheusTelemetry,
    *,
    caches: Caches,
    authority: Authority,
    on_stuck: OnStuck,
    cluster: str,
) -> Term:
    """The application over its adapters, for one term.

    Policies and what is around them know each other: what changes wakes policies, which
    only exist once all is joined.
    """
    clock, namespaces = SystemClock(), Namespaces()
    secrets = KubernetesSecretReader(connection, namespace=settings.namespace)
    sources = SourceDirectory(
        maker=Instruments(telemetry, authority),
        secrets=secrets,
        namespaces=namespaces,
        store=FencedStatusStore(source_store(connection), authority),
        clock=clock,
        telemetry=telemetry,
        on_change=lambda source: scheduler.source_changed(source),
    )
    channels = ChannelDirectory(
        maker=FencedNotifiers(Notifiers(), authority),
        secrets=secrets,
        namespaces=namespaces,
        store=FencedStatusStore(channel_store(connection), authority),
        clock=clock,
        telemetry=telemetry,
        alerts=lambda channel, now: alerting.of(channel, now),
        on_change=lambda channel: scheduler.channel_changed(channel),
    )
    mutes = MuteDirectory(
        store=FencedStatusStore(mute_store(connection), authority),
        clock=clock,
        telemetry=telemetry,
        policy_of=lambda namespace, name: scheduler.policy_named(namespace, name),
        on_change=lambda namespace, name: scheduler.mute_changed(namespace, name),
    )
    remedies = FencedRemedies(sources, authority)
    around = Around(cluster=cluster, mutes=mutes, channels=channels, remedies=remedies)
    events = KubernetesEventRecorder(connection, instance=platform.node())
    store = FencedStatusStore(policy_store(connection), authority)
    days = settings.measurements_days
    history = History(measurements, clock, telemetry, days=days) if days else None
    services = Services(
        history=history,
        store=store,
        sink=sink,
        events=FencedEventRecorder(events, authority),
        measurer=sources,
        telemetry=telemetry,
        clock=clock,
        around=around,
        authority=authority,
    )
    scheduler = Scheduler(
        services,
        on_gone=lambda runner: orphans.bequeath(runner),
        on_lost=lambda runner: orphans.lost(runner),
    )
    kept = KubernetesOrphanStore(connection, namespace=settings.namespace)
    objects = KubernetesObjects(connection)
    orphans = Orphans(FencedOrphanStore(kept, authority), services, scheduler, objects)
    alerting = Alerting(scheduler, around)
    relay = Relay(
        scheduler=scheduler,
        sources=sources,
        channels=channels,
        mutes=mutes,
        namespaces=namespaces,
    )
    return Term(
        caches=caches,
        relay=relay,
        scheduler=scheduler,
        sources=sources,
        channels=channels,
        mutes=mutes,
        orphans=orphans,
        vanished=Vanished(sink, objects, clock, telemetry),
        sink=sink,
        history=history,
        sweeper=Sweeper(scheduler, clock=clock, telemetry=telemetry, on_stuck=on_stuck),
    )

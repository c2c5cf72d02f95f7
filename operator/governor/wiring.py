"""The only place that builds adapters and joins them to the application."""

import asyncio
import contextlib
import logging
import platform
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import aiohttp
from sqlalchemy.ext.asyncio import AsyncEngine

from governor import __version__
from governor.adapters.channels.making import Notifiers
from governor.adapters.clock import SystemClock, sleepless
from governor.adapters.instruments import Instruments
from governor.adapters.kubernetes import credentials
from governor.adapters.kubernetes.cluster import (
    KubernetesSecretReader,
)
from governor.adapters.kubernetes.connection import Connection, open_session
from governor.adapters.kubernetes.events import KubernetesEventRecorder
from governor.adapters.kubernetes.lease_store import KubernetesLeaseStore
from governor.adapters.kubernetes.orphan_store import KubernetesOrphanStore
from governor.adapters.kubernetes.preparing import identify, policy_uids, prepare
from governor.adapters.kubernetes.status_store import (
    channel_store,
    mute_store,
    policy_store,
    source_store,
)
from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.postgres import PostgresSink
from governor.app.alerting import Alerting
from governor.app.around import Around
from governor.app.caches import Caches
from governor.app.channels import ChannelDirectory
from governor.app.fencing import (
    FencedEventRecorder,
    FencedNotifiers,
    FencedOrphanStore,
    FencedRemedies,
    FencedSink,
    FencedStatusStore,
)
from governor.app.leading import Leadership
from governor.app.mutes import MuteDirectory
from governor.app.orphans import Orphans
from governor.app.ports import Authority, InstrumentMaker, Sink
from governor.app.relaying import Relay
from governor.app.resources import Namespaces
from governor.app.scheduling import Scheduler
from governor.app.services import Services
from governor.app.sources import SourceDirectory
from governor.app.terms import Term
from governor.app.vanished import Vanished
from governor.domain.schedules import TICKS, tick_length
from governor.errors import SettingsError
from governor.handlers.informing import KINDS
from governor.handlers.running import run_kopf
from governor.settings import DatabaseSettings, Settings
from governor.telemetry.health import Liveness
from governor.telemetry.metrics import PrometheusTelemetry
from governor.telemetry.server import serving

STOPPING_SECONDS = 15.0
"""After a signal, so long may all take that ends by itself; then it is cancelled."""

CLOSING_SECONDS = 2.0
"""So long may connections take to close after that."""

_log = logging.getLogger(__name__)
T = TypeVar("T")


def instruments() -> InstrumentMaker:
    """Builds the instruments of sources."""
    return Instruments()


async def migrate(settings: DatabaseSettings) -> tuple[str | None, str]:
    """Brings the sink's schema up to date; where it was (None: nowhere) and where it is.

    Raises:
        SettingsError: as `adapters.sink.migrating.migrate` says.
        DeliveryError: likewise.
    """
    from governor.adapters.sink import migrating  # noqa: PLC0415 - alembic is for this only

    return await migrating.migrate(
        settings.database_url.get_secret_value(),
        settings.database_schema,
        tls_mode=settings.database_tls_mode,
        ca_file=settings.database_ca_file,
    )


async def run(settings: Settings) -> None:
    """Runs the operator until SIGTERM or SIGINT.

    Raises:
        SettingsError: something that the settings name can't be used.
    """
    stop = _stopped_by_signals()
    telemetry = PrometheusTelemetry(
        now=SystemClock().now, most_checks=settings.metrics_checks, cluster=settings.cluster_name
    )
    async with AsyncExitStack() as stack:
        engine = make_engine(
            settings.database_url.get_secret_value(),
            tls_mode=settings.database_tls_mode,
            ca_file=settings.database_ca_file,
        )
        stack.push_async_callback(_let_go, engine)
        identity = credentials.load(settings.kubeconfig)
        connection = await stack.enter_async_context(Connection(identity))
        caches = Caches(SystemClock())
        leadership = Leadership(
            KubernetesLeaseStore(connection, namespace=settings.namespace),
            identity=settings.identity or platform.node(),
            clock=SystemClock(),
            monotonic=sleepless,
            highest_epoch=lambda: caches.highest_epoch,
            telemetry=telemetry,
        )
        liveness = Liveness(kinds=KINDS, monotonic=time.monotonic, role=lambda: leadership.role)
        await _serve(stack, settings, telemetry, liveness)
        found = await _unless(stop, identify(connection))
        if found is None:
            return
        _log.info("operator starts", extra={"version": __version__, "cluster_uid": found})
        sink = PostgresSink(engine, settings.database_schema, found)

        def session(trace: aiohttp.TraceConfig) -> tuple[str, aiohttp.ClientSession]:
            return identity.server, open_session(identity, trace)

        def new_term() -> Term:
            return _joined(
                connection,
                settings,
                FencedSink(sink, leadership),
                telemetry,
                caches=caches,
                authority=leadership,
                cluster=settings.cluster_name or found,
            )

        watching = run_kopf(
            informed=caches,
            pulse=liveness,
            open_session=session,
            crds_served=lambda: prepare(connection, caches),
            ticks=TICKS,
            tick_length=tick_length,
            stop=stop,
        )
        await _together(watching, _leading(leadership, caches, new_term, stop), stop)
    _log.info("operator stopped")


async def _leading(
    leadership: Leadership, caches: Caches, new_term: Callable[[], Term], stop: asyncio.Event
) -> None:
    """Stands for leadership once there is something to start from."""
    if await _unless(stop, caches.complete.wait()):
        await leadership.run(new_term, stop)


async def _together(
    watching: Coroutine[Any, Any, None], leading: Coroutine[Any, Any, None], stop: asyncio.Event
) -> None:
    """Watches and leads until told to stop, then ends within bounds.

    Raises:
        Exception: one ended by itself, which is a bug; the process must end too, to be
            started again.
    """
    # What leads ends by itself, the Lease given back; kopf may need a push.
    kopf = asyncio.create_task(watching, name="kopf")
    leader = asyncio.create_task(leading, name="leading")
    ended, _ = await asyncio.wait({kopf, leader}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.wait({kopf, leader}, timeout=STOPPING_SECONDS)
    for task in (kopf, leader):
        task.cancel()
    await asyncio.wait({kopf, leader}, timeout=CLOSING_SECONDS)
    for task in ended:
        task.result()


async def _let_go(engine: AsyncEngine) -> None:
    """Closes the sink's connections, unless its server keeps us waiting."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSING_SECONDS):
            await engine.dispose()


def _joined(
    connection: Connection,
    settings: Settings,
    sink: Sink,
    telemetry: PrometheusTelemetry,
    *,
    caches: Caches,
    authority: Authority,
    cluster: str,
) -> Term:
    """The application over its adapters, for one term.

    Policies and what is around them know each other: what changes wakes policies, which
    only exist once all is joined.
    """
    clock, namespaces = SystemClock(), Namespaces()
    secrets = KubernetesSecretReader(connection, namespace=settings.namespace)
    sources = SourceDirectory(
        maker=instruments(),
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
    services = Services(
        store=store,
        sink=sink,
        events=FencedEventRecorder(events, authority),
        measurer=sources,
        telemetry=telemetry,
        clock=clock,
        around=around,
        authority=authority,
    )
    scheduler = Scheduler(services, on_gone=lambda runner: orphans.bequeath(runner))
    kept = KubernetesOrphanStore(connection, namespace=settings.namespace)
    orphans = Orphans(FencedOrphanStore(kept, authority), services, scheduler)
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
        vanished=Vanished(sink, store, clock, uids=lambda: policy_uids(connection)),
        sink=sink,
    )


async def _serve(
    stack: AsyncExitStack, settings: Settings, telemetry: PrometheusTelemetry, liveness: Liveness
) -> None:
    metrics, health = settings.metrics_address, settings.health_address
    try:
        await stack.enter_async_context(
            serving(telemetry.registry, liveness, metrics=metrics, health=health)
        )
    except OSError as error:
        raise SettingsError(
            f"GOVERNOR_METRICS_ADDRESS={metrics} or GOVERNOR_HEALTH_ADDRESS={health} can't be "
            f"listened on: {error.strerror or error}"
        ) from error
    _log.info("serving metrics at %s and health at %s", metrics, health)


def _stopped_by_signals() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; the second one ends the process at once."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def on(which: signal.Signals) -> None:
        _log.info("%s: stopping", which.name)
        for each in signals:
            loop.remove_signal_handler(each)
        stop.set()

    for each in signals:
        loop.add_signal_handler(each, on, each)
    return stop


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What the work gives; None if told to stop before that."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        stopping.cancel()

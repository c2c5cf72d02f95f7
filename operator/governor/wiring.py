"""The only place that builds adapters and joins them to the application."""

import asyncio
import contextlib
import logging
import platform
import signal
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp
from sqlalchemy.ext.asyncio import AsyncEngine

from governor import __version__
from governor.adapters.channels.making import Notifiers
from governor.adapters.clock import SystemClock
from governor.adapters.instruments import Instruments
from governor.adapters.kubernetes import credentials
from governor.adapters.kubernetes.cluster import (
    KubernetesSecretReader,
)
from governor.adapters.kubernetes.connection import Connection, open_session
from governor.adapters.kubernetes.events import KubernetesEventRecorder
from governor.adapters.kubernetes.preparing import identify, prepare
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
from governor.app.channels import ChannelDirectory
from governor.app.healing import keep_healed, keep_released
from governor.app.mutes import MuteDirectory
from governor.app.ports import InstrumentMaker, Sink
from governor.app.relaying import Relay
from governor.app.resources import Namespaces
from governor.app.scheduling import Scheduler
from governor.app.services import Services
from governor.app.sources import SourceDirectory
from governor.domain.schedules import TICKS, tick_length
from governor.errors import SettingsError
from governor.handlers.informing import CHANNELS, KINDS, MUTES, SOURCES
from governor.handlers.running import run_kopf
from governor.settings import DatabaseSettings, Settings
from governor.telemetry.health import Liveness
from governor.telemetry.metrics import PrometheusTelemetry
from governor.telemetry.server import serving

GRACE_SECONDS = 8.0
"""After a signal, so long may what is under way take; then it is cancelled."""

CLOSING_SECONDS = 2.0
"""So long may connections take to close after that."""

_log = logging.getLogger(__name__)


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
    liveness = Liveness(kinds=KINDS, monotonic=time.monotonic)
    async with AsyncExitStack() as stack:
        engine = make_engine(
            settings.database_url.get_secret_value(),
            tls_mode=settings.database_tls_mode,
            ca_file=settings.database_ca_file,
        )
        stack.push_async_callback(_let_go, engine)
        identity = credentials.load(settings.kubeconfig)
        connection = await stack.enter_async_context(Connection(identity))
        await _serve(stack, settings, telemetry, liveness)
        found = await _unless(stop, identify(connection))
        if found is None:
            return
        _log.info("operator starts", extra={"version": __version__, "cluster_uid": found})
        sink = PostgresSink(engine, settings.database_schema, found)
        operator = _joined(
            connection, settings, sink, telemetry, cluster=settings.cluster_name or found
        )

        def session(trace: aiohttp.TraceConfig) -> tuple[str, aiohttp.ClientSession]:
            return identity.server, open_session(identity, trace)

        watching = run_kopf(
            informed=Relay(
                scheduler=operator.scheduler,
                sources=operator.sources,
                channels=operator.channels,
                mutes=operator.mutes,
                namespaces=operator.namespaces,
            ),
            pulse=liveness,
            open_session=session,
            crds_served=lambda: prepare(
                connection,
                directories={
                    SOURCES: operator.sources,
                    CHANNELS: operator.channels,
                    MUTES: operator.mutes,
                },
                namespaces=operator.namespaces,
                policies=operator.scheduler,
            ),
            ticks=TICKS,
            tick_length=tick_length,
            stop=stop,
        )
        await operator.run(watching, stop)
    _log.info("operator stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operator:
    """The application's parts that run by themselves."""

    scheduler: Scheduler
    sources: SourceDirectory
    channels: ChannelDirectory
    mutes: MuteDirectory
    namespaces: Namespaces
    sink: Sink

    async def run(self, watching: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
        """Runs until told to stop, then ends in order and within bounds.

        Raises:
            Exception: a part ended by itself, which is a bug; the process must end
                too, to be started again.
        """
        kopf = asyncio.create_task(watching, name="kopf")
        parts = {
            asyncio.create_task(self.sources.run(), name="sources"),
            asyncio.create_task(self.channels.run(), name="channels"),
            asyncio.create_task(self.mutes.run(), name="mutes"),
            asyncio.create_task(keep_healed(self.scheduler, self.sink), name="healing"),
            asyncio.create_task(keep_released(self.sink), name="leases"),
        }
        stopping = asyncio.create_task(stop.wait(), name="stop")
        ended, _ = await asyncio.wait({kopf, stopping, *parts}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await asyncio.gather(
            self.scheduler.stop(GRACE_SECONDS), asyncio.wait({kopf}, timeout=GRACE_SECONDS)
        )
        for task in (kopf, stopping, *parts):
            task.cancel()
        await asyncio.wait({kopf, *parts}, timeout=CLOSING_SECONDS)
        closing = {asyncio.create_task(each.close()) for each in (self.sources, self.channels)}
        await asyncio.wait(closing, timeout=CLOSING_SECONDS)
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
    cluster: str,
) -> _Operator:
    """The application over its adapters.

    Policies and what is around them know each other: what changes wakes policies, which
    only exist once all is joined.
    """
    clock, namespaces = SystemClock(), Namespaces()
    secrets = KubernetesSecretReader(connection, namespace=settings.namespace)
    sources = SourceDirectory(
        maker=instruments(),
        secrets=secrets,
        namespaces=namespaces,
        store=source_store(connection),
        clock=clock,
        telemetry=telemetry,
        on_change=lambda source: scheduler.source_changed(source),
    )
    channels = ChannelDirectory(
        maker=Notifiers(),
        secrets=secrets,
        namespaces=namespaces,
        store=channel_store(connection),
        clock=clock,
        telemetry=telemetry,
        alerts=lambda channel, now: alerting.of(channel, now),
        on_change=lambda channel: scheduler.channel_changed(channel),
    )
    mutes = MuteDirectory(
        store=mute_store(connection),
        clock=clock,
        telemetry=telemetry,
        policy_of=lambda namespace, name: scheduler.policy_named(namespace, name),
        on_change=lambda namespace, name: scheduler.mute_changed(namespace, name),
    )
    around = Around(cluster=cluster, mutes=mutes, channels=channels, remedies=sources)
    scheduler = Scheduler(
        Services(
            store=policy_store(connection),
            sink=sink,
            events=KubernetesEventRecorder(connection, instance=platform.node()),
            measurer=sources,
            telemetry=telemetry,
            clock=clock,
            around=around,
        )
    )
    alerting = Alerting(scheduler, around)
    return _Operator(
        scheduler=scheduler,
        sources=sources,
        channels=channels,
        mutes=mutes,
        namespaces=namespaces,
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


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, str]) -> str | None:
    """What the work gives; None if told to stop before that."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        stopping.cancel()

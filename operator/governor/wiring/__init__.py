"""The only place that builds adapters and joins them to the application."""

import asyncio
import contextlib
import logging
import platform
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
from sqlalchemy.ext.asyncio import AsyncEngine

from governor import __version__
from governor.adapters.clock import SystemClock, sleepless
from governor.adapters.instruments import Instruments
from governor.adapters.kubernetes import credentials
from governor.adapters.kubernetes.connection import Connection, open_session
from governor.adapters.kubernetes.lease_store import KubernetesLeaseStore
from governor.adapters.kubernetes.objects import KubernetesObjects
from governor.adapters.kubernetes.preparing import identify, prepare
from governor.adapters.sink.characters import warn_unless_utf8
from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.history import Found, PostgresHistory
from governor.adapters.sink.measurements import PostgresMeasurements
from governor.adapters.sink.postgres import PostgresSink
from governor.app.caches import Caches
from governor.app.fencing import FencedMeasurements, FencedSink
from governor.app.leading import Leadership
from governor.app.ports import InstrumentMaker, Kind
from governor.app.reconciling import Reconciler
from governor.app.terms import Term
from governor.domain.schedules import TICKS, tick_length
from governor.errors import SettingsError
from governor.garbage import keep_collected
from governor.handlers.running import Kopf
from governor.settings import DatabaseSettings, Settings
from governor.stopping import stopped_by_signals, unless
from governor.telemetry.health import Liveness
from governor.telemetry.loop_lag import watch_loop
from governor.telemetry.metrics import PrometheusTelemetry
from governor.telemetry.server import serving
from governor.wiring.joining import joined

STOPPING_SECONDS = 15.0
"""After a signal, so long may all take that ends by itself; then it is cancelled."""

CLOSING_SECONDS = 2.0
"""So long may connections take to close after that."""

Parts = Mapping[str, Coroutine[Any, Any, None]]
"""What runs side by side, by name."""

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


async def history(settings: DatabaseSettings, namespace: str, policy: str, **what: Any) -> Found:
    """The last values of a policy's checks, as `adapters.sink.history` reads them.

    Raises:
        SettingsError: the database's URL or CA file can't be used.
        DeliveryError: the database can't be reached or refuses.
    """
    engine = _engine(
        settings, pool_size=1, command_timeout=30.0, application_name="governor-history"
    )
    try:
        return await PostgresHistory(engine, settings.database_schema).read(
            namespace, policy, **what
        )
    finally:
        await _let_go(engine)


async def run(settings: Settings) -> None:
    """Runs the operator until SIGTERM or SIGINT.

    Raises:
        SettingsError: something that the settings name can't be used.
    """
    stop = stopped_by_signals()
    telemetry = PrometheusTelemetry(
        now=SystemClock().now, most_checks=settings.metrics_checks, cluster=settings.cluster_name
    )
    async with AsyncExitStack() as stack:
        engine = _engine(settings)
        warn_unless_utf8(engine)
        # Values have a connection of their own: no finding ever waits behind them.
        apart = _engine(settings, pool_size=1, application_name="governor-measurements")
        for each in (engine, apart):
            stack.push_async_callback(_let_go, each)
        identity = credentials.load(settings.kubeconfig)
        connection = await stack.enter_async_context(
            Connection(identity, before_writing=lambda: leadership.require())  # noqa: PLW0108 - not there yet
        )
        # Its own: a renewal that waited behind a thousand writes of statuses would come too late.
        leasing = await stack.enter_async_context(Connection(identity))
        caches = Caches(SystemClock())
        leadership = Leadership(
            KubernetesLeaseStore(leasing, namespace=settings.namespace),
            identity=settings.identity or platform.node(),
            clock=SystemClock(),
            monotonic=sleepless,
            highest_epoch=lambda: caches.highest_epoch,
            telemetry=telemetry,
        )
        liveness = Liveness(
            kinds=Kind,
            monotonic=time.monotonic,
            role=lambda: leadership.role,
            away=lambda: bool(leadership.trouble),  # the Lease is asked for every second or two
        )
        await _serve(stack, settings, telemetry, liveness)
        found = await unless(stop, identify(connection))
        if found is None:
            return
        _log.info("operator starts", extra={"version": __version__, "cluster_uid": found})
        sink = PostgresSink(engine, settings.database_schema, found)
        measurements = PostgresMeasurements(apart, settings.database_schema, found)

        def session(trace: aiohttp.TraceConfig) -> tuple[str, aiohttp.ClientSession]:
            return identity.server, open_session(identity, trace)

        def new_term() -> Term:
            return joined(
                connection,
                settings,
                FencedSink(sink, leadership),
                FencedMeasurements(measurements, leadership),
                telemetry,
                caches=caches,
                authority=leadership,
                on_stuck=liveness.stuck,
                cluster=settings.cluster_name or found,
            )

        kopf = Kopf(
            informed=caches,
            pulse=liveness,
            open_session=session,
            crds_served=lambda: prepare(connection, caches),
            ticks=TICKS,
            tick_length=tick_length,
        )
        reconciler = Reconciler(KubernetesObjects(connection), caches, kopf, telemetry)
        stoppable = {
            "leading": _leading(leadership, caches, new_term, stop),
            "kopf": kopf.run(stop),
        }
        endless = {
            "reconciling": reconciler.run(),
            "loop lag": watch_loop(telemetry.lagged),
            "garbage": keep_collected(),
        }
        await _together(stop, stoppable, endless=endless)
    _log.info("operator stopped")


def _engine(settings: DatabaseSettings, **options: Any) -> AsyncEngine:
    return make_engine(
        settings.database_url.get_secret_value(),
        tls_mode=settings.database_tls_mode,
        ca_file=settings.database_ca_file,
        **options,
    )


async def _leading(
    leadership: Leadership, caches: Caches, new_term: Callable[[], Term], stop: asyncio.Event
) -> None:
    """Stands for leadership once there is something to start from."""
    if await unless(stop, caches.complete.wait()):
        await leadership.run(new_term, stop)


async def _together(stop: asyncio.Event, stoppable: Parts, *, endless: Parts) -> None:
    """Does all until told to stop, then ends within bounds.

    Raises:
        Exception: a part ended by itself, which is a bug; the process must end too, to be
            started again.
    """
    ending = {asyncio.create_task(part, name=name) for name, part in stoppable.items()}
    others = {asyncio.create_task(part, name=name) for name, part in endless.items()}
    ended, _ = await asyncio.wait(ending | others, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    # What leads ends by itself, the Lease given back; kopf may need a push.
    await asyncio.wait(ending, timeout=STOPPING_SECONDS)
    for task in ending | others:
        task.cancel()
    await asyncio.wait(ending | others, timeout=CLOSING_SECONDS)
    for task in ended:
        task.result()


async def _let_go(engine: AsyncEngine) -> None:
    """Closes the sink's connections, unless its server keeps us waiting."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSING_SECONDS):
            await engine.dispose()


async def _serve(
    stack: AsyncExitStack, settings: Settings, telemetry: PrometheusTelemetry, liveness: Liveness
) -> None:
    metrics, health = settings.metrics_address, settings.health_address
    try:
        await stack.enter_async_context(
            serving(telemetry.exposition, liveness, metrics=metrics, health=health)
        )
    except OSError as error:
        raise SettingsError(
            f"GOVERNOR_METRICS_ADDRESS={metrics} or GOVERNOR_HEALTH_ADDRESS={health} can't be "
            f"listened on: {error.strerror or error}"
        ) from error
    _log.info("serving metrics at %s and health at %s", metrics, health)

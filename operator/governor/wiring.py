"""The only place that builds adapters and joins them to the application."""

from governor.adapters.instruments import Instruments
from governor.adapters.sink import migrating
from governor.app.ports import InstrumentMaker
from governor.settings import DatabaseSettings


def instruments() -> InstrumentMaker:
    """Builds the instruments of sources."""
    return Instruments()


async def migrate(settings: DatabaseSettings) -> tuple[str | None, str]:
    """Brings the sink's schema up to date; where it was and where it is.

    Raises:
        SettingsError: as `adapters.sink.migrating.migrate`.
        DeliveryError: likewise.
    """
    return await migrating.migrate(
        settings.database_url.get_secret_value(),
        settings.database_schema,
        tls_mode=settings.database_tls_mode,
        ca_file=settings.database_ca_file,
    )

"""Builds instruments: which kind of source is measured by which adapter."""

from collections.abc import Mapping

from governor.adapters.postgres import make_postgres
from governor.adapters.prometheus import make_prometheus
from governor.api.source import SourceSpec
from governor.app.ports import Authority, Instrument, Telemetry
from governor.domain.sources import access_of
from governor.errors import NotLeadingError
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason


class Instruments:
    """The `InstrumentMaker` for every kind of source there is."""

    def __init__(
        self, telemetry: Telemetry | None = None, authority: Authority | None = None
    ) -> None:
        """Builds instruments that tell how they ask, and change something with authority only.

        Without one of them nobody is told, and everybody may.
        """
        self._telemetry = telemetry
        self._authority = authority

    def make(
        self, name: str, spec: SourceSpec, secrets: Mapping[str, Mapping[str, bytes]]
    ) -> Instrument:
        """Builds without connecting.

        Raises:
            FaultError: `SecretInvalid`, or `SourceNotFound` for a source of no known kind.
        """
        if spec.prometheus is not None:
            return make_prometheus(name, spec.prometheus, secrets, self._telemetry)
        if spec.postgres is not None:
            return make_postgres(
                name, spec.postgres, access_of(spec), secrets, before_writing=self._require
            )
        raise FaultError(
            Reason.SOURCE_NOT_FOUND,
            f"GovernanceSource {name} is neither postgres nor prometheus: set one of them",
        )

    def _require(self) -> None:
        """Whether this replica leads is asked when a connection is there, too.

        Raises:
            FaultError: it does not.
        """
        try:
            if self._authority is not None:
                self._authority.require()
        except NotLeadingError as error:
            raise FaultError(Reason.UNREACHABLE, str(error)) from error

"""Has the queries of one source answered: shared, and in batches where the source allows it."""

from datetime import datetime
from functools import partial

from governor.adapters.flights import Flights
from governor.adapters.moments import moment
from governor.adapters.prometheus.dividing import Answered
from governor.adapters.prometheus.gathering import Gatherer
from governor.adapters.prometheus.queries import Requests
from governor.app.ports import Telemetry
from governor.values.outcomes import Fault, FaultError


class SourceQueries:
    """A QueryRunner for one generation of a source and its Secrets.

    Whoever asks was admitted to the source before (`app/sources`): here all are equal. What
    is remembered and shared ends with the generation, as this object does.
    """

    def __init__(
        self, requests: Requests, *, source: str, telemetry: Telemetry, batching: bool
    ) -> None:
        """Sends nothing yet.

        Args:
            requests: to the server.
            source: its name, for metrics.
            telemetry: told how queries are asked.
            batching: whether several may be asked in one request.
        """
        self._requests = requests
        self._source = source
        self._telemetry = telemetry
        self._gatherer = (
            Gatherer(requests, source=source, telemetry=telemetry) if batching else None
        )
        self._flights: Flights[tuple[str, datetime], Answered] = Flights()

    async def instant(self, expression: str, at: datetime) -> object:
        answer, shared = await self._ask(expression, moment(at), at)
        if shared:
            self._telemetry.queried(self._source, "shared", 1)
        if isinstance(answer, Fault):
            raise FaultError(answer.reason, answer.message)
        return answer

    async def version(self) -> str:
        return await self._requests.version()

    async def close(self) -> None:
        await self._flights.close()
        if self._gatherer is not None:
            await self._gatherer.close()
        await self._requests.close()

    async def _ask(self, expression: str, at: datetime, began: datetime) -> tuple[Answered, bool]:
        """The answer, and whether another had asked for it already."""
        gatherer = self._gatherer
        if gatherer is not None and gatherer.may_join(expression, at):
            return await gatherer.together(expression, at, began)
        alone = self._alone if gatherer is None else gatherer.alone
        return await self._flights.join((expression, at), partial(alone, expression, at))

    async def _alone(self, expression: str, at: datetime) -> Answered:
        self._telemetry.queried(self._source, "alone", 1)
        try:
            return (await self._requests.ask(expression, at)).data
        except FaultError as error:
            return error.fault

"""Builds the instrument of a Prometheus source, without connecting."""

from governor import __version__
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.adapters.prometheus.answers import PLACE
from governor.adapters.prometheus.instrument import PrometheusInstrument
from governor.adapters.prometheus.queries import Requests
from governor.adapters.prometheus.runner import SourceQueries
from governor.adapters.web.credentials import Secrets, credentials
from governor.adapters.web.exchange import Exchange
from governor.adapters.web.headers import secret_headers
from governor.adapters.web.trust import trust, unusable
from governor.api.source import PrometheusSource
from governor.app.ports import Telemetry
from governor.values.durations import seconds
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

TIMEOUT = "5s"
"""The whole time of one query, where the source does not say."""


def make_prometheus(
    name: str, spec: PrometheusSource, secrets: Secrets, telemetry: Telemetry | None = None
) -> PrometheusInstrument:
    """The instrument of a source.

    Args:
        name: of the source, for messages and metrics.
        spec: where the server is, and how to speak to it.
        secrets: every Secret that the spec names and that exists.
        telemetry: told how queries are asked. Default: nobody is.

    Raises:
        FaultError: `SecretInvalid`, or `SourceNotFound` where the url leads nowhere.
    """
    if fault := unusable(spec.url, "bearerSecretRef or basicSecretRef"):
        raise FaultError(
            Reason.SOURCE_NOT_FOUND, f"GovernanceSource {name}: prometheus.url {fault}"
        )
    login = credentials(spec.bearer_secret_ref, spec.basic_secret_ref, secrets)
    known = login.and_also(
        secret_headers(spec.headers_secret_ref, secrets, taken=login.headers.keys())
    )
    exchange = Exchange(
        url=spec.url,
        headers={"user-agent": f"governor/{__version__}", **known.headers},
        trust=trust(spec.url, spec.tls, secrets),
        deadline_seconds=seconds(spec.timeout or TIMEOUT),
        place=PLACE,
    )
    requests = Requests(exchange, known.redact, partial=bool(spec.partial_response))
    batching = spec.batching is None or spec.batching
    return PrometheusInstrument(
        SourceQueries(
            requests, source=name, telemetry=telemetry or InMemoryTelemetry(), batching=batching
        )
    )

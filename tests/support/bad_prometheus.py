"""A Prometheus that goes wrong, each in one way, and what status must say of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.http_world import Asked, Behaviour, answering, answering_json, stalling
from tests.support.said import READY

VERSION = "3.99.0"
SCALAR = {"resultType": "scalar", "result": [1, "0.9"]}
HTML = "<!doctype html><title>Sign in</title>"
NO_PROMETHEUS = "the answer is not the JSON of a Prometheus: does the url lead to one?"


@dataclass(frozen=True, kw_only=True)
class World:
    """A Prometheus, what its one check must say, and the reason of the source's Ready."""

    behaviour: Behaviour
    reason: str
    message: str
    verdict: str = "Error"
    ready: str | None = None
    """The reason of the source's Ready; the check's if not given."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Of the source's `prometheus`, beside its url."""

    @property
    def source_reason(self) -> str:
        """Why the source is ready, or not."""
        return self.ready or self.reason


def at_query(document: Mapping[str, Any]) -> Behaviour:
    """Tells a version, and answers every query with that document."""
    build = answering_json(200, {"status": "success", "data": {"version": VERSION}})
    query = answering_json(200, {"status": "success", **document})

    async def answer(asked: Asked, writer: Any) -> None:
        await (build if asked.path.endswith("/buildinfo") else query)(asked, writer)

    return answer


def vector(*values: str) -> dict[str, Any]:
    """One series a value."""
    result = [{"metric": {"n": str(n)}, "value": [1, value]} for n, value in enumerate(values)]
    return {"data": {"resultType": "vector", "result": result}}


def refusing(status: int, kind: str, message: str) -> Behaviour:
    """A refusal in Prometheus' own words."""
    return answering_json(status, {"status": "error", "errorType": kind, "error": message})


PROMETHEUS: Mapping[str, World] = {
    "http-400": World(
        behaviour=refusing(400, "bad_data", "1:3: parse error: unexpected end"),
        reason="QueryInvalid",
        message="1:3: parse error: unexpected end",
    ),
    "http-401": World(
        behaviour=answering(401, "Unauthorized"),
        reason="AuthenticationFailed",
        message="HTTP 401: the server wants other credentials than the source's Secret gives",
    ),
    "http-403": World(
        behaviour=answering(403, "Forbidden"),
        reason="PermissionDenied",
        message="HTTP 403: these credentials may not query the server",
    ),
    "http-422": World(
        behaviour=refusing(422, "execution", "many-to-many matching not allowed"),
        reason="QueryInvalid",
        message="many-to-many matching not allowed",
    ),
    "http-500": World(
        behaviour=refusing(500, "internal", "block is corrupt"),
        reason="ServerError",
        message="HTTP 500: block is corrupt",
    ),
    "http-503": World(
        behaviour=answering(503, "Service Unavailable"), reason="ServerError", message="HTTP 503"
    ),
    "html": World(behaviour=answering(200, HTML), reason="MalformedAnswer", message=NO_PROMETHEUS),
    "truncated-json": World(
        behaviour=answering(200, '{"status":"success","data":{"resultType":"sca'),
        reason="MalformedAnswer",
        message=NO_PROMETHEUS,
    ),
    "redirect": World(
        behaviour=answering(302, "", Location="https://login.example.com/start?state=secret"),
        reason="Redirected",
        message="HTTP 302 redirects, which is not followed: set the source's url to the final "
        "address",
    ),
    "hang": World(
        behaviour=stalling(),
        reason="Timeout",
        message="no whole answer within 1s",
        fields={"timeout": "1s"},
    ),
    "storage-warning": World(
        behaviour=at_query({"data": SCALAR, "warnings": ["remote read failed: store-1"]}),
        reason="PartialData",
        message="remote read failed: store-1",
        ready=READY,
    ),
    "promql-warning": World(
        behaviour=at_query({"data": SCALAR, "warnings": ["PromQL warning: odd quantile"]}),
        reason="QueryWarning",
        message="PromQL warning: odd quantile",
        ready=READY,
    ),
    "several-series": World(
        behaviour=at_query(vector("1", "2")),
        reason="SeveralSeries",
        message="the query gave 2 series, not one: aggregate it, as with max(…), or set reduce",
        ready=READY,
    ),
    "string": World(
        behaviour=at_query({"data": {"resultType": "string", "result": [1, "0.9"]}}),
        reason="NotANumber",
        message="the query gave a string, not a scalar or an instant vector",
        ready=READY,
    ),
    "empty": World(
        behaviour=at_query(vector()),
        verdict="NoData",
        reason="EmptyResult",
        message="the query gave no series",
        ready=READY,
    ),
    "nan": World(
        behaviour=at_query(vector("NaN")),
        verdict="NoData",
        reason="NonFinite",
        message="the value is nan, not a finite number",
        ready=READY,
    ),
    "infinite": World(
        behaviour=at_query(vector("+Inf")),
        verdict="NoData",
        reason="NonFinite",
        message="the value is inf, not a finite number",
        ready=READY,
    ),
}

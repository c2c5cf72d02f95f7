"""Reads an answer of Prometheus' HTTP API. Pure: every way to be wrong has its reason.

Format: https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NoReturn

from governor.adapters.web.answers import Answer, Place
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

PLACE = Place(
    name="Prometheus",
    field="spec.prometheus.url",
    owner="source",
    flooding="aggregate the query, as with max(…); or does the url lead elsewhere?",
)

_PROMQL = "PromQL warning:"
"""What Prometheus 3 puts before a warning of its query engine."""

_UNREAD_DATA = "expanding series:"
"""What the query engine puts before a failure to read data that a query asks for: of Thanos
without partial responses, a store that is down. The status is 422 all the same."""

_REDIRECTS = range(300, 400)
_SERVER_ERRORS = range(500, 600)


def data_of(answer: Answer, *, partial: bool = False) -> object:
    """The `data` of an answer that holds all that was asked for.

    Args:
        answer: of the server.
        partial: whether it may lack the data of some store.

    Raises:
        FaultError: the server refused, failed, redirected, warned, or is no Prometheus.
    """
    document = _document(answer.body)
    if answer.status != HTTPStatus.OK:
        raise _refusal(answer, document)
    if document is None:
        raise FaultError(
            Reason.MALFORMED_ANSWER,
            "the answer is not the JSON of a Prometheus: does the url lead to one?",
        )
    if document.get("status") != "success":
        raise FaultError(Reason.MALFORMED_ANSWER, "HTTP 200 without status success")
    _refuse_warnings(document, partial=partial)
    return document.get("data")


def version_of(data: object) -> str:
    """The version in the `data` of `/api/v1/status/buildinfo`.

    Raises:
        FaultError: there is none.
    """
    version = data.get("version") if isinstance(data, dict) else None
    if not isinstance(version, str) or not version:
        raise FaultError(Reason.MALFORMED_ANSWER, "the build information has no version")
    return version


def _document(body: bytes) -> Mapping[str, Any] | None:
    """The JSON object of a body; None where it holds none."""
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _refuse_constant(name: str) -> NoReturn:
    """Python takes a bare NaN or Infinity; JSON has none."""
    raise ValueError(name)


def _refuse_warnings(document: Mapping[str, Any], *, partial: bool) -> None:
    """A warned answer may lack data, or not mean what its author meant."""
    if document.get("isPartial") is True and not partial:  # VictoriaMetrics' way to say so.
        raise FaultError(Reason.PARTIAL_DATA, "the server says that its answer is partial")
    warnings = document.get("warnings") or []
    if not isinstance(warnings, list) or not all(isinstance(w, str) for w in warnings):
        raise FaultError(Reason.MALFORMED_ANSWER, "the warnings are not a list of texts")
    own = [w for w in warnings if w.startswith(_PROMQL)]
    foreign = [w for w in warnings if not w.startswith(_PROMQL)]
    if foreign and not partial:
        raise FaultError(Reason.PARTIAL_DATA, foreign[0])
    if own:
        raise FaultError(Reason.QUERY_WARNING, own[0])


def _refusal(answer: Answer, document: Mapping[str, Any] | None) -> FaultError:
    """Why an answer other than 200 was given."""
    code, said = f"HTTP {answer.status}", _said(document)
    match answer.status:
        case 422 if said.startswith(_UNREAD_DATA):
            reason, message = Reason.PARTIAL_DATA, said
        case 400 | 422 if said:
            reason, message = Reason.QUERY_INVALID, said
        case 401:
            reason = Reason.AUTHENTICATION_FAILED
            message = f"{code}: the server wants other credentials than the source's Secret gives"
        case 403:
            reason = Reason.PERMISSION_DENIED
            message = f"{code}: these credentials may not query the server"
        case 408:
            reason, message = Reason.TIMEOUT, f"{code}: the server gave up waiting"
        case 414:
            reason = Reason.QUERY_INVALID
            message = (
                f"{code}: too long for GET, and POST is refused: shorten the query or allow POST"
            )
        case 503 if document is not None and document.get("errorType") == "timeout":
            reason, message = Reason.TIMEOUT, said or code
        # Too many queries; a query cut short, in Prometheus' use; all that is the server's own.
        case status if status in (429, 499) or status in _SERVER_ERRORS:
            reason, message = Reason.SERVER_ERROR, f"{code}: {said}" if said else code
        case status if status in _REDIRECTS:
            reason, message = Reason.REDIRECTED, PLACE.redirected(answer)
        case _:
            reason = Reason.MALFORMED_ANSWER
            message = f"{code}, as no Prometheus answers: does the url lead to one?"
    return FaultError(reason, message)


def _said(document: Mapping[str, Any] | None) -> str:
    """Prometheus' own words for an error; empty where it is not Prometheus that speaks."""
    if document is None or document.get("status") != "error":
        return ""
    error = document.get("error")
    return error if isinstance(error, str) else ""

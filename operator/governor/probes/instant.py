"""Reads the `data` of an instant query as Prometheus documents it, and nothing looser.

An answer that is off in any detail yields no number: half-understood data must
never pass as a measurement.
"""

import re

from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

_NUMBER = re.compile(r"[+-]?(?:Inf|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|NaN")
"""Stricter than float(), which takes `1_000`, ` 1 ` and digits of other scripts too."""

_LATEST = 1e12
"""Seconds since 1970 beyond which a timestamp is none; NaN is beyond too."""


def numbers(data: object) -> list[float]:
    """The values of a scalar (one) or of a vector (one per series).

    Raises:
        FaultError: `NotANumber` for a string, a matrix or histograms,
            `MalformedAnswer` for what is none of Prometheus' results.
    """
    if not isinstance(data, dict):
        raise _malformed("the answer has no data object")
    result = data.get("result")
    match data.get("resultType"):
        case "scalar":
            return [_value(result)]
        case "vector":
            if not isinstance(result, list):
                raise _malformed("the vector is not a list")
            return [_series(item) for item in result]
        case "string" | "matrix" as kind:
            raise FaultError(
                Reason.NOT_A_NUMBER, f"the query gave a {kind}, not a scalar or an instant vector"
            )
        case _:
            raise _malformed("the answer has no known resultType")


def _series(item: object) -> float:
    if not isinstance(item, dict) or not isinstance(item.get("metric"), dict):
        raise _malformed("a series has no labels")
    if "histogram" in item:
        raise FaultError(
            Reason.NOT_A_NUMBER,
            "the query gave a native histogram: take a number from it, as with histogram_quantile",
        )
    return _value(item.get("value"))


def _value(pair: object) -> float:
    """The number of a `[timestamp, "value"]` pair."""
    match pair:
        case [int() | float() as time, str() as text] if not isinstance(time, bool):
            if abs(time) < _LATEST and _NUMBER.fullmatch(text):
                return float(text)
    raise _malformed("a value is not a timestamp and a number")


def _malformed(what: str) -> FaultError:
    return FaultError(Reason.MALFORMED_ANSWER, what)

"""From a custom resource as the API server or a file has it to its model."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from governor.api.channel import ChannelSpec
from governor.api.mute import MuteSpec
from governor.api.policy import PolicySpec
from governor.api.source import SourceSpec
from governor.errors import SpecError
from governor.values.model import SpecModel

_Spec = TypeVar("_Spec", bound=SpecModel)

UNKNOWN_FIELD = "unknown field: remove it, or check its spelling"

# Pydantic's words, where a manifest's author would want others.
_WORDS = {
    "missing": "is required",
    "extra_forbidden": UNKNOWN_FIELD,
    "model_type": "should be an object",
    "dict_type": "should be an object",
    "tuple_type": "should be a list",
    "too_short": "should have at least {min_length} items",
    "too_long": "should have at most {max_length} items",
}


def load_policy(body: Mapping[str, Any]) -> PolicySpec:
    """The spec of a GovernancePolicy.

    Raises:
        SpecError: it can't be understood; the message names every field that is wrong,
            as the manifest spells it, and the remedy.
    """
    return _load(PolicySpec, body)


def load_source(body: Mapping[str, Any]) -> SourceSpec:
    """The spec of a GovernanceSource.

    Raises:
        SpecError: it can't be understood; the message names every field that is wrong,
            as the manifest spells it, and the remedy.
    """
    return _load(SourceSpec, body)


def load_channel(body: Mapping[str, Any]) -> ChannelSpec:
    """The spec of a GovernanceChannel.

    Raises:
        SpecError: it can't be understood; the message names every field that is wrong,
            as the manifest spells it, and the remedy.
    """
    return _load(ChannelSpec, body)


def load_mute(body: Mapping[str, Any]) -> MuteSpec:
    """The spec of a GovernanceMute.

    Raises:
        SpecError: it can't be understood; the message names every field that is wrong,
            as the manifest spells it, and the remedy.
    """
    return _load(MuteSpec, body)


def _load(model: type[_Spec], body: Mapping[str, Any]) -> _Spec:
    """Reads as strictly as the API server does: as JSON, where "5" is no number."""
    if "spec" not in body:
        raise SpecError("spec: is required")
    try:
        text = json.dumps(body["spec"], default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        # Of YAML, a file may have what JSON has not: keys that are no texts, an anchor in itself.
        raise SpecError(f"spec: can't be written as JSON: {error}") from error
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        faults = error.errors()
        raise SpecError("; ".join(_told(it) for it in faults if not _echo(it, faults))) from error


def _plain(value: object) -> object:
    """Read-only mappings as objects; what YAML takes for a date as the text it was."""
    if isinstance(value, Mapping):
        return dict(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _echo(fault: ErrorDetails, faults: list[ErrorDetails]) -> bool:
    """Whether a list only seems too short, because Pydantic does not count its bad items."""
    here = fault["loc"]
    return fault["type"] == "too_short" and any(
        other["loc"][: len(here)] == here and other is not fault for other in faults
    )


def _told(fault: ErrorDetails) -> str:
    if words := _WORDS.get(fault["type"]):
        return f"{_path(fault['loc'])}: {words.format(**fault.get('ctx', {}))}"
    words = fault["msg"].removeprefix("Input ").removeprefix("String ")
    return f"{_path(fault['loc'])}: {words}"


def _path(location: tuple[int | str, ...]) -> str:
    """The field as the API server names it, such as `spec.checks[0].name`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "spec" + "".join(steps)

"""Makes text storable: one odd character must not keep a finding out of the database.

PostgreSQL's text and jsonb know no NUL, UTF-8 no lone surrogates, and JSON no NaN.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SUSPECT = r"\u0000"
"""In JSON: what may be a NUL."""
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def clean_text(text: str) -> str:
    """The text with what PostgreSQL can't store replaced by U+FFFD."""
    return _UNSTORABLE.sub(_REPLACEMENT, text)


def clean_json(value: Any) -> Any:
    """A copy that jsonb takes: clean strings and keys, null for a number that is none."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return clean_text(value)
        case Mapping():
            return {clean_text(str(key)): clean_json(item) for key, item in value.items()}
        case list() | tuple():
            return [clean_json(item) for item in value]
        case _:
            return value.isoformat() if isinstance(value, datetime) else clean_text(str(value))


def json_text(value: Any) -> str:
    """JSON that jsonb takes, cleaned as by `clean_json`: of values that are clean, at once."""
    try:
        text = orjson.dumps(value, default=_plain).decode()
    except TypeError:  # a lone surrogate, a key that is no text, an integer of over 64 bits
        return json.dumps(clean_json(value))
    return json.dumps(clean_json(value)) if _SUSPECT in text else text


def _plain(value: Any) -> dict[Any, Any] | str:
    """What JSON has no word for."""
    return dict(value) if isinstance(value, Mapping) else str(value)

"""What goes to jsonb is the same, whether it needed cleaning or not."""

import json
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governor.adapters.sink.cleaning import clean_json, json_text

TEXTS = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    ["\0", "\ud800", "\\u0000", "\\ud800", "\N{GRINNING FACE}", "plain"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(TEXTS, inner)
        | st.dictionaries(TEXTS, inner).map(MappingProxyType)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_is_told_as_its_clean_copy(value: Any) -> None:
    """And nothing in it that jsonb would refuse."""
    text = json_text(value)

    assert json.loads(text) == clean_json(value)
    assert "\\u0000" not in text.replace("\\\\", "")
    text.encode()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (datetime(2026, 11, 27, 4, 5, 6, 7, tzinfo=UTC), "2026-11-27T04:05:06.000007+00:00"),
        ({UUID(int=7): 1}, {"00000000-0000-0000-0000-000000000007": 1}),
        ({(1, 2): "\0"}, {"(1, 2)": "\N{REPLACEMENT CHARACTER}"}),
    ],
)
def test_what_json_has_no_word_for_is_told_as_text(value: Any, told: Any) -> None:
    """As PostgreSQL reads it."""
    assert json.loads(json_text(value)) == told

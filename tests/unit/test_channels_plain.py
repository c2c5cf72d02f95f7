"""What users wrote is only read: for any text, nothing is left that a chat would act on."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governor.adapters.channels.plain import plain, shortened
from governor.values.lines import flat

ACTIVE = st.text(
    st.one_of(st.sampled_from("@<>*_`~|[]()!#&;: \n\r\u2028\u202eab"), st.characters()),
    max_size=60,
)

DANGEROUS = [
    re.compile(pattern)
    for pattern in (
        r"@[^\u200b]",  # mentions
        r"[<>*`~]",  # tags, mentions, links, emphasis, code
        r"\]\(|\]\[",  # links with another text
        r"\|\|",  # spoilers
        r"&#?\w+;",  # entities
        r"(?<!\w)_|_(?!\w)",  # emphasis
    )
]


@given(text=ACTIVE)
def test_nothing_active_is_left(text: str) -> None:
    """Whatever it was made of."""
    told = plain(text, 50)

    for pattern in DANGEROUS:
        assert not pattern.search(told), pattern.pattern


@given(text=ACTIVE)
def test_it_is_one_line(text: str) -> None:
    """No line break of any kind, nothing that turns the direction or hides."""
    told = plain(text, 50)

    assert told.replace("\u200b", "").isprintable()
    assert len(told.splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.62 is below the red line 0.7", "0.62 is below the red line 0.7"),
        ("run_kb_growth_healthcheck", "run_kb_growth_healthcheck"),
        ("SLO owner / SRE owner", "SLO owner / SRE owner"),
        ("see https://runbooks.example.org/a_b#c", "see https://runbooks.example.org/a_b#c"),
        ("ana@example.org", "ana@\u200bexample.org"),
        ("R&D", "R&D"),
        ("two\n lines", "two lines"),
        ("größer, 大きい", "größer, 大きい"),
    ],
)
def test_ordinary_words_stay_as_they_are(text: str, expected: str) -> None:
    """People read what was written."""
    assert plain(text, 100) == expected


@given(text=st.text(), longest=st.integers(min_value=1, max_value=30))
def test_what_is_too_long_shows_it(text: str, longest: int) -> None:
    """With an ellipsis within the length."""
    told = shortened(flat(text), longest)

    assert len(told) <= longest
    assert told == flat(text) or told.endswith("…")

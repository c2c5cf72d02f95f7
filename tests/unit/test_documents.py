"""Documents name tests that show what they say: these exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("document", ["SECURITY.md", "docs/reliability.md"])
def test_every_test_that_it_names_is_there(document: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / document).read_text("utf-8")))
    there = {file.stem for file in (ROOT / "tests").rglob("test_*.py")}

    assert len(named) > 20
    assert named - there == set()

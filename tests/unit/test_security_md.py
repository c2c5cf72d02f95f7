"""SECURITY.md names tests that show what it says: they exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_it_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text("utf-8")))
    there = {file.stem for file in (ROOT / "tests").rglob("test_*.py")}

    assert len(named) > 20
    assert named - there == set()

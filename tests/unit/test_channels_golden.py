"""What people read, word for word: each message against a file that a person has read.

`REGENERATE=1 pytest tests/unit/test_channels_golden.py` writes the files anew; look at the
difference before you commit it.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from tests.support.notices import (
    a_flood,
    a_hostile_notice,
    a_notice,
    a_reminder,
    a_resolution,
    a_self_failure,
)

from governor.adapters.channels.messages import message
from governor.api.log import Transition
from governor.domain.notices import Notice

GOLDEN = Path(__file__).parents[1] / "data" / "golden"

BLIND = a_notice(
    event_type="governance_check_blind",
    check="km-growth-rate",
    severity="warning",
    message="the query gave no series",
    value=None,
    red_line=None,
    target=None,
    direction=None,
    hint="This check has given no number for several runs: what it guards is not watched now.",
    next_action="restore_blind_check",
    steps=("Read the check's reason and message: they name what failed",),
    human_owner="Platform owner / SRE owner",
    lead_agent=None,
)

MESSAGES: dict[str, Sequence[Notice]] = {
    "opened": [a_notice()],
    "still-open": [a_reminder()],
    "resolved": [a_resolution()],
    "resolved-with-its-policy": [a_resolution(resolved_reason="PolicyDeleted")],
    "blind": [BLIND],
    "self-failure": [a_self_failure()],
    "self-failures-of-a-source": [a_self_failure(number) for number in range(3)],
    "self-failures-resolved": [
        replace(
            a_self_failure(number),
            transition=Transition.RESOLVE,
            message="0 of 5 checks are in Error",
            resolved_reason="Recovered",
        )
        for number in range(2)
    ],
    "digest": [
        a_resolution(policy="old"),
        *a_flood(4),
        a_reminder(policy="slow"),
        *(a_self_failure(number) for number in range(3)),
        a_self_failure(9, source="platform"),
    ],
    "digest-of-what-ended": [
        a_resolution(id=UUID(int=number), policy=f"p{number}") for number in range(4)
    ],
    "digest-of-warnings-and-an-end": [
        a_resolution(policy="old"),
        *(
            a_notice(id=UUID(int=number), policy=f"p{number}", severity="warning")
            for number in range(2)
        ),
    ],
    "hostile": [a_hostile_notice()],
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_reads_as_a_person_has_read_it(name: str) -> None:
    """Title, blank line, body."""
    told = message(MESSAGES[name])
    text = f"{told.title}\n\n{told.body}\n"
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("REGENERATE"):
        file.write_text(text, encoding="utf-8")

    assert text == file.read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_message() -> None:
    """Nothing is left of a message that is no more."""
    assert {file.stem for file in GOLDEN.glob("*.txt")} == set(MESSAGES)

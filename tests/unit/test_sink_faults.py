"""What an error of the sink's database means for the entry: for ever, or not now."""

import asyncpg
import pytest

from governor.adapters.sink.faults import delivering, refused
from governor.errors import DeliveryError, RejectedError


def server_error(state: str) -> asyncpg.PostgresError:
    """What the driver raises for an error of that SQLSTATE."""
    made = asyncpg.PostgresError.new({"C": state, "M": "said so"})
    assert isinstance(made, asyncpg.PostgresError)
    return made


@pytest.mark.parametrize(
    ("state", "final", "words"),
    [
        ("08006", False, "did not take it now: said so"),
        ("22001", True, "will never take this row: said so"),
        ("22003", True, "will never take this row: said so"),
        ("22021", False, "create a database with ENCODING 'UTF8'"),
        ("22P02", True, "will never take this row: said so"),
        ("22P05", False, "create a database with ENCODING 'UTF8'"),
        ("23505", True, "will never take this row: said so"),
        ("23514", True, "will never take this row: said so"),
        ("3F000", False, "governor migrate"),
        ("40001", False, "did not take it now: said so"),
        ("40P01", False, "did not take it now: said so"),
        ("42501", False, "use a login in governor_writer"),
        ("42703", False, "governor migrate"),
        ("42883", False, "governor migrate"),
        ("42P01", False, "governor migrate"),
        ("42P10", False, "governor migrate"),
        ("53100", False, "did not take it now: said so"),
        ("55P03", False, "did not take it now: said so"),
        ("57014", False, "did not take it now: said so"),
        ("57P01", False, "did not take it now: said so"),
        ("XX000", False, "did not take it now: said so"),
    ],
)
async def test_every_sqlstate_has_a_meaning(state: str, final: bool, words: str) -> None:
    """What the database would take in another state of its own is never final."""
    with pytest.raises(DeliveryError) as caught:
        async with delivering(1.0):
            raise server_error(state)

    assert isinstance(caught.value, RejectedError) is final
    assert words in str(caught.value)
    assert "said so" in str(caught.value)
    assert refused(caught.value), "of several, it may have been for one"


async def test_a_session_that_ended_between_two_statements_is_a_fault_like_others() -> None:
    """Asyncpg calls that an error of its own, which SQLAlchemy lets through."""
    with pytest.raises(DeliveryError, match="did not take it now: cannot switch to state"):
        async with delivering(1.0):
            raise asyncpg.InternalClientError("cannot switch to state 15; another operation …")

"""What a failed statement means for the entry that was to be delivered.

Only what the database will refuse for ever is final. In doubt an entry stays in the
log: a retry costs little, a lost finding is a broken promise.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from governor.errors import DeliveryError, RejectedError

# SQLSTATEs, PostgreSQL's Appendix A.
_FINAL_CLASSES = ("22", "23")  # data exceptions, violated constraints
_NOT_MIGRATED = ("3F000", "42P01", "42703", "42P10")  # schema, table, column, unique index
_NO_RIGHT = "42501"


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's code of an error, empty if it did not come from the server."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


@asynccontextmanager
async def delivering(deadline: float) -> AsyncIterator[None]:
    """Gives up after so many seconds, and says in the port's words what went wrong.

    Raises:
        DeliveryError: it may pass.
        RejectedError: it will never pass.
    """
    try:
        async with asyncio.timeout(deadline):
            yield
    except SQLAlchemyError as error:
        raise _translated(error) from error
    except TimeoutError as error:
        raise DeliveryError("the database did not answer in time") from error
    except OSError as error:
        raise DeliveryError(f"the database can't be reached: {error}") from error


def _translated(error: SQLAlchemyError) -> DeliveryError:
    cause = getattr(error, "orig", None) or error
    said = next(iter(str(cause).splitlines()), type(cause).__name__)
    code = sqlstate(error)
    if code in _NOT_MIGRATED:
        return DeliveryError(f"the database's tables are missing or old ({said}): governor migrate")
    if code == _NO_RIGHT:
        return DeliveryError(
            f"the database refuses the operator's role ({said}): grant it governor_writer"
        )
    if code[:2] in _FINAL_CLASSES or _never_sent(error):
        return RejectedError(f"the database will never take this row: {said}")
    return DeliveryError(f"the database did not take it now: {said}")


def _never_sent(error: SQLAlchemyError) -> bool:
    """Whether the driver itself could not make a value of it, such as too large a number."""
    if isinstance(error, DBAPIError):
        return isinstance(error.driver_exception, ValueError)
    return isinstance(error, StatementError)

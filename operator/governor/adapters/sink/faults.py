"""What a failed statement means for the entry that was to be delivered.

Only what the database will refuse for ever is final. In doubt an entry stays in the
log: a retry costs little, a lost finding is a broken promise.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from governor.adapters.driver_errors import DRIVER_ERRORS
from governor.adapters.sink.characters import REMEDY
from governor.errors import DeliveryError, RejectedError

# SQLSTATEs, PostgreSQL's Appendix A.
_FINAL_CLASSES = ("22", "23")  # data exceptions, violated constraints
_NO_SUCH_CHARACTER = ("22021", "22P05")
"""Of the database rather than of the row: `cleaning` leaves none in it that UTF8 has not."""
_NOT_MIGRATED = ("3F000", "42P01", "42703", "42P10", "42883")
"""Of a missing schema, table, column, unique index, function."""
_NO_RIGHT = "42501"
_NO_TLS = "rejected SSL upgrade"  # asyncpg's words, of a server that offers none


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's code of an error, empty if it did not come from the server."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


def refused(error: DeliveryError) -> bool:
    """Whether the database answered, and would not take what it was sent.

    Of several things sent together, this may have been for one of them.
    """
    cause = error.__cause__
    return cause is not None and (bool(sqlstate(cause)) or isinstance(error, RejectedError))


@asynccontextmanager
async def delivering(deadline: float, *, role: str = "governor_writer") -> AsyncIterator[None]:
    """Gives up after so many seconds, and says in the port's words what went wrong.

    Args:
        deadline: in seconds.
        role: of deploy/database/roles.sql; a login that lacks a right should be in it.

    Raises:
        DeliveryError: it may pass.
        RejectedError: it will never pass.
    """
    try:
        async with asyncio.timeout(deadline):
            yield
    except (SQLAlchemyError, *DRIVER_ERRORS) as error:
        raise _translated(error, role) from error
    except TimeoutError as error:
        raise DeliveryError("the database did not answer in time") from error
    except OSError as error:
        raise DeliveryError(f"the database can't be reached: {error}{_remedy(error)}") from error


def _remedy(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return ": set GOVERNOR_DATABASE_CA_FILE to the authority that signed its certificate"
    if isinstance(error, ConnectionError) and _NO_TLS in str(error):
        return (
            ": turn TLS on there, or set GOVERNOR_DATABASE_TLS_MODE to Disable where the "
            "network is trusted"
        )
    return ""


def _translated(error: Exception, role: str) -> DeliveryError:
    cause = getattr(error, "orig", None) or error
    said = next(iter(str(cause).splitlines()), type(cause).__name__)
    code = sqlstate(error)
    if code in _NOT_MIGRATED:
        return DeliveryError(f"the database's tables are missing or old ({said}): governor migrate")
    if code == _NO_RIGHT:
        return DeliveryError(
            f"the database refuses what this login may not do ({said}): use a login in {role}"
        )
    if code in _NO_SUCH_CHARACTER:
        return DeliveryError(
            f"the database has no place for a character of this row ({said}): {REMEDY}"
        )
    if code[:2] in _FINAL_CLASSES or _never_sent(error):
        return RejectedError(f"the database will never take this row: {said}")
    return DeliveryError(f"the database did not take it now: {said}")


def _never_sent(error: Exception) -> bool:
    """Whether the driver itself could not make a value of it, such as too large a number."""
    if isinstance(error, DBAPIError):
        return isinstance(error.driver_exception, ValueError)
    return isinstance(error, StatementError | ValueError)

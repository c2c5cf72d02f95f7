"""Says for every way that PostgreSQL can fail which of our reasons it is, and the remedy.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import socket
import ssl
from dataclasses import dataclass

import asyncpg

from governor.adapters.postgres.dsn import Dsn
from governor.domain.judging import one_line
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a message says about where it happened."""

    dsn: Dsn
    custom: bool
    """Whether the statement is a policy author's own."""
    writes: str | None = None
    """The relation that is updated, schema-qualified; None where all is only read."""

    @property
    def schema(self) -> str:
        """Where the relation is that is updated."""
        return (self.writes or "").partition(".")[0]

    @property
    def relation_remedy(self) -> str:
        """What to do about a table or column that is not as expected."""
        return "correct the query" if self.custom else "map another in spec.postgres.relations"


# SQLSTATE, or its class of two characters → reason and remedy; the longer match counts.
_STATES: dict[str, tuple[Reason, str]] = {
    "08": (Reason.UNREACHABLE, "look at the server and the network"),
    "08P01": (Reason.MALFORMED_ANSWER, "is this a PostgreSQL server?"),
    "0A": (Reason.QUERY_INVALID, "a check is one plain SELECT"),
    "21": (Reason.QUERY_INVALID, "{relation}"),
    "22": (Reason.QUERY_INVALID, "{relation}"),
    "25": (Reason.QUERY_INVALID, "a check may only read"),
    "25P03": (Reason.TIMEOUT, "raise the server's timeout for this role"),
    "25P04": (Reason.TIMEOUT, "raise the server's transaction_timeout for this role"),
    "28": (Reason.AUTHENTICATION_FAILED, "correct the {secret}, or let the role log in"),
    "28P01": (Reason.AUTHENTICATION_FAILED, "correct user and password in the {secret}"),
    "2D": (Reason.QUERY_INVALID, "a check may only read"),
    "2F": (Reason.QUERY_INVALID, "a check may only read"),
    "3D000": (Reason.SECRET_INVALID, "correct the database in the {secret}"),
    "3F000": (Reason.RELATION_NOT_FOUND, "{relation}"),
    "42": (Reason.QUERY_INVALID, "{relation}"),
    "42501": (Reason.PERMISSION_DENIED, "grant it to the role of the {secret}"),
    "42P01": (Reason.RELATION_NOT_FOUND, "create it, or {relation}"),
    "42703": (Reason.COLUMN_NOT_FOUND, "add it, or {relation}"),
    "53300": (Reason.SERVER_ERROR, "lower spec.postgres.maxConnections or raise the limit"),
    "55P03": (Reason.TIMEOUT, "something holds a lock on what is read"),
    "57": (Reason.UNREACHABLE, "look at the server"),
    "57014": (Reason.TIMEOUT, "raise spec.postgres.statementTimeout, or add an index"),
    "57P05": (Reason.TIMEOUT, "raise the server's timeout for this role"),
    "P0": (Reason.QUERY_INVALID, "{relation}"),
}
# Where playbooks are deprecated, these come first.
_GRANTS = (
    "GRANT USAGE ON SCHEMA {schema} and SELECT, UPDATE (status) ON {writes} to the role of the "
    "{secret}"
)
_PRIMARY = (Reason.SERVER_ERROR, "name the primary server in the {secret}: this one is read-only")
_REFUSED = (Reason.QUERY_INVALID, "let {writes} take the status 'deprecated'")
_WRITING_STATES: dict[str, tuple[Reason, str]] = {
    "0A000": _PRIMARY,
    "23": _REFUSED,
    "25006": _PRIMARY,
    "42501": (Reason.PERMISSION_DENIED, _GRANTS),
    "44": _REFUSED,
    "55000": (
        Reason.QUERY_INVALID,
        "map a table, or a view that can be updated, in spec.postgres.relations",
    ),
    "55P03": (Reason.TIMEOUT, "something holds a lock on {writes}"),
}
_SAID_LENGTH = 110
"""So much of the server's words is told: the remedy must have room after them."""

_OTHER_STATE = (Reason.SERVER_ERROR, "look at the server's log")

# Verification results of OpenSSL, `man 1 openssl-verification-options`.
_NOT_NOW = (9, 10)
_OTHER_NAME = (62, 64)


def fault_of(error: Exception, place: Place) -> FaultError:
    """What went wrong while a connection was used."""
    if isinstance(error, FaultError):
        return error
    if isinstance(error, asyncpg.PostgresError):
        return _from_server(error, place)
    if isinstance(error, OSError):
        return _from_network(error, place)
    if _ended(error):
        return FaultError(
            Reason.UNREACHABLE, f"{place.dsn.address} closed the connection: look at the server"
        )
    return FaultError(
        Reason.MALFORMED_ANSWER,
        f"the answer of {place.dsn.address} can't be read ({type(error).__name__})",
    )


def _ended(error: Exception) -> bool:
    """Whether the server ended the session; asyncpg has no word for it between two statements."""
    if isinstance(error, asyncpg.InternalClientError):
        return "cannot switch to state" in str(error)
    return isinstance(error, asyncpg.InterfaceError) and "clos" in str(error)


def connecting_fault_of(error: Exception, place: Place) -> FaultError:
    """What went wrong while a connection was made."""
    if isinstance(error, asyncpg.InterfaceError):
        return FaultError(
            Reason.AUTHENTICATION_FAILED,
            f"{place.dsn.address}: {error}: let the role of the {place.dsn.secret} log in by "
            "password",
        )
    return fault_of(error, place)


def _from_server(error: asyncpg.PostgresError, place: Place) -> FaultError:
    state = getattr(error, "sqlstate", None) or ""
    states = _STATES | _WRITING_STATES if place.writes else _STATES
    reason, remedy = states.get(state) or states.get(state[:2]) or _OTHER_STATE
    said = one_line(str(error.args[0] if error.args else ""))[:_SAID_LENGTH]
    remedy = remedy.format(
        secret=place.dsn.secret,
        relation=place.relation_remedy,
        writes=place.writes,
        schema=place.schema,
    )
    return FaultError(reason, f"{said or type(error).__name__}: {remedy}")


def _from_network(error: OSError, place: Place) -> FaultError:
    address = place.dsn.address
    if isinstance(error, ssl.SSLCertVerificationError):
        return FaultError(
            Reason.TLS_FAILED,
            f"the certificate of {address} is refused: {getattr(error, 'verify_message', error)}: "
            f"{_certificate_remedy(getattr(error, 'verify_code', 0))}",
        )
    if isinstance(error, ssl.SSLError):
        # OpenSSL's errors have these attributes, Python's own of the same class do not.
        said = getattr(error, "reason", None) or error
        return FaultError(Reason.TLS_FAILED, f"TLS with {address} failed: {said}")
    if "rejected SSL upgrade" in str(error):
        return FaultError(
            Reason.TLS_FAILED,
            f"{address} offers no TLS: enable it there, or set spec.postgres.tls.mode: Disable",
        )
    if "TLS handshake" in str(error):
        return FaultError(Reason.TLS_FAILED, f"{address} broke off the TLS handshake")
    if isinstance(error, socket.gaierror):
        return FaultError(
            Reason.UNREACHABLE,
            f"the name {place.dsn.host} can't be resolved: correct the {place.dsn.secret}",
        )
    said = error.strerror if isinstance(error.strerror, str) and error.errno else str(error)
    said = "connection refused" if isinstance(error, ConnectionRefusedError) else said
    return FaultError(
        Reason.UNREACHABLE,
        f"{address} can't be reached: {said or type(error).__name__}: look at the server and the "
        "network",
    )


def _certificate_remedy(code: int) -> str:
    if code in _NOT_NOW:
        return "renew it, or correct the clocks"
    if code in _OTHER_NAME:
        return "connect by the certificate's name, or set tls.mode: VerifyCA"
    return "give its authority in spec.postgres.tls.caSecretRef"

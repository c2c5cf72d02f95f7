"""Connects to the sink's PostgreSQL.

Every statement is prepared unnamed and inside a transaction, and nothing is set for a
session, so that PgBouncer in transaction mode may stand between.
"""

import ssl
from pathlib import Path
from typing import Literal

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from governor.adapters.authorities import verifying
from governor.adapters.sink.sessions import Session
from governor.errors import SettingsError

TlsMode = Literal["VerifyFull", "VerifyCA", "Disable"]

_DRIVERS = ("postgresql", "postgres", "postgresql+asyncpg")
_PARAMETERS = frozenset({"host", "port"})
"""Where to connect, for what the URL's authority can't say: a socket's folder."""


def make_engine(
    url: str,
    *,
    tls_mode: TlsMode = "VerifyFull",
    ca_file: Path | None = None,
    connect_timeout: float = 5.0,
    command_timeout: float = 5.0,
    pool_size: int = 4,
    application_name: str = "governor",
) -> AsyncEngine:
    """An engine that connects when it is first used.

    Args:
        url: `postgresql://user:password@host:5432/database`.
        tls_mode: whether and how the server's certificate is verified.
        ca_file: PEM file of the authorities to trust; the system's without it.
        connect_timeout: seconds to connect within, TLS and login included.
        command_timeout: seconds to wait for one statement.
        pool_size: connections at most.
        application_name: what `pg_stat_activity` shows.

    Raises:
        SettingsError: the URL or the CA file can't be used; the message names the
            remedy and never the URL, which holds a password.
    """
    return create_async_engine(
        _checked(url),
        hide_parameters=True,
        pool_pre_ping=True,  # a server that was restarted costs no failed delivery
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=connect_timeout + command_timeout,
        connect_args={
            "ssl": _tls(tls_mode, ca_file),
            "timeout": connect_timeout,
            "command_timeout": command_timeout,
            "connection_class": Session,
            "server_settings": {"application_name": application_name},
            # For PgBouncer: a statement without a name lives in its transaction only.
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": str,
        },
    )


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url.strip())
    except (ArgumentError, ValueError):
        raise SettingsError(
            "the database URL can't be parsed: it must read "
            "postgresql://user:password@host:5432/database, special characters percent-encoded"
        ) from None
    if parsed.drivername not in _DRIVERS:
        raise SettingsError("the database URL must start with postgresql://")
    if "sslmode" in parsed.query:
        raise SettingsError(
            "the database URL must not say sslmode: remove it, and set "
            "GOVERNOR_DATABASE_TLS_MODE to VerifyFull, VerifyCA or Disable"
        )
    if unknown := sorted(set(parsed.query) - _PARAMETERS):
        raise SettingsError(f"the database URL must not say {', '.join(unknown)}: remove it")
    missing = [
        what
        for what, there in (
            ("a user", parsed.username),
            ("a host", parsed.host or parsed.query.get("host")),
            ("a database", parsed.database),
        )
        if not there
    ]
    if missing:
        # The driver would take them from PG* variables and the like.
        raise SettingsError(f"the database URL must name {' and '.join(missing)}")
    return parsed.set(drivername="postgresql+asyncpg")


def _tls(mode: TlsMode, ca_file: Path | None) -> ssl.SSLContext | Literal[False]:
    if mode == "Disable":
        return False
    try:
        context = verifying(ca_file=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"the database's CA file {ca_file} can't be used ({error}): "
            "it must be a readable PEM file with certificates"
        ) from None
    context.check_hostname = mode == "VerifyFull"
    return context

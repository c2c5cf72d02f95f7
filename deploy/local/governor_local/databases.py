"""Databases and logins on a stack's PostgreSQL servers. Names are ours: plain identifiers."""

import secrets

from governor_local.postgresql import PostgresServer


def make_database(server: PostgresServer, name: str) -> None:
    """Make a database, unless it is there.

    Raises:
        CommandError: the server refused.
    """
    known = server.execute("select datname from pg_database").splitlines()
    if name not in known:
        server.execute(f"create database {name}")


def make_login(server: PostgresServer, role: str, *, database: str, attributes: str = "") -> str:
    """Make a role that may log in, and give its URL. If it is there, its password changes.

    Args:
        server: where.
        role: its name.
        database: the database of the URL.
        attributes: SQL after `create role … login`, as `in role writers`.

    Raises:
        CommandError: the server refused.
    """
    known = server.execute("select rolname from pg_roles").splitlines()
    if role not in known:
        server.execute(f"create role {role} login {attributes}")
    password = secrets.token_urlsafe(18)
    server.execute(f"alter role {role} password '{password}'")
    return server.dsn(user=role, password=password, database=database)

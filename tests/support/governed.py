"""A governed database of a test's own on the real server, and instruments that measure it."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg

from governor.adapters.postgres import PostgresInstrument, make_postgres
from governor.api.source import PostgresSource
from governor.probes.base import Access
from governor_local.postgresql import PostgresServer

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""When tests measure. Never now(): a probe must not ask the server's clock."""

READER, AUTHOR, REMEDIATOR = "measuring", "authoring", "remediating"
"""The roles of the built-in checks, of custom SQL and of remediation."""
PASSWORD = "s3cret/@:%#?"
"""What no message may ever tell."""

SCHEMA = """
CREATE TABLE playbooks (playbook_id text, status text, trust_score numeric,
                        last_used_at timestamptz, created_at timestamptz);
CREATE TABLE knowledge_entries (status text, updated_at timestamptz);
CREATE TABLE incident_evidence (verification_result text, collected_at timestamptz);
CREATE TABLE auto_repair_executions (success boolean, created_at timestamptz);
GRANT SELECT ON ALL TABLES IN SCHEMA public TO measuring, authoring;
GRANT SELECT, UPDATE (status) ON playbooks TO remediating;
"""

ROLES = """
DO $$ BEGIN
  CREATE ROLE measuring LOGIN PASSWORD 's3cret/@:%#?';
  CREATE ROLE authoring LOGIN PASSWORD 's3cret/@:%#?';
  CREATE ROLE remediating LOGIN PASSWORD 's3cret/@:%#?';
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Governed:
    """One database with the governed tables, and a superuser's way in."""

    server: PostgresServer
    name: str

    @classmethod
    def create(cls, server: PostgresServer, options: str = "") -> "Governed":
        name = f"governed_{uuid4().hex}"
        server.execute(f"CREATE DATABASE {name} {options}")
        server.execute(ROLES + SCHEMA, database=name)
        return cls(server=server, name=name)

    def sql(self, text: str) -> str:
        """Runs statements as superuser."""
        return self.server.execute(text, database=self.name)

    def dsn(self, user: str = READER) -> str:
        return self.server.dsn(user=user, password=PASSWORD, database=self.name)

    async def connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        """A superuser's connection, to write rows or to look at sessions."""
        return await asyncpg.connect(self.server.dsn(database=self.name), ssl=False)

    def instrument(self, **spec: Any) -> PostgresInstrument:
        """An instrument with both logins, over plaintext; `spec` adds to the source."""
        return instrument(self.dsn(), self.dsn(AUTHOR), **spec)

    @asynccontextmanager
    async def remediating(self, **spec: Any) -> AsyncIterator[PostgresInstrument]:
        """An instrument that may deprecate playbooks, too; it is closed in the end."""
        made = instrument(self.dsn(), remediation=self.dsn(REMEDIATOR), **spec)
        try:
            yield made
        finally:
            await made.close()

    @asynccontextmanager
    async def measuring(self, **spec: Any) -> AsyncIterator[PostgresInstrument]:
        """An instrument that is closed in the end."""
        made = self.instrument(**spec)
        try:
            yield made
        finally:
            await made.close()


def instrument(
    dsn: str | bytes,
    custom: str | bytes | None = None,
    *,
    remediation: str | bytes | None = None,
    access: Collection[Access] = tuple(Access),
    ca: bytes | None = None,
    before_writing: Callable[[], None] = lambda: None,
    **spec: Any,
) -> PostgresInstrument:
    """What `make_postgres` makes of these Secrets."""
    values = {"dsn": dsn, "custom": custom, "remediation": remediation, "ca": ca}
    further = {"customSqlSecretRef": "custom", "remediationSecretRef": "remediation"}
    source = {
        "secretRef": {"name": "platform", "key": "dsn"},
        "tls": {"mode": "Disable"},
        **{
            field: {"name": "platform", "key": key}
            for field, key in further.items()
            if values[key] is not None
        },
        **spec,
    }
    stored = {
        key: value.encode() if isinstance(value, str) else value
        for key, value in values.items()
        if value is not None
    }
    return make_postgres(
        "platform",
        PostgresSource.model_validate(source),
        access,
        {"platform": stored},
        before_writing=before_writing,
    )

"""Playbooks of a test's own in the platform's database, and who has touched them."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
from tests.support.aside import Aside

from governor_local.stack import Stack
from governor_local.world.governed import DATABASE

RELATION = "enforced.playbooks"

# The trigger counts what stays: a transaction that is rolled back takes its counts along.
_SCHEMA = """
create schema enforced;
create table enforced.playbooks (
  playbook_id text primary key, status text, trust_score numeric,
  last_used_at timestamptz, created_at timestamptz
);
create table enforced.touched (playbook_id text);
create function enforced.touch() returns trigger language plpgsql security definer as $$
  begin insert into enforced.touched values (new.playbook_id); return null; end $$;
create trigger touch after update of status on enforced.playbooks
  for each row execute function enforced.touch();
grant usage on schema enforced to governor_reader, governor_remediation;
grant select on enforced.playbooks to governor_reader, governor_remediation;
grant update (status) on enforced.playbooks to governor_remediation;
"""
_LOCK = "lock table enforced.playbooks in share mode"
_REMEDIATING = """
select coalesce(wait_event_type, '') from pg_stat_activity where usename = 'governor_remediation'
"""


class Playbooks:
    """A table of playbooks, and a count of the times that each one's status was set."""

    def __init__(self, stack: Stack) -> None:
        self._server = stack.governed

    def make(self) -> None:
        """The table, empty."""
        self._sql(_SCHEMA)

    def drop(self) -> None:
        """The table goes."""
        self._sql("drop schema enforced cascade")

    def add(
        self, *ids: str, trust: str = "0.1", unused_days: int = 40, status: str = "'active'"
    ) -> None:
        """Playbooks; each is trusted a little more than the one before."""
        rows = ", ".join(
            f"('{each}', {status}, {trust}::numeric + {number / 1000},"
            f" now() - interval '{unused_days} days', now() - interval '1 year')"
            for number, each in enumerate(ids)
        )
        self._sql(f"insert into enforced.playbooks values {rows}")  # noqa: S608 - a test's words

    @property
    def touched(self) -> Counter[str]:
        """How often the status of each was set."""
        return Counter(self._sql("select playbook_id from enforced.touched").splitlines())

    @property
    def awaited(self) -> bool:
        """Whether a session that deprecates stands before a lock."""
        return "Lock" in self._sql(_REMEDIATING).splitlines()

    @property
    def left_alone(self) -> bool:
        """Whether the server has no session that deprecates, even one whose client is gone."""
        return not self._sql(f"select count(*) from ({_REMEDIATING}) having count(*) > 0")  # noqa: S608 - ours

    @contextmanager
    def locked(self, change: str = "") -> Iterator[None]:
        """Who measures reads on; who updates waits.

        Args:
            change: SQL that shows, too, once the lock is released.
        """
        with Aside() as aside:
            aside.enter(self._transaction(f"{_LOCK}; {change}"))
            yield

    @asynccontextmanager
    async def _transaction(self, statements: str) -> AsyncIterator[None]:
        connection = await asyncpg.connect(self._server.dsn(database=DATABASE), ssl=False)
        try:
            async with connection.transaction():
                await connection.execute(statements)
                yield
        finally:
            await connection.close()

    def _sql(self, text: str) -> str:
        return self._server.execute(text, database=DATABASE)

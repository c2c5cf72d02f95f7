"""Numbers in the governed database that a test turns, and sql checks that read them."""

from dataclasses import dataclass
from typing import Any

from governor_local.stack import Stack
from governor_local.world.governed import DATABASE

_TABLE = "public.e2e_dials"
_SCHEMA = f"""
create table if not exists {_TABLE} (name text primary key, value numeric);
grant select on {_TABLE} to governor_custom_sql;
"""


@dataclass(frozen=True, slots=True)
class Dial:
    """One number; tests tell theirs apart by name."""

    stack: Stack
    name: str

    def turn(self, value: float | None) -> None:
        """Sets it; None leaves NULL."""
        number = "null" if value is None else value
        self.stack.governed.execute(
            f"{_SCHEMA} insert into {_TABLE} values ('{self.name}', {number})"  # noqa: S608 - a test's own names
            " on conflict (name) do update set value = excluded.value",
            database=DATABASE,
        )

    def check(self, name: str = "dial", **fields: Any) -> dict[str, Any]:
        """A check of it: 0.8 and more is Ok, below 0.5 is Violated."""
        query = f"select value from {_TABLE} where name = '{self.name}'"  # noqa: S608 - the same
        return {
            "name": name,
            "sql": {"sourceRef": {"name": "platform"}, "query": query},
            "objective": {"direction": "Above", "redLine": 0.5, "target": 0.8},
            **fields,
        }

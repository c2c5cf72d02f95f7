"""Which table or view stands for a governed table, spelled so that nothing can redirect it."""

from collections.abc import Mapping

from governor.api.source import RELATIONS

DEFAULT_SCHEMA = "public"


def relations(mapped: Mapping[str, str] | None) -> dict[str, str]:
    """Every governed table's name → its relation, schema-qualified and quoted."""
    return {name: qualified((mapped or {}).get(name, name)) for name in RELATIONS}


def qualified(relation: str) -> str:
    """`schema.table` or `table`, spelled as in the catalog, for use in a statement."""
    schema, _, table = relation.rpartition(".")
    return f"{_quoted(schema or DEFAULT_SCHEMA)}.{_quoted(table)}"


def plain(relation: str) -> str:
    """`schema.table` without the quotes, for messages."""
    return relation.replace('"', "")


def _quoted(identifier: str) -> str:
    doubled = identifier.replace('"', '""')
    return f'"{doubled}"'

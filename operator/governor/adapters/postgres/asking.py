"""Puts a probe's query to the server, and takes no more of an answer than a probe can use."""

from collections.abc import Mapping, Sequence

import asyncpg

from governor.adapters.postgres.bounds import Connection
from governor.adapters.postgres.relations import plain
from governor.probes.base import SqlAnswer, SqlQuery
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

_NUMBERS = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric"})
_MOST_COLUMNS = 2
_MOST_ROWS = 2
"""One more than may be: enough to see that it is too many."""


async def ask(connection: Connection, query: SqlQuery) -> SqlAnswer:
    """The answer to a built-in's query, once its columns are what it takes them for.

    PostgreSQL would compare a `timestamp` without zone with our times, and be wrong by
    the session's zone; so the types are looked at first, in the same transaction.

    Raises:
        FaultError: `ColumnType`.
        asyncpg.PostgresError: any refusal.
    """
    for relation, columns in query.columns.items():
        await _require(connection, relation, columns)
    rows = await connection.fetch(query.text, *query.parameters)
    return _answer(tuple(rows[0].keys()) if rows else (), rows)


async def ask_custom(connection: Connection, query: SqlQuery) -> SqlAnswer:
    """The answer to a policy author's own SELECT: at most two rows of two numbers.

    The statement is parsed as it stands first, so it can't reach out of the brackets it
    is then put in; the brackets take nothing but a SELECT. What is no number
    arrives as an empty text, and NULL as None: so no answer is cut off for its length.

    Raises:
        FaultError: `QueryInvalid`: not one SELECT without parameters.
        asyncpg.PostgresError: any refusal.
    """
    if "\0" in query.text:
        raise FaultError(Reason.QUERY_INVALID, "the query holds a NUL character: remove it")
    try:
        prepared = await connection.prepare(query.text)
    except asyncpg.PostgresSyntaxError as error:
        if "multiple commands" in str(error):
            raise _not_a_select() from None
        raise
    if prepared.get_parameters():
        raise FaultError(Reason.QUERY_INVALID, "the query has parameters ($1 …): write values")
    attributes = prepared.get_attributes()
    if not attributes:
        raise _not_a_select()
    names = tuple(attribute.name for attribute in attributes)
    if len(names) > _MOST_COLUMNS:
        return SqlAnswer(columns=names, rows=())
    columns = [f"c{position}" for position in range(len(names))]
    wanted = ", ".join(
        column if _is_number(attribute.type) else f"CASE WHEN {column} IS NOT NULL THEN '' END"
        for column, attribute in zip(columns, attributes, strict=True)
    )
    # The line end closes a comment that the author may have left open.
    bracketed = (
        f"SELECT {wanted} FROM (\n{query.text}\n) AS answer ({', '.join(columns)})"  # noqa: S608 - running an author's SELECT, with that author's rights, is the purpose
        f" LIMIT {_MOST_ROWS}"
    )
    try:
        return _answer(names, await connection.fetch(bracketed))
    except asyncpg.PostgresSyntaxError:
        raise _not_a_select() from None


def _is_number(type_: asyncpg.Type) -> bool:
    """Whether it is one of PostgreSQL's own: another schema's `numeric` may be any text."""
    return type_.schema == "pg_catalog" and type_.name in _NUMBERS


def _not_a_select() -> FaultError:
    return FaultError(Reason.QUERY_INVALID, "the query must be one SELECT that gives a value")


async def _require(
    connection: Connection, relation: str, columns: Mapping[str, tuple[str, ...]]
) -> None:
    """Looks at the columns' types without reading a row: the statement is only parsed.

    Raises:
        FaultError: `ColumnType`, naming the first column of another type.
    """
    # Qualified by the relation: a complaint about a missing column then names its table.
    wanted = ", ".join(f'{relation}."{column}"' for column in columns)
    described = await connection.prepare(f"SELECT {wanted} FROM {relation}")  # noqa: S608 - quoted by relations.py
    for attribute in described.get_attributes():
        allowed = columns[attribute.name]
        if attribute.type.name not in allowed:
            where = plain(relation)
            raise FaultError(
                Reason.COLUMN_TYPE,
                f"{where}.{attribute.name} is {attribute.type.name}, not {allowed[0]}: change its "
                "type, or map a view that casts it in spec.postgres.relations",
            )


def _answer(columns: tuple[str, ...], rows: Sequence[asyncpg.Record]) -> SqlAnswer:
    return SqlAnswer(columns=columns, rows=tuple(tuple(row.values()) for row in rows))

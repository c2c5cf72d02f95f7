"""Measures from PostgreSQL: read-only, bounded, and without a trace in the next check."""

from governor.adapters.postgres.instrument import PostgresInstrument
from governor.adapters.postgres.making import make_postgres

__all__ = ["PostgresInstrument", "make_postgres"]

"""The sink: governance events, kept for good in PostgreSQL.

`engine` connects, `tables` says what is stored, `upserts` how it merges, `postgres`
is the port's implementation, `migrating` makes and updates the schema.
"""

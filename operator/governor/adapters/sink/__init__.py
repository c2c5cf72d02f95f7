"""The sink: governance events, kept for good in PostgreSQL.

`engine` connects, `tables` says what is stored, `upserts` and `remediations` how it
merges, `dispatches` how it becomes work; `postgres` is the port's implementation,
`migrating` makes and updates the schema.
"""

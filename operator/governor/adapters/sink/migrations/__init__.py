"""Migrations of the sink's schema, for Alembic; `migrating` runs them."""

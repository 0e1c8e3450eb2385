"""Alembic: one file per revision of the tables."""

"""Alembic's scripts, run by ``genomehub hub init``: one file per schema version, never edited afterwards."""

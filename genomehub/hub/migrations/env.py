"""What Alembic runs: migrations on the connection and in the transaction of ``hub/database.py``."""

from alembic import context

from genomehub.hub.models import VERSION_TABLE, Model


def migrate() -> None:
    """Run the migrations that Alembic was asked for."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Model.metadata,
        version_table=VERSION_TABLE,
        render_as_batch=True,  # SQLite changes a table by copying it
    )
    context.run_migrations()


if hasattr(context, "config"):  # Alembic runs this file; tools that look for doctests import it
    migrate()

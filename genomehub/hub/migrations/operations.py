"""What migrations are written with: tables, keys and indexes named by the convention of ``models``."""

import sqlalchemy as sa
from alembic import op

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True)
NAME = sa.String(200)
DIGEST = sa.String(64)
UUID = sa.String(36)
TIME = sa.DateTime(timezone=True)


def row(name: str, to: str | None = None, *, nullable: bool = False) -> sa.Column[int]:
    """A row's own number, or the number of a row in another table."""
    key = [] if to is None else [sa.ForeignKey(f"{to}.id", name=f"fk_{{}}_{name}")]
    return sa.Column(name, ROW_ID, *key, nullable=nullable)


def table(name: str, *columns: sa.schema.SchemaItem, key: tuple[str, ...] = ("id",), **options: bool) -> None:
    for column in columns:
        for foreign in getattr(column, "foreign_keys", ()):
            foreign.name = foreign.name.format(name)
    op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"), **options)


def unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name="_".join(("uq", table, *columns)))


def index(table: str, *columns: str) -> None:
    op.create_index("_".join(("ix", table, *columns)), table, list(columns))


def forbid(table: str, action: str, reason: str) -> None:
    """Let the database itself refuse what must not be done to a table.

    A later migration that copies such a table in SQLite loses its triggers and must make them anew.
    """
    name = f"{table}_no_{action.lower()}"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {action} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'catalogue: {reason}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'catalogue: {reason}'; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")

"""What all tables share: types of columns, names of constraints, the schema's version."""

from datetime import UTC, datetime

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, MetaData, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase

#: Revision of the newest migration; revisions are numbered, so an older and a newer one can be told apart.
SCHEMA_VERSION = "0010"
#: Alembic's table, under a name of our own: other programs use Alembic too.
VERSION_TABLE = "genomehub_schema"

NAME_LENGTH = 200
DIGEST_LENGTH = 64  # SHA-256, hexadecimal


class UtcTime(TypeDecorator[datetime]):
    """A point in time, always aware and in UTC (SQLite keeps no time zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


#: SQLite numbers rows by itself only in columns of type INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")
#: JSON as text, also in PostgreSQL: JSONB would rewrite numbers, and an entry's identity is over them.
Json = JSON(none_as_null=True)
Name = String(NAME_LENGTH)
Digest = String(DIGEST_LENGTH)


class Model(DeclarativeBase):
    """Base of the tables; constraints are named so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

"""The first catalogue: projects, samples, data sets, entries with files and provenance, the event log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON(none_as_null=True)
_NAME = sa.String(200)
_DIGEST = sa.String(64)
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _make_nouns()
    _make_entries()
    _make_links()
    _make_files()
    _make_numbers()
    _make_event_log()
    _forbid("event", "UPDATE", "events are only ever appended")
    _forbid("event", "DELETE", "events are only ever appended")
    _forbid("entry", "UPDATE", "entries are never changed")


def downgrade() -> None:
    raise NotImplementedError("a catalogue is not taken back to a former version; restore a backup")


def _row(name: str, to: str | None = None, *, nullable: bool = False) -> sa.Column[int]:
    """A row's own number, or the number of a row in another table."""
    key = [] if to is None else [sa.ForeignKey(f"{to}.id", name=f"fk_{{}}_{name}")]
    return sa.Column(name, _ROW_ID, *key, nullable=nullable)


def _table(
    name: str, *columns: sa.schema.SchemaItem, key: tuple[str, ...] = ("id",), **options: bool
) -> None:
    for column in columns:
        for foreign in getattr(column, "foreign_keys", ()):
            foreign.name = foreign.name.format(name)
    op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"), **options)


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name="_".join(("uq", table, *columns)))


def _index(table: str, *columns: str) -> None:
    op.create_index("_".join(("ix", table, *columns)), table, list(columns))


def _make_nouns() -> None:
    _table(
        "catalogue",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_catalogue_one_row")),
    )
    _table(
        "project",
        _row("id"),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        _unique("project", "name"),
    )
    _table(
        "reference",
        _row("id"),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("name", _NAME),
        sa.Column("n_contigs", sa.Integer()),
        sa.Column("length_bp", sa.BigInteger()),
        _unique("reference", "digest"),
    )
    _table(
        "sample",
        _row("id"),
        _row("project_id", "project"),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("sex", sa.String(10)),
        sa.CheckConstraint("sex IN ('female', 'male', 'unknown')", name=op.f("ck_sample_sex")),
        _unique("sample", "project_id", "name"),
    )
    _index("sample", "name")


def _make_entries() -> None:
    _table(
        "dataset",
        _row("id"),
        sa.Column("uuid", sa.String(36), nullable=False),
        _row("project_id", "project"),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("description", sa.Text()),
        sa.Column("created_at", _TIME, nullable=False),
        _unique("dataset", "uuid"),
        _unique("dataset", "project_id", "name"),
    )
    _table(
        "entry",
        _row("id"),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("data_digest", _DIGEST, nullable=False),
        sa.Column("provenance_digest", _DIGEST, nullable=False),
        _row("dataset_id", "dataset"),
        sa.Column("version", sa.Integer(), nullable=False),
        _row("supersedes_id", "entry", nullable=True),
        _row("reference_id", "reference", nullable=True),
        sa.Column("registered_at", _TIME, nullable=False),
        sa.Column("registered_by", _NAME, nullable=False),
        sa.Column("software", _JSON, nullable=False),
        sa.Column("configuration", _JSON),
        sa.Column("configuration_text", sa.Text()),
        sa.Column("qc", _JSON),
        sa.Column("evaluation", _JSON),
        _unique("entry", "digest"),
        _unique("entry", "dataset_id", "version"),
        _unique("entry", "supersedes_id"),
        sqlite_autoincrement=True,
    )
    for column in ("data_digest", "reference_id", "registered_at"):
        _index("entry", column)


def _make_links() -> None:
    _table(
        "entry_sample", _row("entry_id", "entry"), _row("sample_id", "sample"), key=("entry_id", "sample_id")
    )
    _index("entry_sample", "sample_id")
    _table(
        "entry_parent", _row("entry_id", "entry"), _row("parent_id", "entry"), key=("entry_id", "parent_id")
    )
    _index("entry_parent", "parent_id")


def _make_files() -> None:
    _table(
        "file",
        _row("id"),
        _row("entry_id", "entry"),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("kind", _NAME, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("relative", sa.Boolean(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", _DIGEST, nullable=False),
        sa.Column("n_files", sa.Integer()),
        sa.CheckConstraint("role IN ('result', 'input')", name=op.f("ck_file_role")),
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_file_not_empty")),
    )
    _index("file", "entry_id")
    _index("file", "kind", "entry_id")
    _index("file", "sha256")


def _make_numbers() -> None:
    _table(
        "stage_cost",
        _row("id"),
        _row("entry_id", "entry"),
        sa.Column("stage", _NAME, nullable=False),
        sa.Column("wall_seconds", sa.Double()),
        sa.Column("core_seconds", sa.Double()),
        sa.Column("peak_rss_bytes", sa.BigInteger()),
        sa.Column("read_bytes", sa.BigInteger()),
        sa.Column("written_bytes", sa.BigInteger()),
        _unique("stage_cost", "entry_id", "stage"),
    )
    _table("measure", _row("id"), sa.Column("name", _NAME, nullable=False), _unique("measure", "name"))
    _table(
        "measurement",
        _row("entry_id", "entry"),
        _row("measure_id", "measure"),
        sa.Column("value", sa.Double(), nullable=False),
        key=("entry_id", "measure_id"),
    )
    _index("measurement", "measure_id", "value")


def _make_event_log() -> None:
    _table(
        "event",
        _row("id"),
        sa.Column("time", _TIME, nullable=False),
        sa.Column("actor", _NAME, nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        _row("dataset_id", "dataset", nullable=True),
        _row("entry_id", "entry", nullable=True),
        sa.Column("detail", _JSON, nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sqlite_autoincrement=True,
    )
    _index("event", "dataset_id")
    _index("event", "entry_id")


def _forbid(table: str, action: str, reason: str) -> None:
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

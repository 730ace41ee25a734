"""The first catalogue: projects, samples, data sets, entries with files and provenance, the event log."""

import sqlalchemy as sa
from alembic import op

from genomehub.hub.migrations.operations import DIGEST, JSON, NAME, TIME, forbid, index, row, table, unique

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _make_nouns()
    _make_entries()
    _make_links()
    _make_files()
    _make_numbers()
    _make_event_log()
    forbid("event", "UPDATE", "events are only ever appended")
    forbid("event", "DELETE", "events are only ever appended")
    forbid("entry", "UPDATE", "entries are never changed")


def downgrade() -> None:
    raise NotImplementedError("a catalogue is not taken back to a former version; restore a backup")


def _make_nouns() -> None:
    table(
        "catalogue",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_catalogue_one_row")),
    )
    table(
        "project",
        row("id"),
        sa.Column("name", NAME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        unique("project", "name"),
    )
    table(
        "reference",
        row("id"),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("name", NAME),
        sa.Column("n_contigs", sa.Integer()),
        sa.Column("length_bp", sa.BigInteger()),
        unique("reference", "digest"),
    )
    table(
        "sample",
        row("id"),
        row("project_id", "project"),
        sa.Column("name", NAME, nullable=False),
        sa.Column("sex", sa.String(10)),
        sa.CheckConstraint("sex IN ('female', 'male', 'unknown')", name=op.f("ck_sample_sex")),
        unique("sample", "project_id", "name"),
    )
    index("sample", "name")


def _make_entries() -> None:
    table(
        "dataset",
        row("id"),
        sa.Column("uuid", sa.String(36), nullable=False),
        row("project_id", "project"),
        sa.Column("name", NAME, nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("description", sa.Text()),
        sa.Column("created_at", TIME, nullable=False),
        unique("dataset", "uuid"),
        unique("dataset", "project_id", "name"),
    )
    table(
        "entry",
        row("id"),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("data_digest", DIGEST, nullable=False),
        sa.Column("provenance_digest", DIGEST, nullable=False),
        row("dataset_id", "dataset"),
        sa.Column("version", sa.Integer(), nullable=False),
        row("supersedes_id", "entry", nullable=True),
        row("reference_id", "reference", nullable=True),
        sa.Column("registered_at", TIME, nullable=False),
        sa.Column("registered_by", NAME, nullable=False),
        sa.Column("software", JSON, nullable=False),
        sa.Column("configuration", JSON),
        sa.Column("configuration_text", sa.Text()),
        sa.Column("qc", JSON),
        sa.Column("evaluation", JSON),
        unique("entry", "digest"),
        unique("entry", "dataset_id", "version"),
        unique("entry", "supersedes_id"),
        sqlite_autoincrement=True,
    )
    for column in ("data_digest", "reference_id", "registered_at"):
        index("entry", column)


def _make_links() -> None:
    table("entry_sample", row("entry_id", "entry"), row("sample_id", "sample"), key=("entry_id", "sample_id"))
    index("entry_sample", "sample_id")
    table("entry_parent", row("entry_id", "entry"), row("parent_id", "entry"), key=("entry_id", "parent_id"))
    index("entry_parent", "parent_id")


def _make_files() -> None:
    table(
        "file",
        row("id"),
        row("entry_id", "entry"),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("relative", sa.Boolean(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", DIGEST, nullable=False),
        sa.Column("n_files", sa.Integer()),
        sa.CheckConstraint("role IN ('result', 'input')", name=op.f("ck_file_role")),
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_file_not_empty")),
    )
    index("file", "entry_id")
    index("file", "kind", "entry_id")
    index("file", "sha256")


def _make_numbers() -> None:
    table(
        "stage_cost",
        row("id"),
        row("entry_id", "entry"),
        sa.Column("stage", NAME, nullable=False),
        sa.Column("wall_seconds", sa.Double()),
        sa.Column("core_seconds", sa.Double()),
        sa.Column("peak_rss_bytes", sa.BigInteger()),
        sa.Column("read_bytes", sa.BigInteger()),
        sa.Column("written_bytes", sa.BigInteger()),
        unique("stage_cost", "entry_id", "stage"),
    )
    table("measure", row("id"), sa.Column("name", NAME, nullable=False), unique("measure", "name"))
    table(
        "measurement",
        row("entry_id", "entry"),
        row("measure_id", "measure"),
        sa.Column("value", sa.Double(), nullable=False),
        key=("entry_id", "measure_id"),
    )
    index("measurement", "measure_id", "value")


def _make_event_log() -> None:
    table(
        "event",
        row("id"),
        sa.Column("time", TIME, nullable=False),
        sa.Column("actor", NAME, nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        row("dataset_id", "dataset", nullable=True),
        row("entry_id", "entry", nullable=True),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sqlite_autoincrement=True,
    )
    index("event", "dataset_id")
    index("event", "entry_id")

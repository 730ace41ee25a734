"""Data in: upload sessions and their files, what was seen of contents, which files were read."""

import sqlalchemy as sa
from alembic import op

from genomehub.hub.migrations.operations import DIGEST, JSON, NAME, TIME, UUID, index, row, table, unique

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _make_uploads()
    _make_contents()


def downgrade() -> None:
    raise NotImplementedError("a catalogue is not taken back to a former version; restore a backup")


def _make_uploads() -> None:
    states = "'open', 'checking', 'registered', 'refused', 'cancelled', 'expired'"
    table(
        "upload_session",
        row("id"),
        sa.Column("uuid", UUID, nullable=False),
        row("person_id", "person"),
        sa.Column("project", NAME, nullable=False),
        sa.Column("dataset", NAME, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("said", JSON),
        sa.Column("progress", JSON),
        sa.Column("problems", JSON),
        sa.Column("outcome", sa.String(20)),
        row("entry_id", "entry", nullable=True),
        sa.Column("claimed_by", NAME),
        sa.Column("claimed_at", TIME),
        sa.CheckConstraint(f"state IN ({states})", name=op.f("ck_upload_session_state")),
        unique("upload_session", "uuid"),
    )
    for column in ("person_id", "state", "expires_at"):
        index("upload_session", column)
    table(
        "upload_file",
        row("id"),
        sa.Column("uuid", UUID, nullable=False),
        row("session_id", "upload_session"),
        sa.Column("name", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", DIGEST),
        sa.Column("created_at", TIME, nullable=False),
        unique("upload_file", "uuid"),
        unique("upload_file", "session_id", "name"),
    )


def _make_contents() -> None:
    table(
        "file_content",
        sa.Column("sha256", DIGEST, nullable=False),
        sa.Column("md5", sa.String(32)),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.String(20)),
        sa.Column("facts", JSON),
        sa.Column("seen_at", TIME, nullable=False),
        key=("sha256",),
    )
    index("file_content", "format")
    table(
        "seen_file",
        sa.Column("place", DIGEST, nullable=False),
        sa.Column("stamp", DIGEST, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", DIGEST, nullable=False),
        sa.Column("md5", sa.String(32)),
        sa.Column("n_files", sa.Integer()),
        sa.Column("seen_at", TIME, nullable=False),
        key=("place",),
    )
    index("seen_file", "seen_at")

"""Files within folders, so that each can be had by itself with its checksum."""

import sqlalchemy as sa

from genomehub.hub.migrations.operations import DIGEST, row, table

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table(
        "file_member",
        row("file_id", "file"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", DIGEST, nullable=False),
        key=("file_id", "name"),
    )


def downgrade() -> None:
    raise NotImplementedError("a catalogue is not taken back to a former version; restore a backup")

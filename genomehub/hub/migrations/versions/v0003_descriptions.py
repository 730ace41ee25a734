"""Descriptions: which were pushed to other catalogues; publications are listed by when they changed."""

import sqlalchemy as sa

from genomehub.hub.migrations.operations import DIGEST, NAME, TIME, index, row, table, unique

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    index("publication", "changed_at")
    table(
        "push",
        row("id"),
        row("dataset_id", "dataset"),
        sa.Column("target", NAME, nullable=False),
        sa.Column("remote_id", NAME, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("pushed_at", TIME, nullable=False),
        unique("push", "dataset_id", "target"),
    )


def downgrade() -> None:
    raise NotImplementedError("a catalogue is not taken back to a former version; restore a backup")

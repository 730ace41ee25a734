"""E-mails to people, and studies that ask for a permit to hold longer."""

import sqlalchemy as sa
from alembic import op

from genomehub.hub.migrations.operations import JSON, NAME, TIME, UUID, index, row, table, unique

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("language", sa.String(2)))
    op.add_column("person", sa.Column("unsubscribed_at", TIME))
    table(
        "outbox",
        row("id"),
        sa.Column("uuid", UUID, nullable=False),
        sa.Column("once", NAME, nullable=False),
        row("person_id", "person"),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", TIME),
        sa.Column("given_up_at", TIME),
        sa.Column("failure", sa.Text()),
        unique("outbox", "uuid"),
        unique("outbox", "once"),
    )
    index("outbox", "due_at")
    table(
        "permit_extension",
        row("id"),
        sa.Column("uuid", UUID, nullable=False),
        row("permit_id", "permit"),
        sa.Column("until", TIME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        row("asked_by_id", "person"),
        sa.Column("ends_at", TIME),
        sa.Column("decided_at", TIME),
        row("decided_by_id", "person", nullable=True),
        sa.Column("decision", sa.Text()),
        sa.CheckConstraint(
            "state IN ('submitted', 'granted', 'refused', 'cancelled')",
            name=op.f("ck_permit_extension_state"),
        ),
        unique("permit_extension", "uuid"),
    )
    index("permit_extension", "permit_id")
    index("permit_extension", "state")


def downgrade() -> None:
    raise NotImplementedError("a catalogue is not taken back to a former version; restore a backup")

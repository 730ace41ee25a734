"""E-mails to addresses of nobody whom the hub knows."""

import sqlalchemy as sa
from alembic import op

from genomehub.hub.migrations.operations import NAME, ROW_ID

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outbox") as outbox:
        outbox.alter_column("person_id", existing_type=ROW_ID, nullable=True)
        outbox.add_column(sa.Column("address", NAME))


def downgrade() -> None:
    raise NotImplementedError("a catalogue is not taken back to a former version; restore a backup")

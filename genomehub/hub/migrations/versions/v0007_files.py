"""(reserved on the branches of the hub's first floor for: files)"""

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    raise NotImplementedError("a catalogue is not taken back to a former version; restore a backup")

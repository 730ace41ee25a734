"""Logins, invitations to studies, terms of data sets, people and verdicts of requests."""

import sqlalchemy as sa
from alembic import op

from genomehub.hub.migrations.operations import DIGEST, JSON, NAME, TIME, UUID, index, row, table, unique

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table(
        "login_session",
        row("id"),
        row("person_id", "person"),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("visas", JSON),
        row("token_id", "api_token", nullable=True),
        unique("login_session", "digest"),
    )
    index("login_session", "person_id")
    table(
        "study_invitation",
        row("id"),
        sa.Column("uuid", UUID, nullable=False),
        row("study_id", "study"),
        sa.Column("email", NAME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        row("created_by_id", "person"),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("accepted_at", TIME),
        unique("study_invitation", "uuid"),
    )
    index("study_invitation", "study_id")
    index("study_invitation", "email")
    table(
        "dataset_terms",
        row("dataset_id", "dataset"),
        sa.Column("terms", JSON, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        row("changed_by_id", "person"),
        key=("dataset_id",),
    )
    op.add_column("access_request", sa.Column("statement", JSON))
    table(
        "access_request_person",
        row("request_id", "access_request"),
        row("person_id", "person"),
        key=("request_id", "person_id"),
    )
    index("access_request_person", "person_id")
    table(
        "access_verdict",
        row("request_id", "access_request"),
        row("dataset_id", "dataset"),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("conditions", sa.Text()),
        sa.Column("starts_at", TIME),
        sa.Column("ends_at", TIME),
        sa.Column("decided_at", TIME, nullable=False),
        row("decided_by_id", "person"),
        key=("request_id", "dataset_id"),
    )
    index("event", "actor")


def downgrade() -> None:
    raise NotImplementedError("a catalogue is not taken back to a former version; restore a backup")

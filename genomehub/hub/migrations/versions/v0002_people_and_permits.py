"""The hub's first floor: descriptions of data sets, people and their roles, studies, requests, permits."""

import sqlalchemy as sa
from alembic import op

from genomehub.hub.migrations.operations import (
    DIGEST,
    JSON,
    NAME,
    TIME,
    UUID,
    forbid,
    index,
    row,
    table,
    unique,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _make_people()
    _make_descriptions()
    _make_studies()
    _make_permits()
    forbid("description", "UPDATE", "descriptions are never changed")


def downgrade() -> None:
    raise NotImplementedError("a catalogue is not taken back to a former version; restore a backup")


def _make_people() -> None:
    table(
        "person",
        row("id"),
        sa.Column("uuid", UUID, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("email", NAME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("disabled_at", TIME),
        unique("person", "uuid"),
    )
    index("person", "email")
    table(
        "identity",
        row("id"),
        row("person_id", "person"),
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("subject", NAME, nullable=False),
        unique("identity", "issuer", "subject"),
    )
    index("identity", "person_id")
    table(
        "role_grant",
        row("id"),
        row("person_id", "person"),
        sa.Column("role", sa.String(20), nullable=False),
        row("project_id", "project", nullable=True),
        sa.CheckConstraint(
            "role IN ('holder', 'steward', 'researcher', 'auditor', 'administrator')",
            name=op.f("ck_role_grant_role"),
        ),
        unique("role_grant", "person_id", "role", "project_id"),
    )
    table(
        "api_token",
        row("id"),
        row("person_id", "person"),
        sa.Column("label", NAME, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("revoked_at", TIME),
        unique("api_token", "digest"),
    )
    index("api_token", "person_id")


def _make_descriptions() -> None:
    table(
        "description",
        row("id"),
        row("dataset_id", "dataset"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", NAME, nullable=False),
        sa.CheckConstraint("source IN ('form', 'ingest', 'engine')", name=op.f("ck_description_source")),
        unique("description", "dataset_id", "version"),
    )
    table(
        "publication",
        row("dataset_id", "dataset"),
        row("description_id", "description", nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        row("provider_id", "person", nullable=True),
        sa.Column("origin_id", NAME),
        sa.Column("changed_at", TIME, nullable=False),
        sa.CheckConstraint("state IN ('draft', 'published', 'withdrawn')", name=op.f("ck_publication_state")),
        unique("publication", "provider_id", "origin_id"),
        key=("dataset_id",),
    )
    index("publication", "state")


def _make_studies() -> None:
    table(
        "study",
        row("id"),
        sa.Column("uuid", UUID, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        unique("study", "uuid"),
    )
    table(
        "study_member",
        row("study_id", "study"),
        row("person_id", "person"),
        sa.Column("lead", sa.Boolean(), nullable=False),
        key=("study_id", "person_id"),
    )
    index("study_member", "person_id")
    table(
        "access_request",
        row("id"),
        sa.Column("uuid", UUID, nullable=False),
        row("study_id", "study"),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("duo", JSON, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        row("created_by_id", "person"),
        sa.Column("submitted_at", TIME),
        sa.Column("decided_at", TIME),
        row("decided_by_id", "person", nullable=True),
        sa.Column("decision", sa.Text()),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'granted', 'refused', 'returned', 'cancelled')",
            name=op.f("ck_access_request_state"),
        ),
        unique("access_request", "uuid"),
    )
    index("access_request", "study_id")
    index("access_request", "state")
    table(
        "access_request_dataset",
        row("request_id", "access_request"),
        row("dataset_id", "dataset"),
        key=("request_id", "dataset_id"),
    )
    index("access_request_dataset", "dataset_id")


def _make_permits() -> None:
    table(
        "permit",
        row("id"),
        sa.Column("uuid", UUID, nullable=False),
        row("study_id", "study"),
        row("request_id", "access_request", nullable=True),
        sa.Column("duo", JSON, nullable=False),
        sa.Column("conditions", sa.Text()),
        sa.Column("granted_at", TIME, nullable=False),
        row("granted_by_id", "person"),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.Column("withdrawn_at", TIME),
        row("withdrawn_by_id", "person", nullable=True),
        sa.Column("withdrawal", sa.Text()),
        unique("permit", "uuid"),
    )
    index("permit", "study_id")
    for other, name in (("dataset", "permit_dataset"), ("person", "permit_person")):
        table(name, row("permit_id", "permit"), row(f"{other}_id", other), key=("permit_id", f"{other}_id"))
        index(name, f"{other}_id")

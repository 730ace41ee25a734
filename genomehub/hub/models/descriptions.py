"""What is published about data sets: descriptions in versions, and whether the public sees them."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from genomehub.hub.models.base import Digest, Json, Model, Name, RowId, UtcTime
from genomehub.hub.models.catalogue import Dataset


class Description(Model):
    """One version of what a data set says about itself. Never changed; the next version supersedes it.

    document : JSON of ``hub.description.document.DatasetDescription``
    source : "form" (a person), "ingest" (a catalogue's API) or "engine" (what was registered)
    """

    __tablename__ = "description"
    __table_args__ = (
        UniqueConstraint("dataset_id", "version"),
        CheckConstraint("source IN ('form', 'ingest', 'engine')", name="source"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"))
    version: Mapped[int] = mapped_column(Integer)
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    source: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    created_by: Mapped[str] = mapped_column(Name)


class Publication(Model):
    """Whether the public sees a data set, and which version of its description.

    state : "draft" (holder and stewards only), "published", or "withdrawn" (its page says so, no more)
    origin_id : identifier that the catalogue it was ingested from gives it
    """

    __tablename__ = "publication"
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'published', 'withdrawn')", name="state"),
        UniqueConstraint("provider_id", "origin_id"),
    )

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"), primary_key=True)
    description_id: Mapped[int | None] = mapped_column(ForeignKey("description.id"))
    state: Mapped[str] = mapped_column(String(10), index=True)
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    origin_id: Mapped[str | None] = mapped_column(Name)
    changed_at: Mapped[datetime] = mapped_column(UtcTime, index=True)

    dataset: Mapped[Dataset] = relationship()
    description: Mapped[Description | None] = relationship()


class Push(Model):
    """A data set's description that was pushed to another catalogue, such as the national one.

    target : the catalogue's address; remote_id : what it calls the data set
    digest : SHA-256 of what was sent, so that nothing is sent twice
    """

    __tablename__ = "push"
    __table_args__ = (UniqueConstraint("dataset_id", "target"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"))
    target: Mapped[str] = mapped_column(Name)
    remote_id: Mapped[str] = mapped_column(Name)
    digest: Mapped[str] = mapped_column(Digest)
    pushed_at: Mapped[datetime] = mapped_column(UtcTime)

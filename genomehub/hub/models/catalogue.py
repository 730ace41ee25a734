"""Results: what is kept about them, each thing in one place.

A *data set* (one sample's genome, a trio, a cohort) belongs to a project and has *entries*: immutable,
numbered versions, each with its files, provenance and quality. Names of samples stand in ``sample`` only,
so that pseudonyms and access grants can later be put between them and a reader. ``event`` is the
append-only log of who did what. Migrations in ``hub/migrations`` make these tables; a test compares both.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from genomehub.hub.models.base import Digest, Json, Model, Name, RowId, UtcTime


class CatalogueInfo(Model):
    """The catalogue itself, one row: its identifier makes those of its entries unique in the world."""

    __tablename__ = "catalogue"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Project(Model):
    """What data sets are held for; the unit of later access grants."""

    __tablename__ = "project"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(Name, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Reference(Model):
    """A reference genome, identified by its GA4GH sequence-collection digest."""

    __tablename__ = "reference"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    digest: Mapped[str] = mapped_column(Digest, unique=True)
    name: Mapped[str | None] = mapped_column(Name)
    n_contigs: Mapped[int | None] = mapped_column(Integer)
    length_bp: Mapped[int | None] = mapped_column(BigInteger)


class Sample(Model):
    """A sample, and the one place that holds its name."""

    __tablename__ = "sample"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        CheckConstraint("sex IN ('female', 'male', 'unknown')", name="sex"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    name: Mapped[str] = mapped_column(Name, index=True)
    sex: Mapped[str | None] = mapped_column(String(10))


class Dataset(Model):
    """What stays the same from version to version; ``uuid`` is its lasting public identifier."""

    __tablename__ = "dataset"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    name: Mapped[str] = mapped_column(Name)
    title: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    project: Mapped[Project] = relationship()


class EntrySample(Model):
    """Which samples an entry is about: one for a genome, many for a cohort."""

    __tablename__ = "entry_sample"

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id"), primary_key=True, index=True)


class EntryParent(Model):
    """Which entries an entry was made from."""

    __tablename__ = "entry_parent"

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True, index=True)


class Entry(Model):
    """One version of a data set. Never changed; the next version supersedes it.

    digest : identity, see ``hub/identity.py``
    data_digest : over the files alone: equal in two versions if only what is said about them changed
    provenance_digest : over software, configuration, parents and inputs, see ``hub/identity.py``
    configuration : parsed; configuration_text : exactly as given
    """

    __tablename__ = "entry"
    __table_args__ = (UniqueConstraint("dataset_id", "version"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    digest: Mapped[str] = mapped_column(Digest, unique=True)
    data_digest: Mapped[str] = mapped_column(Digest, index=True)
    provenance_digest: Mapped[str] = mapped_column(Digest)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"))
    version: Mapped[int] = mapped_column(Integer)
    supersedes_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"), unique=True)
    reference_id: Mapped[int | None] = mapped_column(ForeignKey("reference.id"), index=True)
    registered_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    registered_by: Mapped[str] = mapped_column(Name)
    software: Mapped[dict[str, str]] = mapped_column(Json)
    configuration: Mapped[Any | None] = mapped_column(Json)
    configuration_text: Mapped[str | None] = mapped_column(Text)
    qc: Mapped[Any | None] = mapped_column(Json)
    evaluation: Mapped[Any | None] = mapped_column(Json)

    dataset: Mapped[Dataset] = relationship()
    reference: Mapped[Reference | None] = relationship()
    supersedes: Mapped["Entry | None"] = relationship(remote_side=[id], back_populates="superseded_by")
    superseded_by: Mapped["Entry | None"] = relationship(back_populates="supersedes", uselist=False)
    samples: Mapped[list[Sample]] = relationship(secondary="entry_sample", order_by=Sample.name)
    parents: Mapped[list["Entry"]] = relationship(
        secondary="entry_parent",
        primaryjoin=id == EntryParent.entry_id,
        secondaryjoin=id == EntryParent.parent_id,
        back_populates="children",
        order_by="Entry.id",
    )
    children: Mapped[list["Entry"]] = relationship(
        secondary="entry_parent",
        primaryjoin=id == EntryParent.parent_id,
        secondaryjoin=id == EntryParent.entry_id,
        back_populates="parents",
        order_by="Entry.id",
    )
    files: Mapped[list["File"]] = relationship(order_by="File.id")
    costs: Mapped[list["StageCost"]] = relationship(order_by="StageCost.id")


class File(Model):
    """A file or folder of an entry: a part of the result, or an input that it was made from.

    path : where it is; relative to the catalogue's folder if ``relative``. The only thing here that may
        change: content is what counts, not where it lies.
    n_files : how many files a folder holds; null for a plain file
    """

    __tablename__ = "file"
    __table_args__ = (
        CheckConstraint("role IN ('result', 'input')", name="role"),
        CheckConstraint("size_bytes > 0", name="not_empty"),
        Index("ix_file_kind_entry_id", "kind", "entry_id"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), index=True)
    role: Mapped[str] = mapped_column(String(10))
    kind: Mapped[str] = mapped_column(Name)
    path: Mapped[str] = mapped_column(Text)
    relative: Mapped[bool]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Digest, index=True)
    n_files: Mapped[int | None] = mapped_column(Integer)


class StageCost(Model):
    """What one stage cost; measured, so no part of the identity."""

    __tablename__ = "stage_cost"
    __table_args__ = (UniqueConstraint("entry_id", "stage"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"))
    stage: Mapped[str] = mapped_column(Name)
    wall_seconds: Mapped[float | None] = mapped_column(Double)
    core_seconds: Mapped[float | None] = mapped_column(Double)
    peak_rss_bytes: Mapped[int | None] = mapped_column(BigInteger)
    read_bytes: Mapped[int | None] = mapped_column(BigInteger)
    written_bytes: Mapped[int | None] = mapped_column(BigInteger)


class Measure(Model):
    """Name of a number that entries can be searched by, such as ``coverage.mean``."""

    __tablename__ = "measure"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(Name, unique=True)


class Measurement(Model):
    """The numbers of an entry's QC and evaluation, spread out for search (they also stand in its JSON)."""

    __tablename__ = "measurement"
    __table_args__ = (Index("ix_measurement_measure_id_value", "measure_id", "value"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    measure_id: Mapped[int] = mapped_column(ForeignKey("measure.id"), primary_key=True)
    value: Mapped[float] = mapped_column(Double)


class Event(Model):
    """Append-only log: who did what and when. Each digest covers the former one, so a gap shows."""

    __tablename__ = "event"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    time: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(Name)
    action: Mapped[str] = mapped_column(String(40))
    dataset_id: Mapped[int | None] = mapped_column(ForeignKey("dataset.id"), index=True)
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"), index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(Json)
    digest: Mapped[str] = mapped_column(Digest)

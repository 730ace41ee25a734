"""Data on its way in: upload sessions and their files; what was seen of contents; which files were read.

An upload is no part of the catalogue until it is whole: only a session in state "registered" has an entry.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from genomehub.hub.models.access import Person
from genomehub.hub.models.base import Digest, Json, Model, Name, RowId, UtcTime
from genomehub.hub.models.catalogue import Entry


class UploadSession(Model):
    """Files that a person sends for one new version of one data set.

    state : open (files arrive), checking (all are whole, intake reads them), registered, refused
        (``problems`` say why; files may be replaced and it may be completed again), cancelled or expired (its
        files are removed)
    said : what the person says about the result when they complete it: samples, sex, title, ...
    claimed_by, claimed_at : which process checks it, and its last sign of life
    progress : what intake does now, and how far it is
    """

    __tablename__ = "upload_session"
    __table_args__ = (
        CheckConstraint(
            "state IN ('open', 'checking', 'registered', 'refused', 'cancelled', 'expired')", name="state"
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    project: Mapped[str] = mapped_column(Name)
    dataset: Mapped[str] = mapped_column(Name)
    state: Mapped[str] = mapped_column(String(10), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    said: Mapped[dict[str, Any] | None] = mapped_column(Json)
    progress: Mapped[dict[str, Any] | None] = mapped_column(Json)
    problems: Mapped[list[Any] | None] = mapped_column(Json)
    outcome: Mapped[str | None] = mapped_column(String(20))
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"))
    claimed_by: Mapped[str | None] = mapped_column(Name)
    claimed_at: Mapped[datetime | None] = mapped_column(UtcTime)

    person: Mapped[Person] = relationship()
    entry: Mapped[Entry | None] = relationship()
    files: Mapped[list["UploadFile"]] = relationship(order_by="UploadFile.id", back_populates="session")


class UploadFile(Model):
    """One file of an upload session; how much of it has come is the size of what lies in the folder."""

    __tablename__ = "upload_file"
    __table_args__ = (UniqueConstraint("session_id", "name"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("upload_session.id"))
    name: Mapped[str] = mapped_column(Name)
    kind: Mapped[str] = mapped_column(Name)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(Digest)
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    session: Mapped[UploadSession] = relationship(back_populates="files")


class FileContent(Model):
    """What intake saw of a content, whichever files have it: MD5, format and a summary.

    facts : JSON of ``hub.intake.facts.Facts``
    """

    __tablename__ = "file_content"

    sha256: Mapped[str] = mapped_column(Digest, primary_key=True)
    md5: Mapped[str | None] = mapped_column(String(32))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    format: Mapped[str | None] = mapped_column(String(20), index=True)
    facts: Mapped[dict[str, Any] | None] = mapped_column(Json)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)


class SeenFile(Model):
    """A file that was read whole, so that it need not be read again while it is unchanged.

    place : SHA-256 of its path; stamp : times of change and number of the file, see ``hub/checksums.py``
    """

    __tablename__ = "seen_file"

    place: Mapped[str] = mapped_column(Digest, primary_key=True)
    stamp: Mapped[str] = mapped_column(Digest)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Digest)
    md5: Mapped[str | None] = mapped_column(String(32))
    n_files: Mapped[int | None] = mapped_column(Integer)
    seen_at: Mapped[datetime] = mapped_column(UtcTime, index=True)

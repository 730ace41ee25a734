"""What is known of contents beside their SHA-256, for those who fetch them: MD5 of files, files of folders.

Both are made in the pass that makes the SHA-256 (``checksums``), and kept when a result is filed. What an
earlier version has filed without them gets them by ``complete``: no request reads a file for its checksum.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, and_, exists, insert, or_, select
from sqlalchemy.orm import Session

from genomehub.errors import GenomehubError
from genomehub.hub import models
from genomehub.hub.checksums import Advance, Reader, checksum
from genomehub.hub.database import Database
from genomehub.hub.lookup import absolute_path
from genomehub.hub.records import FileRecord
from genomehub.hub.storage import Place, place_of
from genomehub.types import Progress


@dataclasses.dataclass(frozen=True)
class Completion:
    """Of what ``complete`` has read: n_files are complete now, changed are not what was registered."""

    n_files: int
    changed: tuple[Place, ...]


def keep(session: Session, files: Iterable[FileRecord], now: datetime) -> None:
    """Keep what was seen of contents while their SHA-256 was made; what is known already stays."""
    for file in files:
        if file.md5 is not None:
            content = content_of(session, file, now)
            content.md5 = content.md5 or file.md5
        if file.members:
            folders = select(models.File.id).where(models.File.sha256 == file.sha256, _unlisted())
            for folder in session.scalars(folders).all():
                rows = [{"file_id": folder, **dataclasses.asdict(member)} for member in file.members]
                session.execute(insert(models.FileMember), rows)


def content_of(session: Session, file: FileRecord, now: datetime) -> models.FileContent:
    """Return what is known of a file's content, a new row if nothing is."""
    known = session.scalar(select(models.FileContent).where(models.FileContent.sha256 == file.sha256))
    if known is None:
        known = models.FileContent(sha256=file.sha256, size_bytes=file.size_bytes, seen_at=now)
        session.add(known)
        session.flush()
    return known


def complete(
    database: Database, now: datetime, *, threads: int = 1, progress: Progress | None = None
) -> Completion:
    """Read the files of which a checksum is lacking, and keep it; each by itself, so a kill loses little."""
    with database.read() as session:
        lacking = _lacking(session, database.location.folder)

    def read(places: Sequence[FileRecord], advance: Advance) -> bool:
        for file in places:
            try:
                seen = checksum(place_of(file.path), advance)
            except (OSError, GenomehubError):
                continue  # it may lie elsewhere too
            if (seen.sha256, seen.n_files) == (file.sha256, file.n_files):
                with database.write() as session:
                    keep(session, [dataclasses.replace(file, md5=seen.md5, members=seen.members)], now)
                return True
        return False

    total = sum(places[0].size_bytes for places in lacking)
    with Reader("checksums", total, threads=threads, progress=progress) as reader:
        done = reader.map(read, lacking)
    changed = [place_of(places[0].path) for places, same in zip(lacking, done, strict=True) if not same]
    return Completion(sum(done), tuple(changed))


def _lacking(session: Session, folder: Path | None) -> list[list[FileRecord]]:
    """Return where the contents lie of which something is not known, the newest place first."""
    known = exists().where(
        models.FileContent.sha256 == models.File.sha256, models.FileContent.md5.is_not(None)
    )
    rows = session.scalars(
        select(models.File)
        .where(models.File.role == "result", or_(and_(models.File.n_files.is_(None), ~known), _unlisted()))
        .order_by(models.File.id.desc())
    )
    found: dict[str, list[FileRecord]] = {}
    for row in rows:
        path = absolute_path(folder, row)
        record = FileRecord(row.kind, path, row.size_bytes, row.sha256, row.n_files)
        found.setdefault(row.sha256, []).append(record)
    return list(found.values())


def _unlisted() -> ColumnElement[bool]:
    listed = exists().where(models.FileMember.file_id == models.File.id)
    return and_(models.File.role == "result", models.File.n_files.is_not(None), ~listed)

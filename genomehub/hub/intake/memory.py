"""What the catalogue remembers of files that were read: their checksums, and what was seen of contents."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.checksums import Checksum
from genomehub.hub.database import Database
from genomehub.hub.intake.facts import Facts
from genomehub.hub.records import FileRecord
from genomehub.hub.storage import Place


def _now() -> datetime:
    return datetime.now(UTC)


class SeenFiles:
    """Checksums of files, each kept as soon as it is made: a job that is killed need not read them again."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = _now) -> None:
        self._database, self._clock = database, clock

    def recall(self, path: Place, stamp: str) -> Checksum | None:
        """Return the checksum of a file that is unchanged since it was read."""
        with self._database.read() as session:
            seen = session.get(models.SeenFile, _place(path))
            if seen is None or seen.stamp != stamp:
                return None
            return Checksum(seen.size_bytes, seen.sha256, seen.n_files, seen.md5)

    def keep(self, path: Place, stamp: str, seen: Checksum) -> None:
        """Remember it."""
        row = models.SeenFile(
            place=_place(path), stamp=stamp, size_bytes=seen.size_bytes, sha256=seen.sha256, md5=seen.md5,
            n_files=seen.n_files, seen_at=self._clock(),
        )  # fmt: skip
        with self._database.write() as session:
            session.merge(row)


def forget_files(session: Session, now: datetime, days: int = 30) -> int:
    """Forget checksums that were made long ago; return how many."""
    old = session.execute(delete(models.SeenFile).where(models.SeenFile.seen_at < now - timedelta(days=days)))
    return int(old.rowcount)  # type: ignore[attr-defined]


def keep_contents(
    session: Session, files: Iterable[FileRecord], facts: Iterable[Facts | None], now: datetime
) -> None:
    """Note the MD5 of contents and what was seen in them; what is known stays unless more is known now."""
    for file, seen in zip(files, facts, strict=True):
        row = session.scalar(select(models.FileContent).where(models.FileContent.sha256 == file.sha256))
        if row is None:
            row = models.FileContent(sha256=file.sha256, size_bytes=file.size_bytes, seen_at=now)
            session.add(row)
        row.md5 = row.md5 or file.md5
        if seen is not None:
            row.format, row.facts, row.seen_at = seen.format, dataclasses.asdict(seen), now
        session.flush()


def _place(path: Place) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()

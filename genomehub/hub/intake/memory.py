"""What the catalogue remembers of files that were read: their checksums, and what was seen of contents."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from genomehub.hub import contents, models
from genomehub.hub.checksums import Checksum, names_in
from genomehub.hub.database import Database
from genomehub.hub.filing import batched
from genomehub.hub.intake.facts import Facts
from genomehub.hub.records import FileRecord, MemberRecord
from genomehub.hub.storage import Place

_AT_ONCE = 1000  # parameters of a statement; databases bound their number


def _now() -> datetime:
    return datetime.now(UTC)


class SeenFiles:
    """Checksums of files, each kept as soon as it is made: a job that is killed need not read them again.

    Of a folder, each file has a row too, under the stamp of the folder.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = _now) -> None:
        self._database, self._clock = database, clock

    def recall(self, path: Place, stamp: str) -> Checksum | None:
        """Return the checksum of a file that is unchanged since it was read."""
        with self._database.read() as session:
            seen = session.get(models.SeenFile, _place(path))
            if seen is None or seen.stamp != stamp:
                return None
            members = () if seen.n_files is None else _members(session, path, stamp)
            if len(members) != (seen.n_files or 0):
                return None
            return Checksum(seen.size_bytes, seen.sha256, seen.n_files, seen.md5, members)

    def keep(self, path: Place, stamp: str, seen: Checksum) -> None:
        """Remember it."""
        shared: dict[str, Any] = {"stamp": stamp, "md5": None, "n_files": None, "seen_at": self._clock()}
        rows = [
            {
                **shared, "place": _place(f"{path}/{one.name}"), "size_bytes": one.size_bytes,
                "sha256": one.sha256,
            }
            for one in seen.members
        ]  # fmt: skip
        whole = {
            "place": _place(path), "size_bytes": seen.size_bytes, "sha256": seen.sha256, "md5": seen.md5,
            "n_files": seen.n_files,
        }  # fmt: skip
        rows.append(shared | whole)
        with self._database.write() as session:
            for some in batched([str(row["place"]) for row in rows], _AT_ONCE):
                session.execute(delete(models.SeenFile).where(models.SeenFile.place.in_(some)))
            session.execute(insert(models.SeenFile), rows)


def _members(session: Session, path: Place, stamp: str) -> tuple[MemberRecord, ...]:
    """Return what is remembered of the files of a folder with this stamp."""
    names = {_place(f"{path}/{name}"): name for name in names_in(path)}
    found: dict[str, MemberRecord] = {}
    for some in batched(names, _AT_ONCE):
        rows = select(models.SeenFile).where(models.SeenFile.place.in_(some), models.SeenFile.stamp == stamp)
        for row in session.scalars(rows):
            found[row.place] = MemberRecord(names[row.place], row.size_bytes, row.sha256)
    return tuple(found[place] for place in names if place in found)


def forget_files(session: Session, now: datetime, days: int = 30) -> int:
    """Forget checksums that were made long ago; return how many."""
    old = session.execute(delete(models.SeenFile).where(models.SeenFile.seen_at < now - timedelta(days=days)))
    return int(old.rowcount)  # type: ignore[attr-defined]


def keep_contents(
    session: Session, files: Iterable[FileRecord], facts: Iterable[Facts | None], now: datetime
) -> None:
    """Note what was seen in contents, beside their MD5; what is known stays unless more is known now."""
    files = list(files)
    contents.keep(session, files, now)
    for file, seen in zip(files, facts, strict=True):
        if seen is not None:
            row = contents.content_of(session, file, now)
            row.format, row.facts, row.seen_at = seen.format, dataclasses.asdict(seen), now


def _place(path: Place | str) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()

"""Uploads: files of a new version of a data set arrive piece by piece, in sessions, by the tus protocol.

What has come of a file is what lies in the upload folder: SESSION/NAME. So after a kill, its size is the
offset from which to go on. Here is no HTTP; ``service/routes/uploads.py`` speaks it.
"""

import contextlib
import dataclasses
import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from genomehub.errors import (
    ConfigError,
    ConflictError,
    NotFoundError,
    ResourceError,
    TooLargeError,
)
from genomehub.files import os_error, remove
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.principals import Principal, Role
from genomehub.hub.database import Database, locate
from genomehub.hub.filing import check_name
from genomehub.hub.records import DEFAULT_PROJECT
from genomehub.hub.service.settings import Settings
from genomehub.hub.sources import kind_of
from genomehub.hub.storage import Storage, is_remote, open_storage

#: Algorithms of tus' checksum extension.
ALGORITHMS = ("sha256", "sha1", "md5")
#: States in which files may come and go.
OPEN = ("open", "refused")
_KIND = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SPARE_BYTES = 64 * 2**20  # of the disk, left for others


class LockedError(ConflictError):
    """Another request writes to this upload now."""


@dataclasses.dataclass(frozen=True)
class Wish:
    """A file that somebody wants to upload.

    dataset : name in the project, or the data set's identifier
    kind : None to have the name tell it
    session : identifier of an upload that it belongs to; None: the open one for the data set, or a new one
    """

    name: str
    size_bytes: int
    dataset: str
    project: str = DEFAULT_PROJECT
    kind: str | None = None
    sha256: str | None = None
    session: str | None = None


@dataclasses.dataclass(frozen=True)
class Uploads:
    """Everything about uploads, for one hub."""

    database: Database
    settings: Settings
    clock: Callable[[], datetime]

    @property
    def folder(self) -> Path:
        """Where uploads arrive."""
        if self.settings.upload_folder is not None:
            return self.settings.upload_folder.expanduser().absolute()
        if self.settings.storage is not None and not is_remote(self.settings.storage):
            return Path(self.settings.storage).expanduser().absolute() / "uploads"
        beside = locate(self.settings.catalogue).folder
        if beside is None:
            raise ConfigError(
                "upload_folder: is needed with PostgreSQL and an object store. Name a folder of this machine."
            )
        return beside / "storage" / "uploads"

    @property
    def storage(self) -> Storage:
        """Where whole files go."""
        return open_storage(self.settings)

    def path(self, file: models.UploadFile) -> Path:
        """Return where a file arrives."""
        return self.folder / file.session.uuid / file.name

    def marker(self, file: models.UploadFile) -> Path:
        """Return where it is noted that a piece is not verified yet: its bytes do not count."""
        return self.folder / file.session.uuid / f".{file.uuid}.pending"

    # ------------------------------------------------------------------------------------- who and what

    def require_right(
        self, session: Session, principal: Principal, project: str, dataset: str, asked: str = ""
    ) -> None:
        """Ask the gate whether a person may register there; a data set that is new needs a holder.

        Parameters
        ----------
        asked : as they named the data set, if not by its name: a hidden one's name is not told

        Raises
        ------
        NotFoundError, NotAllowedError, NotAuthenticatedError
        """
        row = session.scalar(
            select(models.Dataset)
            .join(models.Project, models.Project.id == models.Dataset.project_id)
            .where(models.Project.name == project, models.Dataset.name == dataset)
        )
        if row is None:
            held = session.scalar(select(models.Project.id).where(models.Project.name == project))
            if principal.has(Role.HOLDER, held):
                return
        Gate(session, principal, self.clock()).require(Action.REGISTER, row, asked or dataset)

    def find(self, session: Session, principal: Principal, identifier: str) -> models.UploadSession:
        """Return a person's own upload; that of another is answered as one that does not exist.

        Raises
        ------
        NotFoundError
        """
        row = session.scalar(select(models.UploadSession).where(models.UploadSession.uuid == identifier))
        if row is None or row.person_id != principal.person_id:
            raise NotFoundError(f"{identifier[:80]!r}: no such upload. List yours: GET /api/uploads.")
        self.require_right(session, principal, row.project, row.dataset)
        return row

    def find_file(
        self, session: Session, principal: Principal, identifier: str, file_id: str
    ) -> models.UploadFile:
        """Return a file of a person's own upload that is still under way.

        Raises
        ------
        NotFoundError
        """
        row = self.find(session, principal, identifier)
        file = next((file for file in row.files if file.uuid == file_id), None)
        gone = row.state in ("cancelled", "expired") or (row.state in OPEN and row.expires_at <= self.clock())
        if file is None or gone:
            raise NotFoundError(
                f"{file_id[:80]!r}: no such file in this upload, or it has expired. Begin anew."
            )
        return file

    def expiry(self) -> datetime:
        """Return until when an upload is kept to which something comes now."""
        return self.clock() + timedelta(days=self.settings.upload_days)

    # ------------------------------------------------------------------------------------ begin and end

    def create(self, session: Session, principal: Principal, wish: Wish) -> models.UploadFile:
        """Begin the upload of a file.

        Raises
        ------
        ConfigError, TooLargeError, ConflictError, NotFoundError, NotAllowedError, ResourceError
        """
        asked, wish = wish.dataset, self._checked(session, wish)
        self.require_right(session, principal, wish.project, wish.dataset, asked)
        row = self._session_of(session, principal, wish)
        if any(file.name == wish.name for file in row.files):
            raise ConflictError(
                f"{wish.name[:80]!r}: is in this upload already. Go on with it, or delete it first."
            )
        if len(row.files) >= self.settings.upload_max_files:
            raise TooLargeError(
                f"an upload has at most {self.settings.upload_max_files} files. Pack a store into a zip."
            )
        self._require_room(session, principal, wish.size_bytes)
        row.expires_at, row.state, row.problems = self.expiry(), "open", None
        file = models.UploadFile(
            uuid=str(uuid.uuid4()), name=wish.name, kind=str(wish.kind), size_bytes=wish.size_bytes,
            sha256=wish.sha256, created_at=self.clock(),
        )  # fmt: skip
        row.files.append(file)
        session.flush()
        path = self.path(file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("wb").close()
        except OSError as error:
            raise os_error("the upload folder", error) from error
        return file

    def _checked(self, session: Session, wish: Wish) -> Wish:
        if not 0 < wish.size_bytes <= self.settings.upload_max_bytes:
            raise TooLargeError(
                f"{wish.name[:80]!r}: {wish.size_bytes} bytes; from 1 to {self.settings.upload_max_bytes} "
                "are accepted."
            )
        check_name("file", wish.name)
        if wish.name.startswith(".") or re.search(r"[/\\:]", wish.name) or len(wish.name.encode()) > 200:
            raise ConfigError(
                f"{wish.name[:80]!r}: cannot be the name of a file here: without folders, not beginning with "
                "a point, at most 200 bytes."
            )
        kind = wish.kind or kind_of(wish.name.removesuffix(".zip"))
        if not _KIND.fullmatch(kind):
            raise ConfigError(f"{kind[:40]!r}: cannot be a kind of file; lower-case letters are expected.")
        if wish.sha256 is not None and not _SHA256.fullmatch(wish.sha256):
            raise ConfigError("sha256: 64 hexadecimal digits in lower case are expected.")
        known = session.scalar(select(models.Dataset).where(models.Dataset.uuid == wish.dataset))
        if known is not None:
            wish = dataclasses.replace(wish, dataset=known.name, project=known.project.name)
        check_name("dataset", wish.dataset)
        check_name("project", wish.project)
        return dataclasses.replace(wish, kind=kind)

    def _session_of(self, session: Session, principal: Principal, wish: Wish) -> models.UploadSession:
        if wish.session is not None:
            row = self.find(session, principal, wish.session)
            if row.state not in OPEN or row.expires_at <= self.clock():
                raise ConflictError(f"this upload is {row.state}; no file can be added. Begin another.")
            if (row.project, row.dataset) != (wish.project, wish.dataset):
                raise ConflictError(
                    f"this upload is for data set {row.dataset!r}, not {wish.dataset[:80]!r}."
                )
            return row
        now = self.clock()
        mine = (
            select(models.UploadSession)
            .where(
                models.UploadSession.person_id == principal.person_id,
                models.UploadSession.project == wish.project,
                models.UploadSession.dataset == wish.dataset,
                models.UploadSession.state.in_(OPEN),
                models.UploadSession.expires_at > now,
            )
            .order_by(models.UploadSession.id.desc())
        )
        found = session.scalar(mine.limit(1))
        if found is not None:
            return found
        row = models.UploadSession(
            uuid=str(uuid.uuid4()), person_id=principal.person_id, project=wish.project,
            dataset=wish.dataset, state="open", created_at=now, expires_at=self.expiry(),
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row

    def _require_room(self, session: Session, principal: Principal, size_bytes: int) -> None:
        unfinished = (
            select(func.sum(models.UploadFile.size_bytes))
            .join(models.UploadSession, models.UploadSession.id == models.UploadFile.session_id)
            .where(models.UploadSession.state.in_((*OPEN, "checking")))
        )
        mine = session.scalar(unfinished.where(models.UploadSession.person_id == principal.person_id)) or 0
        if mine + size_bytes > self.settings.upload_quota_bytes:
            raise TooLargeError(
                f"{mine} bytes of yours are under way; with this file it would be more than "
                f"{self.settings.upload_quota_bytes}. Complete or cancel an upload first."
            )
        place = self.folder
        while not place.exists():
            place = place.parent
        promised = self._promised(session)
        if promised + size_bytes + _SPARE_BYTES > shutil.disk_usage(place).free:
            raise ResourceError(
                f"{place}: has no room for {size_bytes} bytes more, with {promised} that are still to come."
            )

    def _promised(self, session: Session) -> int:
        """Return how many bytes are still to come of the files under way."""
        under_way = (
            select(models.UploadFile)
            .join(models.UploadSession)
            .where(models.UploadSession.state.in_(OPEN), models.UploadSession.expires_at > self.clock())
        )
        return sum(file.size_bytes - self.offset(file) for file in session.scalars(under_way))

    def remove_file(self, session: Session, file: models.UploadFile) -> None:
        """Take a file out of an upload.

        Raises
        ------
        ConflictError
            It is being checked, or registered.
        """
        row = file.session
        if row.state not in OPEN:
            raise ConflictError(f"this upload is {row.state}; its files stay.")
        with self.locked(file):
            self.path(file).unlink(missing_ok=True)
            self.marker(file).unlink(missing_ok=True)
        session.delete(file)
        session.flush()
        session.expire(row)
        row.state, row.problems = "open", None

    def cancel(self, session: Session, row: models.UploadSession) -> None:
        """End an upload and remove its files; harmless if that was done.

        Raises
        ------
        ConflictError
            It is being checked, or registered.
        """
        if row.state in ("checking", "registered"):
            raise ConflictError(f"this upload is {row.state}; it cannot be cancelled.")
        row.state = "cancelled"
        session.flush()
        remove(self.folder / row.uuid)

    # ------------------------------------------------------------------------------------------ content

    def offset(self, file: models.UploadFile) -> int:
        """Return how many bytes of a file have come and count."""
        try:
            size = self.path(file).stat().st_size
        except FileNotFoundError:
            return file.size_bytes if file.session.state == "registered" else 0
        return min(size, pending(self.marker(file), size))

    def is_whole(self, file: models.UploadFile) -> bool:
        """Tell whether all of a file has come."""
        return self.offset(file) == file.size_bytes

    @contextlib.contextmanager
    def locked(self, file: models.UploadFile) -> Iterator[int]:
        """Yield the file's handle; nobody else writes to it meanwhile, also in another process.

        Raises
        ------
        LockedError
        """
        handle = os.open(self.path(file), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LockedError(
                    f"{file.name}: another request writes to this upload now. Try again in a moment."
                ) from error
            yield handle
        finally:
            os.close(handle)


def pending(marker: Path, size: int) -> int:
    """Return how much of a file counts: up to where a piece began that was never verified."""
    try:
        return int(marker.read_text() or 0)
    except FileNotFoundError:
        return size
    except ValueError:
        return 0

"""What nobody needs any more: expired uploads, and what killed processes have left."""

import dataclasses
import re
from datetime import timedelta

from sqlalchemy import select

from genomehub.files import remove
from genomehub.hub import models
from genomehub.hub.filing import EventLog
from genomehub.hub.intake.uploads import OPEN, Uploads


@dataclasses.dataclass(frozen=True)
class Cleaned:
    """What ``clean`` removed.

    expired : uploads that nothing came for
    folders, stored : files that arrived or were stored for uploads that have ended otherwise
    parts : what a put that was cut off has left in the storage
    unknown : stored files of uploads that the catalogue does not know, which stay: it may be an older backup
    """

    expired: list[str]
    folders: list[str]
    stored: list[str]
    parts: list[str]
    unknown: list[str]


def clean(uploads: Uploads, *, older_hours: float = 24, unknown: bool = False) -> Cleaned:
    """Remove expired uploads, and what killed processes have left in the upload folder and in the storage.

    Parameters
    ----------
    older_hours : unfinished parts in the storage are removed when they are older
    unknown : remove stored files of uploads that the catalogue does not know
    """
    now = uploads.clock()
    with uploads.database.write() as session:
        row_state = models.UploadSession.state
        due = select(models.UploadSession).where(row_state.in_(OPEN), models.UploadSession.expires_at <= now)
        expired = []
        for row in session.scalars(due):
            row.state = "expired"
            expired.append(row.uuid)
        if expired:
            EventLog(session, "clean", now).append("expire-uploads", None, None, {"uploads": expired})
        states = dict(session.execute(select(models.UploadSession.uuid, row_state)).tuples().all())
        folders = []
        if uploads.folder.is_dir():
            for folder in sorted(uploads.folder.iterdir()):
                if _is_uuid(folder.name) and states.get(folder.name) not in (*OPEN, "checking"):
                    remove(folder)
                    folders.append(folder.name)
        storage = uploads.storage
        stored: list[str] = []
        left: list[str] = []
        for key in storage.keys("files"):
            state = states.get(_owner(key))
            if state is None and _is_uuid(_owner(key)):
                (stored if unknown else left).append(key)
            elif state not in (None, "registered", "checking"):
                stored.append(key)
        for key in stored:
            storage.delete(key)
    parts = storage.abandoned(now - timedelta(hours=older_hours))
    return Cleaned(expired, [one for one in folders if one not in expired], stored, parts, left)


def _owner(key: str) -> str:
    return key.split("/")[1]


def _is_uuid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None

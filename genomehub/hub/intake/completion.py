"""Completing an upload: intake looks at its files; if all is right they are stored and registered at once.

The work is done in a thread. It may be killed at any place: the session says "checking" until the one
transaction that registers the result, and whoever looks at it later starts the work again.
"""

import contextlib
import dataclasses
import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import ConflictError, GenomehubError, InputError, ResourceError, StoreError
from genomehub.files import remove
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.people import principal_of
from genomehub.hub.checksums import describe_files
from genomehub.hub.filing import EventLog, check_result, file_result, find_same
from genomehub.hub.intake.genomes import read_genome
from genomehub.hub.intake.inspection import Given, Report, Said, compare_with_catalogue, inspect
from genomehub.hub.intake.memory import SeenFiles, keep_contents
from genomehub.hub.intake.uploads import Uploads
from genomehub.hub.records import FileRecord, Result
from genomehub.hub.storage import is_remote

_log = logging.getLogger("genomehub.hub")
#: A process that has not said for so long that it works on an upload does not.
_SILENT_SECONDS = 60
_BEAT_SECONDS = 5
#: Uploads that one process looks at at the same time; others wait.
_AT_ONCE = threading.BoundedSemaphore(2)
_THREADS = 2
_HERE = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
_running: set[str] = set()
_running_lock = threading.Lock()


def ask(uploads: Uploads, session: Session, row: models.UploadSession, said: dict[str, Any]) -> None:
    """Note that an upload is to be checked; start it with ``start`` after the transaction.

    Raises
    ------
    ConflictError
        Files are not whole, there are none, or the upload has ended.
    """
    if row.state in ("checking", "registered"):
        return
    if row.state not in ("open", "refused") or row.expires_at <= uploads.clock():
        raise ConflictError(f"this upload is {row.state} or has expired; begin another.")
    if not row.files:
        raise ConflictError("this upload has no file. Send one first.")
    missing = [file for file in row.files if not uploads.is_whole(file)]
    if missing:
        have = uploads.offset(missing[0])
        raise ConflictError(
            f"{missing[0].name}: {have} of {missing[0].size_bytes} bytes have come"
            + (f", and {len(missing) - 1} more files are not whole" if len(missing) > 1 else "")
            + ". Send the rest first."
        )
    row.state, row.said, row.problems, row.progress = "checking", said, None, {"step": "waiting"}
    row.claimed_by = row.claimed_at = None


def start(uploads: Uploads, identifier: str) -> threading.Thread | None:
    """Check an upload in a thread, unless a process works on it; return the thread if it is ours."""
    with _running_lock:
        if identifier in _running or not _claim(uploads, identifier):
            return None
        _running.add(identifier)
    thread = threading.Thread(target=_work, args=(uploads, identifier), name="intake", daemon=True)
    thread.start()
    return thread


def resume(uploads: Uploads) -> None:
    """Start what was being checked when a process was killed."""
    with uploads.database.read() as session:
        waiting = select(models.UploadSession.uuid).where(models.UploadSession.state == "checking")
        found = session.scalars(waiting).all()
    for identifier in found:
        start(uploads, identifier)


def _claim(uploads: Uploads, identifier: str) -> bool:
    with uploads.database.write() as session:
        row = session.scalars(
            select(models.UploadSession).where(models.UploadSession.uuid == identifier)
        ).one()
        if row.state != "checking" or (row.claimed_by and _works(row, uploads)):
            return False
        row.claimed_by, row.claimed_at = _HERE, uploads.clock()
    return True


def _works(row: models.UploadSession, uploads: Uploads) -> bool:
    """Tell whether the process that has claimed an upload is alive."""
    host, pid, _ = str(row.claimed_by).rsplit(":", 2)
    if host == socket.gethostname() and row.claimed_by != _HERE:
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
    if row.claimed_by == _HERE and row.uuid not in _running:
        return False
    return row.claimed_at is not None and uploads.clock() - row.claimed_at < timedelta(
        seconds=_SILENT_SECONDS
    )


def _work(uploads: Uploads, identifier: str) -> None:
    try:
        with _AT_ONCE, _beating(uploads, identifier):
            _check(uploads, identifier)
    except (ResourceError, StoreError) as error:
        _log.error("upload %s: %s", identifier, error)
        _settle(
            uploads, identifier, "open", ["the hub cannot store the files now. Complete the upload again."]
        )
    except GenomehubError as error:
        here = f"{uploads.folder / identifier}{os.sep}"
        _settle(uploads, identifier, "refused", [str(error).replace(here, "")])
    except Exception:
        number = uuid.uuid4().hex[:12]
        _log.exception("upload %s: error %s", identifier, number)
        text = f"an error of ours, number {number}; tell it to the hub's staff, or complete the upload again."
        with contextlib.suppress(Exception):
            _settle(uploads, identifier, "open", [text])
    finally:
        with _running_lock:
            _running.discard(identifier)


@contextlib.contextmanager
def _beating(uploads: Uploads, identifier: str) -> Iterator[None]:
    """Say every few seconds that this process works."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(_BEAT_SECONDS):
            with contextlib.suppress(GenomehubError), uploads.database.write() as session:
                row = _row(session, identifier)
                row.claimed_at = uploads.clock()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _row(session: Session, identifier: str) -> models.UploadSession:
    return session.scalars(select(models.UploadSession).where(models.UploadSession.uuid == identifier)).one()


def _settle(uploads: Uploads, identifier: str, state: str, problems: list[str]) -> None:
    with uploads.database.write() as session:
        row = _row(session, identifier)
        row.state, row.problems, row.progress = state, problems, None
        row.claimed_by = row.claimed_at = None
        row.expires_at = uploads.expiry()
        log = EventLog(session, f"person:{row.person.uuid}", uploads.clock())
        log.append("refuse-upload", None, None, {"upload": row.uuid, "n_problems": len(problems)})


def _step(uploads: Uploads, identifier: str, step: str) -> None:
    with uploads.database.write() as session:
        _row(session, identifier).progress = {"step": step}


@dataclasses.dataclass(frozen=True)
class _Task:
    """What a check needs of the upload, apart from the database's session."""

    identifier: str
    actor: str
    dataset: str
    project: str
    said: dict[str, Any]
    given: list[Given]
    sha256: list[str | None]


def _read_task(uploads: Uploads, identifier: str) -> _Task:
    """Return what is to be done, if the person still may."""
    with uploads.database.read() as session:
        row = _row(session, identifier)
        if row.person.disabled_at is not None:
            raise InputError("the person who uploaded this may not act any more.")
        principal = principal_of(row.person, "token")
        uploads.require_right(session, principal, row.project, row.dataset)
        gate = Gate(session, principal, uploads.clock())
        for parent in (row.said or {}).get("parents", ()):
            entry = session.scalar(select(models.Entry).where(models.Entry.digest == parent))
            gate.require(Action.SEE, None if entry is None else entry.dataset, parent)
        given = [Given(file.kind, uploads.path(file), file.name) for file in row.files]
        return _Task(
            identifier, f"person:{row.person.uuid}", row.dataset, row.project, dict(row.said or {}), given,
            [file.sha256 for file in row.files],
        )  # fmt: skip


def _check(uploads: Uploads, identifier: str) -> None:
    task = _read_task(uploads, identifier)
    genomes = [read_genome(path) for path in uploads.settings.references]
    asked = task.said
    said = Said(
        task.project, tuple(asked.get("samples") or ()), asked.get("sex"), asked.get("reference"),
        bool(asked.get("other_names")), bool(asked.get("correct_sex")),
    )  # fmt: skip
    _step(uploads, identifier, "looking into the files")
    report = inspect(task.given, said, genomes, threads=_THREADS)
    if problems := report.problems(strict=True):
        return _settle(uploads, identifier, "refused", problems)
    _step(uploads, identifier, "making checksums")
    files = describe_files(
        [(one.kind, one.path) for one in task.given], threads=_THREADS,
        memory=SeenFiles(uploads.database, uploads.clock),
    )  # fmt: skip
    problems = [
        f"{one.name}: arrived with SHA-256 {file.sha256[:12]}..., but {wanted[:12]}... was announced. Send "
        "it again."
        for one, file, wanted in zip(task.given, files, task.sha256, strict=True)
        if wanted is not None and wanted != file.sha256
    ]
    with uploads.database.read() as session:
        problems += [one.text for one in compare_with_catalogue(session, report, said, files)]
        result = None if problems else _result(task, report, files)
        same = None if result is None else find_same(session, result)
    if result is None:
        return _settle(uploads, identifier, "refused", problems)
    if same is None:
        _step(uploads, identifier, "storing the files")
        result = result.with_files(tuple(_store(uploads, task, file) for file in files))
    _file(uploads, task, result, report)
    remove(uploads.folder / identifier)


def _result(task: _Task, report: Report, files: tuple[FileRecord, ...]) -> Result:
    asked, samples = task.said, report.samples
    sex: Any = asked.get("sex") or (report.sexes.get(samples[0]) if len(samples) == 1 else None)
    return check_result(
        Result(
            files=files, samples=samples, dataset=task.dataset, project=task.project, sex=sex,
            title=asked.get("title"), description=asked.get("description"), reference=report.reference,
            software=asked.get("software") or {}, qc=asked.get("qc"),
            parents=tuple(asked.get("parents") or ()),
        )
    )  # fmt: skip


def _store(uploads: Uploads, task: _Task, file: FileRecord) -> FileRecord:
    source = Path(file.path)
    key = f"files/{task.identifier}/{source.name}"
    location = uploads.storage.put(source, key, file.sha256, ours=True)
    return dataclasses.replace(file, path=location if is_remote(location) else Path(location))


def _file(uploads: Uploads, task: _Task, result: Result, report: Report) -> None:
    """Register the result and end the upload, in one transaction."""
    folder, now = uploads.database.location.folder, uploads.clock()
    with uploads.database.write() as session:
        row = _row(session, task.identifier)
        if row.state != "checking":
            return
        same = find_same(session, result)
        if same is not None:
            entry, outcome = same, "unchanged"
        else:
            correct = bool(task.said.get("correct_sex"))
            entry, outcome = file_result(session, folder, result, task.actor, now, correct=correct)
        keep_contents(session, result.files, report.facts, now)
        row.state, row.outcome, row.entry_id, row.progress = "registered", outcome, entry.id, None
        row.claimed_by = row.claimed_at = None
        session.flush()

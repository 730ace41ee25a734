"""Filing a result: the one place that writes entries, samples, data sets and events.

Everything here runs inside one write transaction, so versions are numbered without gaps and the event log
has one order.
"""

import dataclasses
import getpass
import itertools
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import ConfigError, InputError
from genomehub.hub import contents, models
from genomehub.hub.database import Change
from genomehub.hub.identity import data_digest, entry_digest, event_digest, provenance_digest
from genomehub.hub.lookup import find_entry
from genomehub.hub.models import NAME_LENGTH, SCHEMA_VERSION
from genomehub.hub.records import CostRecord, FileRecord, Outcome, ReferenceRecord, Result, iso_time
from genomehub.hub.sources import flat_numbers
from genomehub.hub.storage import is_remote

_KIND = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def check_result(result: Result) -> Result:
    """Return ``result`` with its data set named, if it can be registered.

    Raises
    ------
    ConfigError
        A name, kind or checksum is not what it should be, or something is missing.
    """
    result = check_names(result)
    if not result.files:
        raise ConfigError("a result needs at least one file: name it, or say --file KIND=PATH.")
    for file in (*result.files, *result.inputs):
        _check_file_record(file)
    paths = [file.path for file in result.files]
    if twice := {str(path) for path in paths if paths.count(path) > 1}:
        raise ConfigError(f"{min(twice)}: is named twice as a file of the result. Name it once.")
    return result


def check_names(result: Result) -> Result:
    """Return ``result`` with its data set named, if everything but its files is as it should be.

    Raises
    ------
    ConfigError
        A name or a text is not what it should be, or something is missing.
    """
    if len(set(result.samples)) != len(result.samples):
        raise ConfigError("a sample is named twice. Name each once.")
    if result.sex is not None and len(result.samples) != 1:
        raise ConfigError("the sex can be told for a result of one sample only. Leave --sex out.")
    dataset = result.dataset or (result.samples[0] if len(result.samples) == 1 else None)
    if dataset is None:
        raise ConfigError("a result of no or several samples needs a name: --dataset NAME.")
    names = {"sample": result.samples, "dataset": (dataset,), "project": (result.project,)}
    for what, values in names.items():
        for value in values:
            check_name(what, value)
    for what, text in (("title", result.title), ("description", result.description)):
        if text is not None and _CONTROL.search(text.replace("\n", " ").replace("\t", " ")):
            raise ConfigError(f"the {what} holds control characters; plain text is expected.")
    return dataclasses.replace(result, dataset=dataset)


def check_name(what: str, name: str) -> str:
    """Return ``name`` if it can name a ``what``: 1 to 200 characters, none of control, no outer space."""
    if not name or len(name) > NAME_LENGTH or name != name.strip() or _CONTROL.search(name):
        raise ConfigError(
            f"{name[:40]!r} cannot be the name of the {what}: 1 to {NAME_LENGTH} printable characters are "
            "expected, without white space at its ends."
        )
    return name


def _check_file_record(file: FileRecord) -> None:
    if not _KIND.fullmatch(file.kind):
        raise ConfigError(
            f"{file.kind!r} cannot be a kind of file: lower-case letters, digits and . _ - are expected, "
            "such as bam or vcz."
        )
    if not _SHA256.fullmatch(file.sha256) or file.size_bytes <= 0 or not _is_place(file.path):
        raise ConfigError(
            f"{file.path}: an absolute path, a size and a SHA-256 are expected; see describe_files."
        )


def _is_place(path: Path | str) -> bool:
    return is_remote(path) if isinstance(path, str) else path.is_absolute()


def find_same(session: Session, result: Result) -> models.Entry | None:
    """Return the entry that a checked result would be, if its content is there already."""
    parents = [find_entry(session, parent) for parent in dict.fromkeys(result.parents)]
    digest = _digests(result, parents)["digest"]
    return session.scalar(select(models.Entry).where(models.Entry.digest == digest))


def file_result(
    session: Session, folder: Path | None, result: Result, actor: str, now: datetime, *, correct: bool
) -> tuple[models.Entry, Outcome]:
    """Write a checked result; return its entry and whether it is new.

    Parameters
    ----------
    session : with the write lock
    folder : of the catalogue; paths below it are kept relative
    correct : a sex that differs from what is known of the sample corrects it instead of being refused

    Raises
    ------
    NotFoundError
        A parent is not in the catalogue.
    InputError
        The sample is known with another sex.
    """
    log = EventLog(session, actor, now)
    project = _project(session, result.project, now)
    samples = [_sample(session, log, project, name, result, correct) for name in result.samples]
    dataset = _dataset(session, project, result, now)
    parents = [find_entry(session, parent) for parent in dict.fromkeys(result.parents)]
    digests = _digests(result, parents)
    _describe(log, dataset, result)
    known = session.scalar(select(models.Entry).where(models.Entry.digest == digests["digest"]))
    if known is not None:
        outcome = _file_again(session, log, known, folder, result, digests["provenance_digest"])
        contents.keep(session, result.files, now)
        return known, outcome
    entry = _new_entry(session, dataset, result, digests, actor, now)
    entry.samples.extend(samples)
    entry.parents.extend(parents)
    entry.files.extend(_file(folder, "result", file) for file in result.files)
    entry.files.extend(_file(folder, "input", file) for file in result.inputs)
    entry.costs.extend(_costs(result.costs))
    session.add(entry)
    session.flush()
    _measure(session, entry, result)
    contents.keep(session, result.files, now)
    log.append("register", dataset, entry, {"version": entry.version, **digests})
    return entry, "registered"


def record_schema_change(session: Session, change: Change, actor: str, now: datetime) -> None:
    """Write who made or migrated the catalogue; a new one gets its identifier."""
    if change == "made":
        session.add(models.CatalogueInfo(id=1, uuid=str(uuid.uuid4()), created_at=now))
    action = {"made": "create", "migrated": "migrate"}[change]
    EventLog(session, actor, now).append(action, None, None, {"schema": SCHEMA_VERSION})


class EventLog:
    """Appends to the event log, chaining each event to the one before."""

    def __init__(self, session: Session, actor: str, now: datetime) -> None:
        self._session, self._actor, self._now = session, actor, now

    def append(
        self, action: str, dataset: models.Dataset | None, entry: models.Entry | None, detail: dict[str, Any]
    ) -> None:
        """Write one event about a data set, an entry, both or neither."""
        self._session.flush()
        self.append_about(
            action, None if dataset is None else dataset.id, None if entry is None else entry.id, detail
        )

    def append_about(
        self, action: str, dataset_id: int | None, entry_id: int | None, detail: dict[str, Any]
    ) -> None:
        """Write one event about what has these numbers in the database."""
        last = select(models.Event.digest).order_by(models.Event.id.desc()).limit(1)
        event = models.Event(
            time=self._now,
            actor=self._actor,
            action=action,
            dataset_id=dataset_id,
            entry_id=entry_id,
            detail=detail,
        )
        event.digest = chained(self._session.scalar(last) or "", event)
        self._session.add(event)
        self._session.flush()


def chained(previous: str, event: models.Event) -> str:
    """Return the digest that ``event`` must have after an event of digest ``previous``."""
    about = f"{event.dataset_id or ''}/{event.entry_id or ''}"
    return event_digest(previous, iso_time(event.time), event.actor, event.action, about, event.detail)


def _digests(result: Result, parents: Iterable[models.Entry]) -> dict[str, str]:
    """Return identity and provenance, by the names of their columns."""
    identity = entry_digest(
        project=result.project,
        dataset=str(result.dataset),
        samples=result.samples,
        reference=None if result.reference is None else result.reference.digest,
        files=result.files,
        qc=result.qc,
        evaluation=result.evaluation,
    )
    provenance = provenance_digest(
        software=result.software,
        configuration=result.configuration,
        configuration_text=result.configuration_text,
        parents=[parent.digest for parent in parents],
        inputs=result.inputs,
    )
    return {
        "digest": identity,
        "data_digest": data_digest(result.files),
        "provenance_digest": provenance,
    }


def _project(session: Session, name: str, now: datetime) -> models.Project:
    project = session.scalar(select(models.Project).where(models.Project.name == name))
    if project is None:
        project = models.Project(name=name, created_at=now)
        session.add(project)
        session.flush()
    return project


def _sample(
    session: Session, log: EventLog, project: models.Project, name: str, result: Result, correct: bool
) -> models.Sample:
    known = select(models.Sample).where(models.Sample.project_id == project.id, models.Sample.name == name)
    sample = session.scalar(known)
    if sample is None:
        sample = models.Sample(project_id=project.id, name=name, sex=result.sex)
        session.add(sample)
        session.flush()
    elif result.sex not in (None, "unknown", sample.sex):
        if sample.sex in ("female", "male") and not correct:
            raise InputError(
                f"sample {name!r} of project {project.name!r} is known as {sample.sex}, not {result.sex}, so "
                "nothing was registered. Are two samples mixed up? If the former was wrong: --correct-sex."
            )
        detail = {"sample": sample.id, "sex": [sample.sex, result.sex]}  # the name stays in its one place
        sample.sex = result.sex
        log.append("correct-sex", None, None, detail)
    return sample


def _dataset(session: Session, project: models.Project, result: Result, now: datetime) -> models.Dataset:
    known = select(models.Dataset).where(
        models.Dataset.project_id == project.id, models.Dataset.name == result.dataset
    )
    dataset = session.scalar(known)
    if dataset is None:
        dataset = models.Dataset(
            uuid=str(uuid.uuid4()), project_id=project.id, name=str(result.dataset), created_at=now,
            title=result.title, description=result.description,
        )  # fmt: skip
        session.add(dataset)
        session.flush()
    return dataset


def _describe(log: EventLog, dataset: models.Dataset, result: Result) -> None:
    """Take over a new title or description; they belong to the data set, not to a version."""
    new = {"title": result.title, "description": result.description}
    changes = {
        field: [getattr(dataset, field), value]
        for field, value in new.items()
        if value is not None and value != getattr(dataset, field)
    }
    for field, (_, value) in changes.items():
        setattr(dataset, field, value)
    if changes:
        log.append("describe", dataset, None, changes)


def _new_entry(
    session: Session,
    dataset: models.Dataset,
    result: Result,
    digests: dict[str, str],
    actor: str,
    now: datetime,
) -> models.Entry:
    versions = select(models.Entry).where(models.Entry.dataset_id == dataset.id)
    former = session.scalar(versions.order_by(models.Entry.version.desc()).limit(1))
    return models.Entry(
        **digests,
        dataset=dataset,
        version=1 if former is None else former.version + 1,
        supersedes_id=None if former is None else former.id,
        reference=_reference(session, result.reference),
        registered_at=now,
        registered_by=actor,
        software=dict(result.software),
        configuration=result.configuration,
        configuration_text=result.configuration_text,
        qc=result.qc,
        evaluation=result.evaluation,
    )


def _reference(session: Session, record: ReferenceRecord | None) -> models.Reference | None:
    if record is None:
        return None
    known = select(models.Reference).where(models.Reference.digest == record.digest)
    return session.scalar(known) or models.Reference(
        digest=record.digest, name=record.name, n_contigs=record.n_contigs, length_bp=record.length_bp
    )


def stored_path(folder: Path | None, path: Path | str) -> tuple[str, bool]:
    """Return a path as it is kept: relative if it lies below the catalogue's folder, else absolute.

    The folders are compared as they are and with symbolic links resolved; a file that is itself a link
    keeps its name.
    """
    if folder is not None and isinstance(path, Path):
        for base, place in ((folder, path), (folder.resolve(), path.parent.resolve() / path.name)):
            if place.is_relative_to(base):
                return place.relative_to(base).as_posix(), True
    return str(path), False


def _file(folder: Path | None, role: str, file: FileRecord) -> models.File:
    path, relative = stored_path(folder, file.path)
    return models.File(
        role=role, kind=file.kind, path=path, relative=relative, size_bytes=file.size_bytes,
        sha256=file.sha256, n_files=file.n_files,
    )  # fmt: skip


def _file_again(
    session: Session, log: EventLog, entry: models.Entry, folder: Path | None, result: Result, provenance: str
) -> Outcome:
    """Note what is new about content that is known: where it lies, and another run that gave the same."""
    outcome: Outcome = "unchanged"
    if provenance != entry.provenance_digest:
        outcome = "reproduced"
        noted = select(models.Event).where(
            models.Event.entry_id == entry.id, models.Event.action == "reproduce"
        )
        if all(event.detail["provenance_digest"] != provenance for event in session.scalars(noted)):
            detail = {
                "provenance_digest": provenance,
                "software": dict(result.software),
                "configuration": result.configuration,
                "inputs": [file.sha256 for file in result.inputs],
                "parents": list(result.parents),
            }
            log.append("reproduce", entry.dataset, entry, detail)
    if moved := _relocate(entry, folder, result):
        log.append("relocate", entry.dataset, entry, {"files": moved})
        outcome = "relocated"
    return outcome


def _relocate(entry: models.Entry, folder: Path | None, result: Result) -> list[list[str]]:
    """Take over where the files of a known entry lie now; return [former path, path] of those that moved."""
    moved = []
    for role, files in (("result", result.files), ("input", result.inputs)):
        unplaced = [known for known in entry.files if known.role == role]
        new = []
        for file in files:
            path, relative = stored_path(folder, file.path)
            content = (file.kind, file.sha256)
            same = [known for known in unplaced if (known.kind, known.sha256) == content]
            here = next((known for known in same if known.path == path and known.relative == relative), None)
            if here is not None:
                unplaced.remove(here)
            else:
                new.append((content, path, relative))
        for content, path, relative in new:
            known = next((known for known in unplaced if (known.kind, known.sha256) == content), None)
            if known is None:
                continue  # an input of another run
            unplaced.remove(known)
            moved.append([known.path, path])
            known.path, known.relative = path, relative
    return moved


def _costs(costs: Iterable[CostRecord]) -> list[models.StageCost]:
    by_stage = {cost.stage: cost for cost in costs}  # a stage told twice: the last word counts
    return [
        models.StageCost(
            stage=check_name("stage", cost.stage),
            wall_seconds=cost.wall_seconds,
            core_seconds=cost.core_seconds,
            peak_rss_bytes=cost.peak_rss_bytes,
            read_bytes=cost.read_bytes,
            written_bytes=cost.written_bytes,
        )
        for cost in by_stage.values()
    ]


def _measure(session: Session, entry: models.Entry, result: Result) -> None:
    """Spread out the numbers of QC, and of the evaluation under ``evaluation.``, for search."""
    numbers = dict(flat_numbers({} if result.qc is None else dict(result.qc)))
    if result.evaluation is not None:
        numbers |= dict(flat_numbers(dict(result.evaluation), "evaluation"))
    numbers = {name: value for name, value in numbers.items() if 0 < len(name) <= NAME_LENGTH}
    known: dict[str, int] = {}
    for some in batched(numbers, 1000):  # databases bound the number of parameters
        named = select(models.Measure.name, models.Measure.id).where(models.Measure.name.in_(some))
        known.update((name, row) for name, row in session.execute(named))
    new = [models.Measure(name=name) for name in numbers if name not in known]
    session.add_all(new)
    session.flush()
    known |= {measure.name: measure.id for measure in new}
    session.add_all(
        models.Measurement(entry_id=entry.id, measure_id=known[name], value=value)
        for name, value in numbers.items()
    )


def batched(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield the items in lists of at most ``size``."""
    rest = iter(items)
    while some := list(itertools.islice(rest, size)):
        yield some


def current_actor() -> str:
    """Return who acts: $GENOMEHUB_ACTOR, else the login name, else the user's number."""
    if actor := os.environ.get("GENOMEHUB_ACTOR"):
        return check_name("actor", actor)
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid {os.getuid()}"

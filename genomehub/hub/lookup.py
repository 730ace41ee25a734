"""Reading entries: find one by its identifier, and turn rows into records."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session, aliased, defer

from genomehub.errors import InputError, NotFoundError
from genomehub.hub import models
from genomehub.hub.records import (
    CostRecord,
    Entry,
    EntrySummary,
    EventRecord,
    FileRecord,
    ReferenceRecord,
    SampleRecord,
)
from genomehub.hub.storage import is_remote

_PREFIX = re.compile(r"[0-9a-f]{1,64}")
_SHOWN = 5
#: A search reads neither configuration nor QC in full.
_LINE_ONLY = tuple(
    defer(column)
    for column in (
        models.Entry.configuration, models.Entry.configuration_text, models.Entry.qc, models.Entry.evaluation,
    )
)  # fmt: skip
#: Characters of an identifier that tables show; enough for millions of entries.
SHORT_ID = 12


def find_entry(session: Session, prefix: str) -> models.Entry:
    """Return the one entry whose identifier starts with ``prefix``.

    Raises
    ------
    NotFoundError
        There is none.
    InputError
        There are several.
    """
    prefix = prefix.strip().lower()
    if not _PREFIX.fullmatch(prefix):
        raise NotFoundError(
            f"{prefix[:80]!r} is no identifier of an entry (hexadecimal digits). "
            f"Look for it: genomehub hub search {prefix[:80]}."
        )
    digest = models.Entry.digest
    matching = select(models.Entry).where(digest >= prefix, digest < prefix + "g").order_by(models.Entry.id)
    found = session.scalars(matching.limit(_SHOWN + 1)).all()
    if not found:
        raise NotFoundError(
            f"no entry has an identifier that starts with {prefix!r}. List them: genomehub hub search."
        )
    if len(found) > 1:
        some = ", ".join(entry.digest[: max(SHORT_ID, len(prefix) + 2)] for entry in found[:_SHOWN])
        more = " and more" if len(found) > _SHOWN else ""
        raise InputError(f"several entries start with {prefix!r}: {some}{more}. Give more digits.")
    return found[0]


def is_current() -> ColumnElement[bool]:
    """Return the condition that no newer version supersedes an entry."""
    newer = aliased(models.Entry)
    return ~exists().where(newer.supersedes_id == models.Entry.id)


def total_bytes(session: Session, all_versions: bool) -> int:
    """Return the size of all files of all entries, or of the current ones."""
    sizes = select(func.sum(models.File.size_bytes)).where(models.File.role == "result")
    if not all_versions:
        sizes = sizes.join(models.Entry, models.Entry.id == models.File.entry_id).where(is_current())
    return int(session.scalar(sizes) or 0)


def absolute_path(folder: Path | None, file: models.File) -> Path | str:
    """Return where a file is: on this machine, or, as a text, in an object store."""
    if is_remote(file.path):
        return file.path
    return folder / file.path if file.relative and folder is not None else Path(file.path)


def entry_record(session: Session, folder: Path | None, entry: models.Entry) -> Entry:
    """Return everything about an entry."""
    dataset, reference = entry.dataset, entry.reference
    files = {"result": [], "input": []}  # type: dict[str, list[FileRecord]]
    for file in entry.files:
        record = FileRecord(
            file.kind, absolute_path(folder, file), file.size_bytes, file.sha256, file.n_files
        )
        files[file.role].append(record)
    return Entry(
        id=entry.digest,
        catalogue=session.scalars(select(models.CatalogueInfo.uuid)).one(),
        project=dataset.project.name,
        dataset=dataset.name,
        dataset_uuid=dataset.uuid,
        version=entry.version,
        title=dataset.title,
        description=dataset.description,
        samples=tuple(SampleRecord(sample.name, sample.sex) for sample in entry.samples),  # type: ignore[arg-type]
        reference=None
        if reference is None
        else ReferenceRecord(reference.digest, reference.name, reference.n_contigs, reference.length_bp),
        files=tuple(files["result"]),
        inputs=tuple(files["input"]),
        parents=tuple(parent.digest for parent in entry.parents),
        children=tuple(child.digest for child in entry.children),
        software=entry.software,
        configuration=entry.configuration,
        configuration_text=entry.configuration_text,
        qc=entry.qc,
        evaluation=entry.evaluation,
        costs=tuple(_cost(cost) for cost in entry.costs),
        data_digest=entry.data_digest,
        provenance_digest=entry.provenance_digest,
        registered_at=entry.registered_at,
        registered_by=entry.registered_by,
        supersedes=None if entry.supersedes is None else entry.supersedes.digest,
        superseded_by=None if entry.superseded_by is None else entry.superseded_by.digest,
    )


def _cost(cost: models.StageCost) -> CostRecord:
    return CostRecord(
        cost.stage,
        cost.wall_seconds,
        cost.core_seconds,
        cost.peak_rss_bytes,
        cost.read_bytes,
        cost.written_bytes,
    )


def summaries(
    session: Session, entry_ids: Sequence[int], measures: Iterable[str] = ()
) -> tuple[EntrySummary, ...]:
    """Return one line per entry in the order of ``entry_ids``, with a fixed number of queries."""
    successor = aliased(models.Entry)
    lines = (
        select(models.Entry, models.Dataset, models.Project.name, models.Reference.digest, successor.digest)
        .join(models.Entry.dataset)
        .join(models.Dataset.project)
        .outerjoin(models.Entry.reference)
        .outerjoin(successor, successor.supersedes_id == models.Entry.id)
        .where(models.Entry.id.in_(entry_ids))
        .options(*_LINE_ONLY)
    )
    rows = {row[0].id: row for row in session.execute(lines)}
    samples = _collect(session, entry_ids)
    kinds, sizes = _files(session, entry_ids)
    values = _values(session, entry_ids, list(measures))
    return tuple(
        EntrySummary(
            id=entry.digest,
            project=project,
            dataset=dataset.name,
            version=entry.version,
            title=dataset.title,
            samples=tuple(samples.get(entry.id, ())),
            kinds=tuple(kinds.get(entry.id, ())),
            size_bytes=sizes.get(entry.id, 0),
            reference=reference,
            registered_at=entry.registered_at,
            registered_by=entry.registered_by,
            superseded_by=newer,
            measurements=values.get(entry.id, {}),
        )
        for entry, dataset, project, reference, newer in (rows[entry_id] for entry_id in entry_ids)
    )


def _collect(session: Session, entry_ids: Sequence[int]) -> dict[int, list[str]]:
    link = models.EntrySample
    named = (
        select(link.entry_id, models.Sample.name)
        .join(models.Sample, models.Sample.id == link.sample_id)
        .where(link.entry_id.in_(entry_ids))
        .order_by(models.Sample.name)
    )
    found: dict[int, list[str]] = {}
    for entry_id, name in session.execute(named):
        found.setdefault(entry_id, []).append(name)
    return found


def _files(session: Session, entry_ids: Sequence[int]) -> tuple[dict[int, list[str]], dict[int, int]]:
    file = models.File
    counted = (
        select(file.entry_id, file.kind, func.sum(file.size_bytes))
        .where(file.entry_id.in_(entry_ids), file.role == "result")
        .group_by(file.entry_id, file.kind)
        .order_by(file.kind)
    )
    kinds: dict[int, list[str]] = {}
    sizes: dict[int, int] = {}
    for entry_id, kind, size in session.execute(counted):
        kinds.setdefault(entry_id, []).append(kind)
        sizes[entry_id] = sizes.get(entry_id, 0) + int(size)
    return kinds, sizes


def _values(session: Session, entry_ids: Sequence[int], measures: list[str]) -> dict[int, dict[str, float]]:
    if not measures:
        return {}
    measured = (
        select(models.Measurement.entry_id, models.Measure.name, models.Measurement.value)
        .join(models.Measure, models.Measure.id == models.Measurement.measure_id)
        .where(models.Measurement.entry_id.in_(entry_ids), models.Measure.name.in_(measures))
    )
    found: dict[int, dict[str, float]] = {}
    for entry_id, name, value in session.execute(measured):
        found.setdefault(entry_id, {})[name] = value
    return found


def events(session: Session, dataset: models.Dataset) -> tuple[EventRecord, ...]:
    """Return what happened to a data set, oldest first."""
    logged = (
        select(models.Event, models.Entry.digest)
        .outerjoin(models.Entry, models.Entry.id == models.Event.entry_id)
        .where(models.Event.dataset_id == dataset.id)
        .order_by(models.Event.id)
    )
    return tuple(
        EventRecord(event.time, event.actor, event.action, dataset.name, entry, event.detail)
        for event, entry in session.execute(logged)
    )

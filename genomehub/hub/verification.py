"""Is what was registered still true? Files against their checksums, records against their identifiers."""

import dataclasses
import itertools
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import GenomehubError, NotFoundError
from genomehub.hub import models
from genomehub.hub.checksums import Advance, Reader, checksum, size_of
from genomehub.hub.filing import chained
from genomehub.hub.identity import data_digest, entry_digest, provenance_digest
from genomehub.hub.records import Entry, FileCheck, FileRecord, FileState, Verification
from genomehub.hub.storage import place_of
from genomehub.types import Progress

_AT_ONCE = 100  # entries


def verify_entries(
    entries: Iterable[Entry], total_bytes: int, *, threads: int = 1, progress: Progress | None = None
) -> Verification:
    """Read the files of the entries again and compare; a file that several entries hold is read once.

    Parameters
    ----------
    entries : taken a few at a time, so that a large catalogue needs little memory
    total_bytes : of all their files, for the progress
    """
    observed: dict[tuple[Path | str, int], _Observation] = {}
    checks: list[FileCheck] = []
    changed: list[str] = []
    with Reader("verify", total_bytes, threads=threads, progress=progress) as reader:
        rest, n_entries = iter(entries), 0
        while some := list(itertools.islice(rest, _AT_ONCE)):
            n_entries += len(some)
            wanted = {(file.path, file.size_bytes): file for entry in some for file in entry.files}
            new = [key for key in wanted if key not in observed]
            observed.update(zip(new, reader.map(_observe, [wanted[key] for key in new]), strict=True))
            checks += [
                _check(entry, file, observed[file.path, file.size_bytes])
                for entry in some
                for file in entry.files
            ]
            changed += [entry.id for entry in some if not record_holds(entry)]
    return Verification(n_entries, tuple(checks), tuple(changed))


@dataclasses.dataclass(frozen=True)
class _Observation:
    state: FileState
    size_bytes: int | None = None
    sha256: str | None = None


def _observe(file: FileRecord, advance: Advance) -> _Observation:
    """Look at a file; a wrong size is enough, its content is then not read."""
    place = place_of(file.path)
    try:
        if not place.exists() or place.is_dir() != (file.n_files is not None):
            return _Observation("missing")
        size = size_of(place)
        if size != file.size_bytes:
            return _Observation("size changed", size)
        return _Observation("unchanged", size, checksum(place, advance, md5=False).sha256)
    except (FileNotFoundError, NotFoundError):
        return _Observation("missing")
    except (OSError, GenomehubError):
        return _Observation("unreadable")


def _check(entry: Entry, file: FileRecord, observed: _Observation) -> FileCheck:
    state = observed.state
    if state == "unchanged" and observed.sha256 != file.sha256:
        state = "content changed"
    return FileCheck(
        entry=entry.id, dataset=entry.dataset, version=entry.version, kind=file.kind, path=file.path,
        state=state, size_bytes=file.size_bytes, sha256=file.sha256,
        observed_size_bytes=observed.size_bytes, observed_sha256=observed.sha256,
    )  # fmt: skip


def record_holds(entry: Entry) -> bool:
    """Return whether an entry's record still gives its digests: nobody edited the database."""
    identity = entry_digest(
        project=entry.project,
        dataset=entry.dataset,
        samples=[sample.name for sample in entry.samples],
        reference=None if entry.reference is None else entry.reference.digest,
        files=entry.files,
        qc=entry.qc,
        evaluation=entry.evaluation,
    )
    provenance = provenance_digest(
        software=entry.software,
        configuration=entry.configuration,
        configuration_text=entry.configuration_text,
        parents=entry.parents,
        inputs=entry.inputs,
    )
    return (identity, provenance, data_digest(entry.files)) == (
        entry.id,
        entry.provenance_digest,
        entry.data_digest,
    )


def event_problems(session: Session) -> list[str]:
    """Return a sentence if the event log was changed after it was written."""
    previous = ""
    for event in session.scalars(
        select(models.Event).order_by(models.Event.id).execution_options(yield_per=1000)
    ):
        if chained(previous, event) != event.digest:
            return [
                f"the event log does not fit together at event {event.id} ({event.action}): "
                "it was changed after it was written."
            ]
        previous = event.digest
    return []

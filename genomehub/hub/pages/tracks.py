"""The genome browser's page: which reads and variants a reader may see, as tracks of igv.js, over our own
reference.

References are directories that ``genomehub reference build`` made: their block-compressed FASTA with its
two indexes is all that igv.js needs, and it reads of it only the blocks that it shows. Reads and variants
come by ``/files``, in ranges: through the gate, into the log, and from wherever the storage has them.
"""

import dataclasses
import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from genomehub.errors import NotFoundError
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.delivery.objects import result_files
from genomehub.hub.pages.reading import document_of, find_dataset, shown_description

FASTA = "genome.fa.gz"
REFERENCE_FILES = (FASTA, FASTA + ".fai", FASTA + ".gzi")
_INDEXES = (".bai", ".crai", ".csi", ".tbi")
#: kind of file -> kind and format of the track
_DRAWN = {
    "bam": ("alignment", "bam"),
    "cram": ("alignment", "cram"),
    "vcf": ("variant", "vcf"),
    "gvcf": ("variant", "vcf"),
}
MOST_DATASETS = 8
_SPAN_BP = 4000


@dataclasses.dataclass(frozen=True)
class ServedReference:
    """A reference genome that browsers may read."""

    digest: str
    name: str
    folder: Path
    contigs: tuple[tuple[str, int], ...]


@functools.cache
def served_references(folders: tuple[Path, ...]) -> dict[str, ServedReference]:
    """Return the references of the settings by their digest."""
    found = {}
    for folder in folders:
        table = json.loads((folder / "reference.json").read_text(encoding="utf-8"))
        contigs = tuple((contig["name"], contig["length"]) for contig in table["contigs"])
        found[table["digest"]] = ServedReference(table["digest"], folder.name, folder, contigs)
    return found


def reference_file(references: Mapping[str, ServedReference], digest: str, name: str) -> Path:
    """Return a file of a reference for the browser.

    Raises
    ------
    NotFoundError
        There is none.
    """
    if digest not in references or name not in REFERENCE_FILES:
        raise NotFoundError(f"{digest[:40]!r}: no such reference genome here.")
    return references[digest].folder / name


@dataclasses.dataclass(frozen=True)
class Shown:
    """What the page draws.

    titles : of the data sets; left_out : of those on another reference than the first
    config : of igv.js, None if there is nothing to draw
    """

    titles: tuple[tuple[str, dict[str, str]], ...]
    left_out: tuple[dict[str, str], ...]
    entries: tuple[models.Entry, ...]
    reference: ServedReference | None
    config: dict[str, Any] | None


def browse(
    session: Session,
    gate: Gate,
    references: Mapping[str, ServedReference],
    uuids: Iterable[str],
    locus: str,
) -> Shown:
    """Return the page of the data sets that are asked for.

    Parameters
    ----------
    locus : where to look, such as ``20:10,000,000-10,004,000``; by default where there is data

    Raises
    ------
    NotFoundError, NotAuthenticatedError, NotAllowedError
        One of them may not be read.
    """
    titles, left_out, entries, tracks = [], [], [], []
    reference: ServedReference | None = None
    for uuid in list(dict.fromkeys(uuids))[:MOST_DATASETS]:
        dataset = find_dataset(session, uuid)
        gate.require(Action.READ, dataset, uuid)
        assert dataset is not None
        publication = session.get(models.Publication, dataset.id)
        title = document_of(dataset, shown_description(session, dataset, publication, newest=False)).title
        titles.append((dataset.uuid, title))
        entry = newest_entry(session, dataset)
        own = None if entry is None or entry.reference is None else references.get(entry.reference.digest)
        if entry is None or own is None or (reference is not None and own.digest != reference.digest):
            left_out.append(title)
            continue
        reference = own
        entries.append(entry)
        tracks += tracks_of(entry)
    config = None
    if reference is not None and tracks:
        where = locus or _where_data_is(entries[0], reference)
        config = {"reference": _reference(reference), "locus": where, "tracks": tracks}
    return Shown(tuple(titles), tuple(left_out), tuple(entries), reference, config)


def newest_entry(session: Session, dataset: models.Dataset) -> models.Entry | None:
    """Return the newest version of a data set's data."""
    newest = session.query(models.Entry).where(models.Entry.dataset_id == dataset.id)
    return newest.order_by(models.Entry.version.desc()).first()


def _reference(reference: ServedReference) -> dict[str, Any]:
    base = f"/browser/references/{reference.digest}/"
    return {
        "id": reference.name,
        "name": reference.name,
        "fastaURL": base + FASTA,
        "indexURL": base + FASTA + ".fai",
        "compressedIndexURL": base + FASTA + ".gzi",
    }


def tracks_of(entry: models.Entry) -> list[dict[str, Any]]:
    files = result_files(entry)
    kinds = {file.kind for file in files}
    places = {file.path: f"/files/{entry.digest}.{number}" for number, file in enumerate(files, 1)}
    tracks = []
    for file in files:
        index = next((places[file.path + end] for end in _INDEXES if file.path + end in places), None)
        if file.kind not in _DRAWN or index is None or (file.kind == "gvcf" and "vcf" in kinds):
            continue
        kind, form = _DRAWN[file.kind]
        track: dict[str, Any] = {
            "name": f"{entry.dataset.name} · {file.kind.upper()}", "type": kind, "format": form,
            "url": places[file.path], "indexURL": index,
        }  # fmt: skip
        if kind == "alignment":
            track |= {"height": 320, "autoHeight": False}
        else:
            track |= {"displayMode": "EXPANDED", "visibilityWindow": 1_000_000}
        tracks.append(track)
    order = {"variant": 0, "alignment": 1}
    return sorted(tracks, key=lambda track: order[track["type"]])


def _where_data_is(entry: models.Entry, reference: ServedReference) -> str:
    """Return the first place with reads that the QC knows of, else the beginning of the first contig."""
    coverage = entry.qc.get("coverage", {}) if isinstance(entry.qc, Mapping) else {}
    window = int(coverage.get("window_bp") or 0)
    for contig in coverage.get("contigs") or []:
        for at, depth in enumerate(contig.get("profile") or []):
            if depth:
                start = at * window + window // 5
                return f"{contig['name']}:{start + 1}-{start + _SPAN_BP}"
    name, length = reference.contigs[0]
    return f"{name}:1-{min(length, _SPAN_BP)}"

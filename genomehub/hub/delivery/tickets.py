"""htsget's tickets: which blocks, joined, are the answer to what a client asks of reads or variants."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import ConfigError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.delivery.cram import CramSource
from genomehub.hub.delivery.objects import READS, VARIANTS, find_entry, parse_name, result_files
from genomehub.hub.delivery.ranges import Opener
from genomehub.hub.delivery.references import References
from genomehub.hub.delivery.regions import UNPLACED, Asked, RangeError, Region, resolve
from genomehub.hub.delivery.slices import BgzfSource
from genomehub.hub.lookup import is_current
from genomehub.hub.storage import Blob

#: Bytes of the file behind one block of a ticket, about: what a client fetches again if it fails.
BLOCK_BYTES = 256 << 20
_INDEXES = {
    "BAM": (".bai", ".csi"), "CRAM": (".crai",), "VCF": (".tbi", ".csi"), "BCF": (".csi",),
}  # fmt: skip

DataType = Literal["reads", "variants"]
FORMATS: dict[DataType, dict[str, str]] = {"reads": READS, "variants": VARIANTS}


class UnsupportedFormatError(ConfigError):
    """The data set has no file in this format."""


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A file that answers; it holds no row, so it outlives the session.

    id : its name as an object
    place, index_place : where it lies, and the index that was registered with it (None: none was)
    """

    id: str
    format: str
    sha256: str
    place: str
    index_place: str | None


@dataclasses.dataclass(frozen=True)
class Block:
    """A part of the answer: bytes themselves, a slice, or a range of the file."""

    inline: bytes | None = None
    region: Region | Literal["*"] | None = None
    span: tuple[int, int] | None = None
    part: Literal["header", "body"] | None = None


Source = BgzfSource | CramSource


def find_version(session: Session, gate: Gate, name: str) -> models.Entry | None:
    """Return the version that a name means: of a version or file, or the newest of a data set.

    A data set is named by its identifier, or by its name where only one that may be seen has it.
    """
    if parse_name(name) is not None:
        return find_entry(session, name)
    if "\0" in name:  # which PostgreSQL cannot be asked for
        return None
    matching = (models.Dataset.uuid == name) | (models.Dataset.name == name)
    found = [
        dataset
        for dataset in session.scalars(select(models.Dataset).where(matching).limit(1000))
        if gate.decide(Action.SEE, dataset).allowed
    ]
    if len(found) != 1:
        return None
    newest = select(models.Entry).where(models.Entry.dataset_id == found[0].id, is_current())
    return session.scalar(newest.order_by(models.Entry.version.desc()).limit(1))


def choose_file(entry: models.Entry, name: str, datatype: DataType, format: str | None) -> Chosen:
    """Return the file of a version that holds reads or variants in a format (None: the first there is).

    Raises
    ------
    NotFoundError
        It has none, or the file that the name means is none.
    UnsupportedFormatError
        It has them in another format.
    """
    known, parsed = FORMATS[datatype], parse_name(name)
    if parsed is not None and parsed.member:
        raise NotFoundError(f"{name[:80]!r}: holds no {datatype} that htsget gives.")
    files = result_files(entry)
    numbers = {
        number: file
        for number, file in enumerate(files, 1)
        if file.kind in known and file.n_files is None and (parsed is None or parsed.number in (None, number))
    }
    there = [
        Chosen(f"{entry.digest}.{number}", known[file.kind], file.sha256, file.path, _index_of(file, files))
        for number, file in sorted(numbers.items(), key=lambda one: list(known).index(one[1].kind))
    ]
    if not there:
        raise NotFoundError(f"{name[:80]!r}: holds no {datatype} that htsget gives.")
    fitting = [one for one in there if format in (None, one.format)]
    if not fitting:
        have = " and ".join(sorted({one.format for one in there}))
        raise UnsupportedFormatError(f"format {format}: these {datatype} are here as {have} only.")
    return fitting[0]


@contextlib.contextmanager
def opened(opener: Opener, references: References, chosen: Chosen) -> Iterator[Source]:
    """Open a file and its index, and close them at the end."""
    with contextlib.ExitStack() as stack:
        reader = opener(chosen.place)
        stack.callback(reader.close)
        index = _open_index(opener, chosen)
        if index is not None:
            stack.callback(index.close)
        identity = (chosen.sha256, chosen.format)
        if chosen.format == "CRAM":
            yield CramSource(reader, index, identity, references.find_fasta)
        else:
            yield BgzfSource(chosen.format, reader, index, identity)


def _index_of(file: models.File, files: list[models.File]) -> str | None:
    """Return where the index lies that was registered with a file."""
    places = {PurePosixPath(one.path).name: one.path for one in files}
    name = PurePosixPath(file.path)
    for suffix in _INDEXES[READS.get(file.kind) or VARIANTS[file.kind]]:
        for index_name in (name.name + suffix, name.stem + suffix):
            if index_name in places:
                return places[index_name]
    return None


def _open_index(opener: Opener, chosen: Chosen) -> Blob | None:
    """Open the index that was registered with the file, else the one that lies beside it."""
    if chosen.index_place is not None:
        return opener(chosen.index_place)
    for suffix in _INDEXES[chosen.format]:
        with contextlib.suppress(NotFoundError):
            return opener(chosen.place + suffix)
    return None


def header_blocks(source: Source) -> list[Block]:
    """Return the answer to a question for the header alone."""
    return [Block(source.header(), part="header"), Block(source.end, part="body")]


def whole_blocks(source: Source) -> list[Block]:
    """Return the answer to a question for everything: the file as it is, in parts."""
    size = source.reader.size
    return [Block(span=(start, min(start + BLOCK_BYTES, size))) for start in range(0, size, BLOCK_BYTES)]


def region_blocks(source: Source, asked: list[Asked], strict: bool) -> list[Block]:
    """Return the answer to a question for regions: header, slices, end.

    Raises
    ------
    NotFoundError, RangeError
    """
    body: list[Block] = []
    if [one.name for one in asked] == [UNPLACED] and source.format in ("BAM", "CRAM"):
        _require_index(source)
        body = [Block(region="*", part="body")]
    else:
        for region in resolve(asked, source.names, strict):
            _require_index(source)
            body += [Block(region=part, part="body") for part in source.parts(region, BLOCK_BYTES)]
    return [Block(source.header(), part="header"), *body, Block(source.end, part="body")]


def _require_index(source: Source) -> None:
    if source.index is None:
        raise RangeError("this file has no index, so only its header or the whole of it can be had.")


def slice_of(source: Source, region: Region | Literal["*"]) -> Iterator[bytes]:
    """Yield the bytes of one block."""
    return source.unplaced() if region == "*" else source.region(region)

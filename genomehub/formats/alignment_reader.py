"""Sorted, indexed BAM and CRAM to Records: the door through which callers and quality metrics read.

BAM: the BAI or CSI index gives virtual offsets, isal inflates the BGZF blocks, one kernel decodes them.
CRAM: pysam turns slices into uncompressed BAM with the reference's own FASTA, then the same kernel. A reader
keeps no position, so threads may share one; it does not write and does not look at more than it is asked.
"""

import contextlib
import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np

from genomehub.errors import InputError
from genomehub.files import require_file
from genomehub.formats.alignment_bam import BamSource
from genomehub.formats.alignment_blocks import COPY_AGAIN, Piece
from genomehub.formats.alignment_cram import CramSource
from genomehub.kernels import decode
from genomehub.types import Contig, Interval, ReadGroup, Records

_EVERYTHING = np.array([-2, 0, 0], np.int64)
_UNPLACED = np.array([-1, 0, 0], np.int64)


class ReferenceContigs(Protocol):
    """What a reader needs of ``store.reference.Reference``."""

    @property
    def contigs(self) -> tuple[Contig, ...]: ...
    @property
    def fasta(self) -> Path: ...
    def alias(
        self,
        names: Sequence[str],
        lengths: Sequence[int | None] | None = None,
        md5s: Sequence[str | None] | None = None,
        source: str = "header",
    ) -> np.ndarray: ...


def _hint_of(magic: bytes) -> str:
    """What to do with a file that begins so."""
    if not magic:
        return "It is empty: copy or make it again."
    if magic[:1] == b"@":
        return "It looks like SAM text; convert it with: samtools sort -O bam"
    return f"It begins with {magic!r}: name a sorted BAM or CRAM file."


class AlignmentReader:
    """A sorted, indexed BAM or CRAM, checked when opened; use as a context manager.

    Parameters
    ----------
    path : BAM or CRAM file with its index beside it
    reference : the reference directory it was aligned to (names such as chr20 and 20 are matched)
    edit_distances : whether they are wanted; CRAM costs a quarter less to read without, and has -1 then

    Attributes
    ----------
    header : AlignmentHeader
    contig_map : (n_file_contigs,) int32, the reference's contig of each @SQ line, -1 if it has none

    Raises
    ------
    NotFoundError
        The file or its index is not there.
    InputError
        Not a BAM or CRAM, cut off, damaged, unsorted, with the index of another file, or aligned to
        another build of the reference.
    """

    def __init__(
        self, path: str | os.PathLike[str], reference: ReferenceContigs, edit_distances: bool = True
    ) -> None:
        self.path = require_file(path, "alignment file")
        self._reference = reference
        with self.path.open("rb") as handle:
            magic = handle.read(4)
        if magic[:2] == b"\x1f\x8b":
            self._source: BamSource | CramSource = BamSource(self.path)
        elif magic == b"CRAM":
            self._source = CramSource(self.path, reference.fasta, edit_distances)
        else:
            raise InputError(f"{self.path}: is neither BAM nor CRAM. {_hint_of(magic)}")
        self.header = self._source.header
        try:
            self.contig_map = self._map_contigs()
            self._check_order()
            self._source.open_index()
            if isinstance(self._source, CramSource):
                self._source.rename_contigs(self._names_in_file())
        except BaseException:
            self.close()
            raise
        ids = [group.id.encode() for group in self.header.read_groups]
        self._group_ids = np.frombuffer(b"".join(ids), np.uint8).copy()
        self._group_offsets = np.cumsum([0, *map(len, ids)]).astype(np.int64)

    def __enter__(self) -> "AlignmentReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    @property
    def read_groups(self) -> tuple[ReadGroup, ...]:
        """The @RG lines; ``Records.read_group`` is an index into them."""
        return self.header.read_groups

    @property
    def sample_names(self) -> tuple[str, ...]:
        """Distinct samples (SM) of the read groups, in the header's order."""
        return tuple(dict.fromkeys(group.sample for group in self.read_groups if group.sample))

    @property
    def sample_name(self) -> str:
        """The one sample of the file.

        Raises
        ------
        InputError
            The header names none, or several.
        """
        names = self.sample_names
        if len(names) == 1:
            return names[0]
        if not names:
            raise InputError(
                f"{self.path}: no @RG line names a sample (SM). Add one with: samtools addreplacerg "
                f"-r 'ID:1\\tSM:NAME' -o NEW.bam {self.path.name}"
            )
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        raise InputError(
            f"{self.path}: holds reads of {len(names)} samples ({shown}); one was expected. Split it with: "
            "samtools split"
        )

    def fetch(self, interval: Interval, required_flags_off: int = 0, min_mapping_quality: int = 0) -> Records:
        """Return all records overlapping ``interval``, in file order.

        Parameters
        ----------
        interval : span on a contig of the reference
        required_flags_off : records with any of these FLAG bits are left out
        min_mapping_quality : and those with a lower MAPQ (Phred)
        """
        parts = list(self.fetch_pieces(interval, required_flags_off, min_mapping_quality))
        return concatenate_records(parts)

    def fetch_pieces(
        self, interval: Interval, required_flags_off: int = 0, min_mapping_quality: int = 0
    ) -> Iterator[Records]:
        """Yield the records of ``fetch`` in pieces of bounded size, none of them empty."""
        for file_contig in np.flatnonzero(self.contig_map == interval.contig_index):
            span = np.array([file_contig, interval.start, interval.end], np.int64)
            yield from self._decode(self._source.pieces(span), span, required_flags_off, min_mapping_quality)

    def scan(self, required_flags_off: int = 0, min_mapping_quality: int = 0) -> Iterator[Records]:
        """Yield all records of the file in pieces, unmapped ones included, in file order."""
        pieces = self._source.pieces(_EVERYTHING)
        yield from self._decode(pieces, _EVERYTHING, required_flags_off, min_mapping_quality)

    def unplaced(self, required_flags_off: int = 0) -> Iterator[Records]:
        """Yield the records without contig and start (both mates unmapped) in pieces."""
        yield from self._decode(self._source.pieces(_UNPLACED), _UNPLACED, required_flags_off, 0)

    def elsewhere(self, required_flags_off: int = 0) -> Iterator[Records]:
        """Yield the records that no interval of the reference holds: those of contigs that the reference
        lacks (decoys, alternates; contig_index -1), then the unplaced ones."""
        for file_contig in np.flatnonzero(self.contig_map < 0):
            span = np.array([file_contig, 0, self.header.contig_lengths[file_contig]], np.int64)
            yield from self._decode(self._source.pieces(span), span, required_flags_off, 0)
        yield from self.unplaced(required_flags_off)

    def _map_contigs(self) -> np.ndarray:
        if not self.header.contig_names:
            raise InputError(f"{self.path}: the header has no @SQ line, so nothing can have been aligned.")
        header = self.header
        return self._reference.alias(
            header.contig_names, header.contig_lengths, header.contig_md5s, source=str(self.path)
        )

    def _names_in_file(self) -> dict[str, str]:
        contigs, pairs = self._reference.contigs, zip(self.header.contig_names, self.contig_map, strict=True)
        return {contigs[i].name: name for name, i in pairs if i >= 0}

    def _check_order(self) -> None:
        if self.header.sort_order in ("unsorted", "queryname"):
            raise InputError(
                f"{self.path}: is not sorted by coordinate (@HD says SO:{self.header.sort_order}). "
                f"{_sort_command(self.path)}"
            )

    def _decode(
        self, pieces: Generator[Piece], span: np.ndarray, flags_off: int, min_mapping_quality: int
    ) -> Iterator[Records]:
        rest, last_key, place = np.empty(0, np.uint8), -1, "at its start"
        with contextlib.closing(pieces):
            for data, continues, place in pieces:
                if continues and rest.size:
                    data = np.concatenate((rest, data))
                offsets, n_ops, n_bases, consumed, last_key, status = decode.select_records(
                    data, self.contig_map, span, flags_off, min_mapping_quality, last_key
                )
                if status in (decode.MALFORMED, decode.UNSORTED):
                    raise self._record_error(status, place)
                if offsets.size:
                    yield self._records(data, offsets, n_ops, n_bases)
                if status == decode.BEYOND:
                    return
                rest = data[consumed:]
        if rest.size and span[0] < 0:  # blocks that an index names may end within the next record
            raise InputError(f"{self.path}: ends in the middle of a record ({place}). {COPY_AGAIN}")

    def _records(self, data: np.ndarray, offsets: np.ndarray, n_ops: int, n_bases: int) -> Records:
        records, fault, faulty = decode.decode_records(
            data, offsets, n_ops, n_bases, self.contig_map, self._group_ids, self._group_offsets
        )
        if fault != decode.NO_FAULT:
            raise self._read_error(fault, data, int(offsets[faulty]))
        return records

    def _read_error(self, fault: int, data: np.ndarray, record: int) -> InputError:
        name = data[record + decode.FIXED : record + decode.FIXED + int(data[record + 12]) - 1].tobytes()
        contig, start = data[record + 4 : record + 12].view("<i4").tolist()
        place = f" at {self.header.contig_names[contig]}:{start + 1}" if contig >= 0 else ""
        shown = "".join(map(chr, (byte if 32 <= byte < 127 else ord("?") for byte in name)))
        where = f'read "{shown}"{place}'
        if fault == decode.CIGAR_LENGTH:
            return InputError(
                f"{self.path}: the CIGAR of {where} has another length than its bases. Make the file again, "
                "or remove such reads."
            )
        if fault == decode.CIGAR_OPERATION:
            return InputError(
                f"{self.path}: the CIGAR of {where} has an operation that is none of MIDNSHP=X (old files "
                "have a B). Align the reads again."
            )
        return InputError(
            f"{self.path}: {where} has bases written as '=' (same as the reference), as samtools calmd -e "
            "leaves them. Use the file from before that step."
        )

    def _record_error(self, status: int, place: str) -> InputError:
        if status == decode.UNSORTED:
            return InputError(
                f"{self.path}: is not sorted by coordinate (a read starts before the one in front of it, "
                f"{place}). {_sort_command(self.path)}"
            )
        return InputError(
            f"{self.path}: has a damaged record ({place}): its fields do not fit its length. {COPY_AGAIN}"
        )


def _sort_command(path: Path) -> str:
    output = f"SORTED{path.suffix}"
    return f"Sort and index it: samtools sort -o {output} {path} && samtools index {output}"


def concatenate_records(parts: Sequence[Records]) -> Records:
    """Join pieces of records one after the other (an empty sequence gives records of length 0)."""
    if not parts:
        return _EMPTY
    if len(parts) == 1:
        return parts[0]
    joined = {}
    for name in Records._fields:
        arrays = [getattr(part, name) for part in parts]
        if name in ("cigar_offsets", "offsets"):
            shifts = np.cumsum([0, *(array[-1] for array in arrays)])
            joined[name] = np.concatenate(
                [
                    arrays[0],
                    *(array[1:] + shift for array, shift in zip(arrays[1:], shifts[1:], strict=False)),
                ]
            )
        else:
            joined[name] = np.concatenate(arrays)
    return Records(**joined)


def _empty_records() -> Records:
    dtypes = {
        "flag": np.uint16, "mapping_quality": np.uint8, "cigars": np.uint32, "bases": np.uint8,
        "quals": np.uint8, "name_hash": np.uint64, "read_group": np.int16,
    }  # fmt: skip
    return Records(
        **{
            name: np.zeros(1, np.int64)
            if name.endswith("offsets")
            else np.empty(0, dtypes.get(name, np.int32))
            for name in Records._fields
        }
    )


_EMPTY = _empty_records()

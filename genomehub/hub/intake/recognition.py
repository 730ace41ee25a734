"""What is given: the format of a file by its content, its header, and its index."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import BinaryIO

from genomehub.errors import InputError, TooLargeError
from genomehub.hub.intake import bgzf, headers
from genomehub.hub.intake.bounds import TABLE_BYTES, Stream, inflate
from genomehub.hub.intake.facts import Facts, HeaderContig, NotThatFormatError, fullest
from genomehub.hub.intake.headers import Header
from genomehub.hub.intake.indexes import Index, check_crai, check_fit, read_index, walk_cram
from genomehub.hub.intake.reads import fastq_facts
from genomehub.hub.intake.tables import phenopacket_facts, table_facts
from genomehub.hub.intake.zarr_stores import vcz_facts
from genomehub.hub.storage import Place

#: Kinds of file that intake knows, and the formats that they may have.
FORMATS = {
    "bam": ("bam",), "cram": ("cram",), "vcf": ("vcf", "bcf"), "gvcf": ("vcf", "bcf"), "bcf": ("bcf",),
    "vcz": ("vcz",), "fastq": ("fastq",), "phenopacket": ("phenopacket",), "samples": ("table",),
}  # fmt: skip
INDEX_KINDS = {"bai", "csi", "tbi", "crai", "index"}
#: Ends of names of indexes, tried in this order for each kind.
_INDEX_SUFFIXES = {"bam": ("bai", "csi"), "cram": ("crai",), "vcf": ("tbi", "csi"), "bcf": ("csi",)}
_PEEK = 1 << 16


@dataclasses.dataclass(frozen=True)
class Seen:
    """A file that was recognised.

    contigs : of its header; used : those that hold records, None if no index tells
    reference_digest : that the content itself states
    """

    facts: Facts
    contigs: tuple[HeaderContig, ...] = ()
    used: frozenset[str] | None = None
    reference_digest: str | None = None


def format_of(path: Place, name: str) -> str:
    """Return bam, cram, vcf, bcf, vcz, fastq, zip, json, or text, by the first bytes of the content."""
    if path.is_dir():
        return "vcz"
    with path.open("rb") as handle:
        head = handle.read(_PEEK)
    if head[:2] == b"\x1f\x8b":
        try:
            with path.open("rb") as handle:
                head = next(inflate(handle, name, _PEEK << 4, "beginning"), b"")
        except (InputError, TooLargeError):
            return "damaged"
    for magic, format in (
        (b"BAM\1", "bam"), (b"CRAM", "cram"), (b"BCF\2", "bcf"), (b"##fileformat=VCF", "vcf"),
        (b"PK\3\4", "vcz"), (b"PK\5\6", "vcz"), (b"@", "fastq"), (b"BAI\1", "bai"), (b"CSI\1", "csi"),
        (b"TBI\1", "tbi"),
    ):  # fmt: skip
        if head.startswith(magic):
            return format
    return "phenopacket" if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")) else "table"


def find_index(path: Place, format: str, among: Sequence[Place]) -> Place | None:
    """Return the index of a file: among those that are given with it, else beside it."""
    suffixes = _INDEX_SUFFIXES.get(format, ())
    names = [f"{path.name}.{suffix}" for suffix in suffixes]
    names += [f"{path.stem}.{suffix}" for suffix in suffixes if format in ("bam", "cram")]
    for name in names:
        for one in among:
            if one.name == name:
                return one
    for name in names:
        if (beside := path.with_name(name)).is_file():
            return beside
    return None


def look_at(path: Place, name: str, kind: str, index: Place | None) -> Seen:
    """Return what is in a file of a known kind; its end and its index are checked.

    Parameters
    ----------
    name : how sentences call it
    kind : what it is said to be, one of ``FORMATS``

    Raises
    ------
    NotThatFormatError
        It is something else.
    InputError, TooLargeError
        It is cut off, damaged, absurd, or the index is not of this file.
    """
    found = format_of(path, name)
    if found == "damaged":
        raise InputError(
            f"{name}: its compressed data is damaged or cut off at its beginning. Copy it again and compare "
            "its checksum."
        )
    if found not in FORMATS[kind]:
        expected = " or ".join(FORMATS[kind])
        seen = "none that is known here" if found == "table" else found
        raise NotThatFormatError(
            f"{name}: is said to be {kind}, but its content is not {expected} (it looks like {seen}). Check "
            "whether it is the right file."
        )
    if found == "vcz":
        facts, contigs, digest = vcz_facts(path, name)
        return Seen(facts, contigs, frozenset(facts.counts) or None, digest)
    with path.open("rb") as handle:
        return _READERS[found](handle, name, kind, index)


def _alignments(handle: BinaryIO, name: str, kind: str, index: Place | None) -> Seen:
    _require_bgzf(handle, name)
    bgzf.require_end(handle, name)
    header = headers.bam_header(handle, name)
    facts = _facts("bam", "bgzf", header)
    facts = _with_detail(facts, read_length=_bam_read_length(handle, name))
    if index is None:
        return Seen(facts, header.contigs)
    read = _fitting(handle, index, "bam", header)
    return _counted(facts, header, read, reads=True)


def _bam_read_length(handle: BinaryIO, name: str) -> int | None:
    """Return the longest of the first reads."""
    handle.seek(0)
    stream = Stream(inflate(handle, name, headers.HEADER_BYTES * 4, "beginning"), name)
    stream.take(4)
    stream.take(int.from_bytes(stream.take(4), "little"))
    for _ in range(int.from_bytes(stream.take(4), "little")):
        stream.take(int.from_bytes(stream.take(4), "little") + 4)
    longest = None
    for _ in range(1000):
        try:
            size = int.from_bytes(stream.take(4), "little", signed=True)
        except InputError:
            break  # the end of a small file
        if not 32 <= size <= 1 << 28:
            raise InputError(f"{name}: its first reads are damaged. Copy the file again.")
        record = stream.take(size)
        longest = max(longest or 0, int.from_bytes(record[16:20], "little"))
    return longest


def _cram(handle: BinaryIO, name: str, kind: str, index: Place | None) -> Seen:
    header = headers.cram_header(handle, name)
    major = int(header.detail["cram_version"][0])
    counts = walk_cram(handle, major, name)
    if index is not None:
        with index.open("rb") as lines:
            check_crai(lines, index.name, counts, len(header.contigs))
    names = [contig.name for contig in header.contigs]
    by_name = {names[number]: n for number, n in counts.by_contig.items() if 0 <= number < len(names)}
    several = any(number == -2 for number in counts.by_contig)
    facts = dataclasses.replace(
        _facts("cram", "none", header), n_reads=counts.n_records, counts=fullest(by_name)
    )
    return Seen(facts, header.contigs, None if several else frozenset(by_name))


def _variants(handle: BinaryIO, name: str, kind: str, index: Place | None) -> Seen:
    compression = _compression(handle)
    if compression == "bgzf":
        bgzf.require_end(handle, name)
    elif compression == "gzip":
        raise InputError(
            f"{name}: is compressed by gzip, so no region of it can be read. Compress it by bgzip: "
            "bcftools view -Oz."
        )
    else:
        handle.seek(-1, os.SEEK_END)
        if handle.read(1) != b"\n":
            raise InputError(f"{name}: its last line has no end; the file is cut off. Copy it again.")
        handle.seek(0)
    header = headers.vcf_header(handle, name)
    facts = _facts(
        "gvcf" if header.detail["reference_blocks"] or kind == "gvcf" else "vcf", compression, header
    )
    if index is None:
        return Seen(facts, header.contigs)
    return _counted(facts, header, _fitting(handle, index, "vcf", header), reads=False)


def _binary_variants(handle: BinaryIO, name: str, kind: str, index: Place | None) -> Seen:
    _require_bgzf(handle, name)
    bgzf.require_end(handle, name)
    header = headers.bcf_header(handle, name)
    facts = _facts("bcf", "bgzf", header)
    if index is None:
        return Seen(facts, header.contigs)
    return _counted(facts, header, _fitting(handle, index, "bcf", header), reads=False)


def _fastq(handle: BinaryIO, name: str, kind: str, index: Place | None) -> Seen:
    compression = _compression(handle)
    if compression == "bgzf":
        bgzf.require_end(handle, name)
    return Seen(fastq_facts(handle, name, compression))


def _phenopacket(handle: BinaryIO, name: str, kind: str, index: Place | None) -> Seen:
    return Seen(phenopacket_facts(_whole(handle, name), name))


def _table(handle: BinaryIO, name: str, kind: str, index: Place | None) -> Seen:
    return Seen(table_facts(_whole(handle, name), name))


def _whole(handle: BinaryIO, name: str) -> bytes:
    return b"".join(inflate(handle, name, TABLE_BYTES, "table"))


_READERS: dict[str, Callable[[BinaryIO, str, str, Place | None], Seen]] = {
    "bam": _alignments, "cram": _cram, "vcf": _variants, "bcf": _binary_variants, "fastq": _fastq,
    "phenopacket": _phenopacket, "table": _table,
}  # fmt: skip


def _compression(handle: BinaryIO) -> str:
    head = handle.read(64)
    handle.seek(0)
    return "bgzf" if bgzf.is_bgzf(head) else "gzip" if head[:2] == b"\x1f\x8b" else "none"


def _require_bgzf(handle: BinaryIO, name: str) -> None:
    if _compression(handle) != "bgzf":
        raise InputError(f"{name}: is not in BGZF blocks, so no region of it can be read. Write it anew.")


def _facts(format: str, compression: str, header: Header) -> Facts:
    return Facts(
        format, compression, header.samples, n_contigs=len(header.contigs), detail=dict(header.detail)
    )


def _with_detail(facts: Facts, **more: object) -> Facts:
    return dataclasses.replace(facts, detail=facts.detail | more)


def _fitting(handle: BinaryIO, index: Place, kind: str, header: Header) -> Index:
    with index.open("rb") as lines:
        read = read_index(lines, index.name)
    check_fit(handle, read, kind, [contig.name for contig in header.contigs], index.name)
    return read


def _counted(facts: Facts, header: Header, index: Index, *, reads: bool) -> Seen:
    """Add what an index counts. Contigs that only a text's index names, and not its header, are used too."""
    names = list(index.names) if index.names else [contig.name for contig in header.contigs]
    known = all(n is not None for n in index.mapped)
    counts = {name: (index.mapped[i] or 0) for i, name in enumerate(names[: len(index.mapped)])}
    used = frozenset(
        name for i, name in enumerate(names[: len(index.first)])
        if index.first[i] is not None or index.mapped[i] or index.unmapped[i]
    )  # fmt: skip
    contigs = header.contigs
    if missing := used - {contig.name for contig in contigs}:
        contigs = (*contigs, *(HeaderContig(name) for name in sorted(missing)))
    facts = dataclasses.replace(facts, counts=fullest(counts) if known else {})
    if not known:
        return Seen(facts, contigs, used)
    if not reads:
        return Seen(dataclasses.replace(facts, n_variants=sum(counts.values())), contigs, used)
    unmapped = sum(n or 0 for n in index.unmapped) + (index.n_unplaced or 0)
    n_mapped = sum(counts.values())
    facts = dataclasses.replace(facts, n_reads=n_mapped + unmapped, n_mapped=n_mapped)
    return Seen(facts, contigs, used)

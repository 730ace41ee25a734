"""Headers of BAM, CRAM, VCF and BCF: contigs, samples, programs. Read with bounds, nothing behind them."""

import bz2
import dataclasses
import lzma
import re
import struct
import zlib
from typing import Any, BinaryIO

from genomehub.errors import InputError, TooLargeError
from genomehub.hub.intake.bounds import CONTIGS, HEADER_BYTES, LINE_BYTES, SAMPLES, Stream, inflate
from genomehub.hub.intake.facts import HeaderContig, NotThatFormatError

_SHOWN_PROGRAMS = 20
_MD5 = re.compile(r"[0-9a-f]{32}")
_CRAM_DEFINITION = 26


@dataclasses.dataclass(frozen=True)
class Header:
    """What a header says.

    contigs : in its order; samples : in its order, each once
    detail : version, sort order, programs, ...
    """

    contigs: tuple[HeaderContig, ...]
    samples: tuple[str, ...]
    detail: dict[str, Any]


def bam_header(handle: BinaryIO, name: str) -> Header:
    """Return the header of a BAM; the contigs of its binary table must be those of its text."""
    stream = Stream(inflate(handle, name, HEADER_BYTES + CONTIGS * 64, "header"), name)
    if stream.take(4) != b"BAM\1":
        raise NotThatFormatError(f"{name}: is no BAM: its decompressed content does not begin with BAM.")
    text = stream.take(_size(stream, name, HEADER_BYTES, "header text"))
    n_contigs = _size(stream, name, CONTIGS, "table of contigs")
    listed = []
    for _ in range(n_contigs):
        length = _size(stream, name, 1 << 16, "name of a contig")
        contig = stream.take(length).rstrip(b"\0").decode("ascii", "replace")
        listed.append((contig, struct.unpack("<i", stream.take(4))[0]))
    header = sam_header(text.rstrip(b"\0"), name)
    told = [(contig.name, contig.length) for contig in header.contigs]
    if told and told != listed:
        raise InputError(
            f"{name}: the contigs in its header's text are not those of its table. Write it again: samtools "
            "reheader."
        )
    if not told:
        contigs = tuple(HeaderContig(*one) for one in listed)
        header = dataclasses.replace(header, contigs=contigs)
    return header


def _size(stream: Stream, name: str, most: int, what: str) -> int:
    (value,) = struct.unpack("<i", stream.take(4))
    if not 0 <= value <= most:
        raise TooLargeError(
            f"{name}: states a {what} of {value}; at most {most} is accepted. The file is damaged, or was "
            "made to harm."
        )
    return int(value)


def sam_header(text: bytes, name: str) -> Header:
    """Return what the lines of a SAM header say."""
    contigs: list[HeaderContig] = []
    samples: dict[str, None] = {}
    programs: list[dict[str, str]] = []
    detail: dict[str, Any] = {}
    platforms: dict[str, None] = {}
    for line in text.decode("utf-8", "replace").splitlines():
        kind, *fields = line.split("\t")
        tags = {field[:2]: field[3:] for field in fields if field[2:3] == ":"}
        if kind == "@SQ":
            contigs.append(_sam_contig(tags, name))
        elif kind == "@RG":
            if tags.get("SM"):
                samples[tags["SM"]] = None
            if tags.get("PL"):
                platforms[tags["PL"]] = None
            detail["n_read_groups"] = detail.get("n_read_groups", 0) + 1
        elif kind == "@PG":
            programs.append({key: tags[key][:500] for key in ("ID", "PN", "VN", "CL") if key in tags})
        elif kind == "@HD":
            detail |= {"version": tags.get("VN"), "sort_order": tags.get("SO")}
    if len(contigs) > CONTIGS or len(samples) > SAMPLES:
        raise TooLargeError(f"{name}: names {len(contigs)} contigs; at most {CONTIGS} are accepted.")
    if programs:
        detail |= {"programs": programs[:_SHOWN_PROGRAMS], "n_programs": len(programs)}
    if platforms:
        detail["platforms"] = list(platforms)[:_SHOWN_PROGRAMS]
    return Header(tuple(contigs), tuple(samples), detail)


def _sam_contig(tags: dict[str, str], name: str) -> HeaderContig:
    try:
        return HeaderContig(tags["SN"], int(tags["LN"]), _md5(tags.get("M5")))
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{name}: a @SQ line of its header has no SN, or an LN that is no number. Correct it: samtools "
            "reheader."
        ) from error


def _md5(text: str | None) -> str | None:
    return text.lower() if text and _MD5.fullmatch(text.lower()) else None


def vcf_header(handle: BinaryIO, name: str) -> Header:
    """Return the header of a VCF, plain or compressed."""
    stream = Stream(inflate(handle, name, HEADER_BYTES + LINE_BYTES, "header"), name)
    lines: list[bytes] = []
    while line := stream.line():
        if not lines and not line.startswith(b"##fileformat=VCFv"):
            raise NotThatFormatError(f"{name}: is no VCF: its first line is not ##fileformat=VCFv...")
        lines.append(line)
        if not line.startswith(b"##"):
            break
    first = stream.line() if lines and lines[-1].startswith(b"#CHROM") else b""
    return vcf_header_of(b"".join(lines), name, _allele_of(first))


def _allele_of(record: bytes) -> str:
    fields = record.split(b"\t", 5)
    return fields[4].decode("ascii", "replace") if len(fields) > 5 else ""


def bcf_header(handle: BinaryIO, name: str) -> Header:
    """Return the header of a BCF 2."""
    stream = Stream(inflate(handle, name, HEADER_BYTES + LINE_BYTES, "header"), name)
    if stream.take(5) != b"BCF\2\2":
        raise NotThatFormatError(f"{name}: is no BCF 2.2: its decompressed content does not begin with BCF.")
    text = stream.take(_size(stream, name, HEADER_BYTES, "header text")).rstrip(b"\0")
    return vcf_header_of(text, name, "")


def vcf_header_of(text: bytes, name: str, first_allele: str) -> Header:
    """Return what the lines of a VCF header say; the last must name the columns."""
    contigs: list[HeaderContig] = []
    detail: dict[str, Any] = {}
    samples: list[str] | None = None
    blocks = first_allele in ("<NON_REF>", "<*>")
    for line in text.decode("utf-8", "replace").splitlines():
        key, _, value = line.removeprefix("##").partition("=")
        if line.startswith("#CHROM"):
            columns = line.split("\t")
            if columns[:8] != ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]:
                raise InputError(f"{name}: the line of its columns is not that of VCF (tabs between names).")
            samples = columns[9:]
        elif key == "contig":
            fields = dict(re.findall(r'(\w+)=("[^"]*"|[^,>]*)', value))
            length = fields.get("length", "")
            contigs.append(
                HeaderContig(
                    fields.get("ID", ""), int(length) if length.isdigit() else None, _md5(fields.get("md5"))
                )
            )
        elif key == "fileformat":
            detail["version"] = value.removeprefix("VCFv")
        elif key in ("source", "reference"):
            detail[key] = value[:500]
        elif key == "ALT" and re.match(r"<ID=(NON_REF|\*)[,>]", value):
            detail["reference_blocks_declared"] = True
    if samples is None:
        raise InputError(f"{name}: ends before the line that names its columns (#CHROM); it is cut off.")
    if len(samples) > SAMPLES or len(contigs) > CONTIGS:
        raise TooLargeError(f"{name}: names {len(samples)} samples; at most {SAMPLES} are accepted.")
    if len(set(samples)) < len(samples):
        raise InputError(f"{name}: names a sample twice. Each column needs a name of its own.")
    detail["reference_blocks"] = blocks or bool(detail.pop("reference_blocks_declared", False))
    return Header(tuple(contigs), tuple(samples), detail)


def cram_header(handle: BinaryIO, name: str) -> Header:
    """Return the header of a CRAM 2 or 3, which is in its first container."""
    if handle.read(4) != b"CRAM":
        raise NotThatFormatError(f"{name}: is no CRAM: it does not begin with CRAM.")
    major, minor = handle.read(2)
    if major not in (2, 3):
        raise InputError(f"{name}: is CRAM {major}.{minor}; versions 2 and 3 are accepted.")
    handle.seek(_CRAM_DEFINITION)
    container = read_container(handle, major, name)
    if container is None or container.length > HEADER_BYTES:
        raise TooLargeError(f"{name}: the container of its header is missing or larger than 64 MiB.")
    handle.seek(container.data_start)
    header = sam_header(_cram_text(handle.read(container.length), name), name)
    header.detail["cram_version"] = f"{major}.{minor}"
    return header


@dataclasses.dataclass(frozen=True)
class Container:
    """Head of a CRAM container: what it holds and where its data begin."""

    reference_id: int
    start: int
    span: int
    n_records: int
    length: int
    offset: int
    data_start: int

    @property
    def end(self) -> int:
        """Where the next container begins."""
        return self.data_start + self.length


def read_container(handle: BinaryIO, major: int, name: str) -> Container | None:
    """Return the head of the container at the handle's position, None at the end of the file."""
    offset = handle.tell()
    data = handle.read(512)
    if len(data) < 4:
        return None
    try:
        (length,) = struct.unpack_from("<i", data)
        at = 4
        numbers = []
        for _ in range(4):
            value, at = _itf8(data, at)
            numbers.append(value)
        for _ in range(2):
            at = _after_ltf8(data, at)
        _, at = _itf8(data, at)
        n_landmarks, at = _itf8(data, at)
        if not 0 <= n_landmarks <= 100_000 or length < 0:
            raise ValueError
        if n_landmarks > 64:
            handle.seek(offset)
            data = handle.read(512 + 5 * n_landmarks)
        for _ in range(n_landmarks):
            _, at = _itf8(data, at)
    except (struct.error, IndexError, ValueError) as error:
        raise InputError(
            f"{name}: the container at byte {offset} is damaged or cut off. Copy the file again and compare "
            "its checksum."
        ) from error
    at += 4 if major >= 3 else 0  # CRC
    reference_id, start, span, n_records = numbers
    return Container(reference_id, start, span, n_records, length, offset, offset + at)


def _itf8(data: bytes, at: int) -> tuple[int, int]:
    first = data[at]
    more = 4 if first >= 0xF0 else 3 if first >= 0xE0 else 2 if first >= 0xC0 else 1 if first >= 0x80 else 0
    if more == 4:
        value = (first & 0x0F) << 28 | int.from_bytes(data[at + 1 : at + 4], "big") << 4 | data[at + 4] & 0x0F
        return (value - (1 << 32) if value >= 1 << 31 else value), at + 5
    value = (first & (0x7F >> more)) << (8 * more) | int.from_bytes(data[at + 1 : at + 1 + more], "big")
    return value, at + 1 + more


def _after_ltf8(data: bytes, at: int) -> int:
    first = data[at]
    return at + 1 + next((i for i in range(8) if not first & (0x80 >> i)), 8)


def _cram_text(data: bytes, name: str) -> bytes:
    try:
        method, at = data[0], 2
        _, at = _itf8(data, at)
        packed, at = _itf8(data, at)
        size, at = _itf8(data, at)
        if not 4 <= size <= HEADER_BYTES or not 0 <= packed <= len(data) - at:
            raise TooLargeError(
                f"{name}: states a header of {size} bytes; at most {HEADER_BYTES} is accepted."
            )
        block = _expand(method, data[at : at + packed], size)
        (length,) = struct.unpack_from("<i", block)
    except (IndexError, struct.error, zlib.error, OSError, ValueError, EOFError, lzma.LZMAError) as error:
        raise InputError(f"{name}: its header's block is damaged ({error}). Copy the file again.") from error
    if not 0 <= length <= len(block) - 4:
        raise InputError(f"{name}: its header's block is shorter than it says. Copy the file again.")
    return block[4 : 4 + length].rstrip(b"\0")


def _expand(method: int, data: bytes, size: int) -> bytes:
    if method == 0:
        return data
    if method == 1:
        return zlib.decompressobj(31).decompress(data, size)
    if method == 2:
        return bz2.BZ2Decompressor().decompress(data, size)
    if method == 3:
        return lzma.LZMADecompressor(memlimit=1 << 28).decompress(data, size)
    raise ValueError(f"compression method {method}")

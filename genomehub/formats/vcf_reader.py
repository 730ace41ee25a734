"""VCF, gzipped VCF or BCF to one sample's genotypes, checked against the reference. Writing is vcf.py's.

Text is parsed here, line by line, so that a complaint can name the line; BCF goes through htslib to the same
text. Only what evaluation needs is read: site, alleles, QUAL, FILTER, GT and GQ.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pysam

from genomehub.errors import InputError, NotFoundError
from genomehub.files import require_file
from genomehub.formats.bed import text_lines
from genomehub.formats.bgzf import ByteSource
from genomehub.types import Contig, Genotypes, NoProgress, Progress

_N_FIXED = 9  # columns before the first sample
_GENOTYPE = re.compile(r"[/|]?(\d+|\.)(?:[/|](\d+|\.))?$")
_BASES = re.compile(r"[ACGTNacgtn]+$")
_IUPAC = re.compile(r"[ACGTUMRWSYKVHDBNacgtumrwsykvhdbn]+$")
_WINDOW = 1 << 20
_REPORT_EVERY = 10_000  # records
Line = tuple[int, str]


class Sequences(Protocol):
    """What records are checked against: store.reference.Reference."""

    contigs: tuple[Contig, ...]

    def alias(
        self, names: Sequence[str], lengths: None = None, md5s: None = None, source: str = ""
    ) -> np.ndarray: ...
    def text(self, contig_index: int, start: int, end: int) -> str: ...


class Row(NamedTuple):
    """One record, parsed but not yet placed."""

    number: int  # line number
    contig: str
    position: int
    alleles: tuple[str, ...]
    quality: float
    genotype: tuple[int, int]
    genotype_quality: float


def read_genotypes(
    path: str | os.PathLike[str], reference: Sequences, sample: str | None = None, passing_only: bool = True,
    progress: Progress | None = None,
) -> Genotypes:  # fmt: skip
    """Read the genotypes of one sample that hold an ALT allele.

    Parameters
    ----------
    path : VCF (plain, gzip, BGZF) or BCF
    reference : names are resolved and REF is checked against it; contigs that it lacks are left out
    sample : its name; None if the file has only one
    passing_only : take only records whose FILTER is PASS or missing
    progress : told of records as they are read

    Raises
    ------
    InputError
        The file is malformed, unsorted, of another reference, or has several samples and none was named.
    NotFoundError
        The file or the sample does not exist.
    """
    path = require_file(path, "VCF file")
    lines = _lines(path)
    column = _sample_column(path, lines, sample)
    records = _watched(_rows(path, lines, column, passing_only), progress or NoProgress())
    rows = [row for row in records if any(row.genotype)]
    return _placed(path, rows, reference)


def _watched(rows: "Iterator[Row]", progress: Progress) -> "Iterator[Row]":
    for number, row in enumerate(rows, start=1):
        yield row
        if number % _REPORT_EVERY == 0:
            progress.advance(_REPORT_EVERY)


def _lines(path: Path) -> Iterator[Line]:
    return _bcf_lines(path) if _is_bcf(path) else text_lines(path, "VCF file")


def _is_bcf(path: Path) -> bool:
    first = np.zeros(3, dtype=np.uint8)
    with ByteSource(path) as source:
        try:
            source.read_into(first)
        except InputError:
            return False  # text_lines will say what is wrong
    return first.tobytes() == b"BCF"


def _bcf_lines(path: Path) -> Iterator[Line]:
    verbosity = pysam.set_verbosity(0)
    try:
        with pysam.VariantFile(str(path)) as handle:
            number = 0
            for number, line in enumerate(str(handle.header).splitlines(), start=1):
                yield number, line
            for record in handle:
                number += 1
                yield number, str(record).rstrip("\n")
    except (OSError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"{path}: cannot be read as BCF ({error}). Check whether the file was cut off."
        ) from error
    finally:
        pysam.set_verbosity(verbosity)


def _sample_column(path: Path, lines: Iterator[Line], sample: str | None) -> int:
    """Read the header; return the column of ``sample``."""
    for number, line in lines:
        if number == 1 and not line.startswith("##fileformat=VCF"):
            raise InputError(f"{path}: starts with {line[:30]!r}; a VCF file starts with ##fileformat=VCF.")
        if line.startswith("#CHROM"):
            return _find_sample(path, line.split("\t"), sample)
        if not line.startswith("##"):
            raise InputError(
                f"{path}, line {number}: {line[:40]!r} stands before the #CHROM line of the header."
            )
    raise InputError(f"{path}: has no #CHROM line; the file is empty, cut off or no VCF.")


def _find_sample(path: Path, columns: list[str], sample: str | None) -> int:
    names = columns[_N_FIXED:]
    if not names:
        raise InputError(f"{path}: has no sample column; genotypes are needed.")
    if sample is None and len(names) > 1:
        raise InputError(
            f"{path}: holds {len(names)} samples ({_first(names)}); name the one to read with --sample "
            "(calls) or --truth-sample (truth)."
        )
    if sample is not None and sample not in names:
        raise NotFoundError(f'{path}: has no sample "{sample}"; it holds {_first(names)}.')
    return _N_FIXED + (names.index(sample) if sample is not None else 0)


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")


def _rows(path: Path, lines: Iterator[Line], column: int, passing_only: bool) -> Iterator[Row]:
    before: tuple[str, int] = ("", 0)
    seen: set[str] = set()
    for number, line in lines:
        if not line:
            continue
        fields = line.split("\t", column + 1)
        where = f"{path}, line {number}"
        if len(fields) <= column:
            raise InputError(
                f"{where}: {len(fields)} columns; {column + 1} or more were expected. The line is cut off, "
                "or its columns are not separated by tabs."
            )
        position = _position(fields[1], where)
        if fields[0] != before[0]:
            if fields[0] in seen:
                raise InputError(f"{where}: contig {fields[0]} comes again; sort the file (bcftools sort).")
            seen.add(fields[0])
        elif position < before[1]:
            raise InputError(
                f"{where}: {fields[0]}:{position} comes after {before[1]}; sort the file (bcftools sort)."
            )
        before = (fields[0], position)
        if passing_only and fields[6] not in ("PASS", "."):
            continue
        yield _row(number, fields, position, column, where)


def _position(text: str, where: str) -> int:
    if not text.isdecimal():
        raise InputError(f"{where}: POS is {text[:20]!r}; a whole number was expected.")
    return int(text)


def _row(number: int, fields: list[str], position: int, column: int, where: str) -> Row:
    ref, alt = fields[3], fields[4]
    if not _IUPAC.match(ref):
        raise InputError(f"{where}: REF is {ref[:20]!r}; bases were expected.")
    alleles = (ref.upper(),) if alt == "." else (ref.upper(), *map(_allele, alt.split(",")))
    if "" in alleles:
        raise InputError(f"{where}: ALT is {alt[:20]!r}; an allele between commas is empty.")
    keys, values = fields[8].split(":"), fields[column].split(":")
    genotype = _genotype(values[keys.index("GT")] if "GT" in keys else ".", len(alleles), where)
    return Row(
        number, fields[0], position, alleles, _number(fields[5], "QUAL", where), _called(genotype, alleles),
        _genotype_quality(keys, values, where),
    )  # fmt: skip


def _allele(text: str) -> str:
    return text.upper() if _BASES.match(text) else text


def _genotype(text: str, n_alleles: int, where: str) -> tuple[int, int]:
    """Indices of both alleles, -1 for missing; a haploid call counts twice, as vcfeval has it."""
    match = _GENOTYPE.match(text)
    if match is None:
        raise InputError(
            f"{where}: GT is {text[:20]!r}; a haploid or diploid genotype such as 0/1 was expected."
        )
    first, second = (-1 if allele in (".", None) else int(allele) for allele in match.groups())
    if match.group(2) is None:
        second = first
    if max(first, second) >= n_alleles:
        raise InputError(
            f"{where}: GT is {text[:20]!r}, but the record has only {n_alleles - 1} ALT alleles."
        )
    return first, second


def _called(genotype: tuple[int, int], alleles: tuple[str, ...]) -> tuple[int, int]:
    """Say REF where the allele is missing or spells no bases (*, <DEL>, a breakend)."""
    first, second = (allele if allele > 0 and _BASES.match(alleles[allele]) else 0 for allele in genotype)
    return first, second


def _genotype_quality(keys: list[str], values: list[str], where: str) -> float:
    if "GQ" not in keys:
        return float("nan")
    i = keys.index("GQ")
    return _number(values[i], "GQ", where) if i < len(values) else float("nan")


def _number(text: str, what: str, where: str) -> float:
    if text == ".":
        return float("nan")
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{where}: {what} is {text[:20]!r}; a number was expected.") from None


def _placed(path: Path, rows: list[Row], reference: Sequences) -> Genotypes:
    """Resolve contigs and check REF."""
    names = list(dict.fromkeys(row.contig for row in rows))
    index = dict(zip(names, reference.alias(names, source=str(path)).tolist(), strict=True)) if names else {}
    rows = [row for row in rows if index[row.contig] >= 0]
    windows = SequenceWindows(reference)
    for row in rows:
        _check_reference(path, row, index[row.contig], reference, windows)
    rows.sort(key=lambda row: (index[row.contig], row.position))
    return genotypes_from(
        [index[row.contig] for row in rows], [row.position for row in rows], [row.alleles for row in rows],
        [row.genotype for row in rows], [row.quality for row in rows], [row.genotype_quality for row in rows],
    )  # fmt: skip


def _check_reference(
    path: Path, row: Row, contig_index: int, reference: Sequences, windows: "SequenceWindows"
) -> None:
    start, end = row.position - 1, row.position - 1 + len(row.alleles[0])
    where = f"{path}, line {row.number}: {row.contig}:{row.position}"
    length = reference.contigs[contig_index].length
    if start < 0 or end > length:
        raise InputError(
            f"{where} lies beyond the contig ({length:,} bp in the reference). Use a file of the same build, "
            "or cut it to the reference's regions."
        )
    ours = windows.text(contig_index, start, end)
    if ours == row.alleles[0]:
        return
    for theirs, base in zip(row.alleles[0], ours, strict=True):
        if theirs != base and theirs in "ACGT" and base in "ACGT":
            raise InputError(
                f"{where} has REF {row.alleles[0][:20]}, the reference has {ours[:20]}. The file is of "
                "another build; use the reference it was made with."
            )


class SequenceWindows:
    """The reference's letters, fetched a million at a time: near spans in a row cost next to nothing."""

    def __init__(self, reference: Sequences) -> None:
        self._reference = reference
        self._contig_index, self._start, self._text = -1, 0, ""

    def text(self, contig_index: int, start: int, end: int) -> str:
        """Letters of a span; what reaches beyond the contig is left out."""
        length = self._reference.contigs[contig_index].length
        start, end = max(start, 0), min(end, length)
        stop = self._start + len(self._text)
        if contig_index != self._contig_index or start < self._start or end > stop:
            first = max(0, start - _WINDOW // 8)
            last = min(length, max(start + _WINDOW, end))
            self._contig_index, self._start = contig_index, first
            self._text = self._reference.text(contig_index, first, last)
        return self._text[start - self._start : end - self._start]


def genotypes_from(
    contig_index: Sequence[int], position: Sequence[int], alleles: list[tuple[str, ...]],
    genotype: Sequence[tuple[int, int]], quality: Sequence[float], genotype_quality: Sequence[float],
) -> Genotypes:  # fmt: skip
    """Make a ``Genotypes`` of columns given as lists."""
    return Genotypes(
        np.array(contig_index, dtype=np.int32),
        np.array(position, dtype=np.int64),
        alleles,
        np.array(genotype, dtype=np.int16).reshape(-1, 2),
        np.array(quality, dtype=np.float64),
        np.array(genotype_quality, dtype=np.float64),
    )


class Allele(NamedTuple):
    """One ALT of a site, left-aligned and as short as VCF spells it.

    contig_index; start : 0-based bp of the first base of REF; ref, alt : upper-case bases
    """

    contig_index: int
    start: int
    ref: str
    alt: str


def read_alleles(
    path: str | os.PathLike[str], reference: Sequences, longest: int
) -> tuple[list[Allele], int]:
    """Read the alleles of a VCF, with or without samples, in any order.

    Parameters
    ----------
    path : VCF (plain, gzip, BGZF) or BCF
    reference : names are resolved and REF is checked against it
    longest : alleles of more bp in REF or ALT are left out

    Returns
    -------
    alleles : sorted, each once
    n_left_out : ALTs that spell no bases (``<DEL>``, ``*``), are too long, or of contigs that are not there

    Raises
    ------
    InputError
        The file is malformed, of another reference, or holds no allele.
    NotFoundError
        The file does not exist.
    """
    path = require_file(path, "VCF file")
    lines = _lines(path)
    _skip_header(path, lines)
    rows = [_site(number, line.split("\t"), path) for number, line in lines if line]
    names = list(dict.fromkeys(row.contig for row in rows))
    index = dict(zip(names, reference.alias(names, source=str(path)).tolist(), strict=True)) if names else {}
    windows, found, n_alts = SequenceWindows(reference), set(), 0
    for row in sorted(rows, key=lambda row: (index[row.contig], row.position)):
        n_alts += len(row.alleles) - 1
        if index[row.contig] < 0:
            continue
        _check_reference(path, row, index[row.contig], reference, windows)
        for alt in row.alleles[1:]:
            if set(row.alleles[0] + alt) <= set("ACGT") and max(len(row.alleles[0]), len(alt)) <= longest:
                found.add(
                    left_aligned(Allele(index[row.contig], row.position - 1, row.alleles[0], alt), windows)
                )
                n_alts -= 1
    if not found:
        raise InputError(
            f"{path}: holds no allele of at most {longest} bp on a contig of the reference. Give a VCF "
            "whose ALT column spells bases."
        )
    return sorted(found), n_alts


def _skip_header(path: Path, lines: Iterator[Line]) -> None:
    for number, line in lines:
        if number == 1 and not line.startswith("##fileformat=VCF"):
            raise InputError(f"{path}: starts with {line[:30]!r}; a VCF file starts with ##fileformat=VCF.")
        if line.startswith("#CHROM"):
            return
        if not line.startswith("##"):
            raise InputError(
                f"{path}, line {number}: {line[:40]!r} stands before the #CHROM line of the header."
            )
    raise InputError(f"{path}: has no #CHROM line; the file is empty, cut off or no VCF.")


def _site(number: int, fields: list[str], path: Path) -> Row:
    where = f"{path}, line {number}"
    if len(fields) < 5:
        raise InputError(f"{where}: {len(fields)} columns; CHROM, POS, ID, REF and ALT were expected.")
    position, ref, alt = _position(fields[1], where), fields[3], fields[4]
    if not _IUPAC.match(ref):
        raise InputError(f"{where}: REF is {ref[:20]!r}; bases were expected.")
    alleles = (ref.upper(),) if alt == "." else (ref.upper(), *map(_allele, alt.split(",")))
    return Row(number, fields[0], position, alleles, float("nan"), (0, 0), float("nan"))


def left_aligned(allele: Allele, windows: "SequenceWindows") -> Allele:
    """Move an allele left as far as it spells the same, and trim what REF and ALT share (Tan et al. 2015)."""
    contig_index, start, ref, alt = allele
    if ref == alt:
        return allele
    while ref[-1] == alt[-1] and (start > 0 or min(len(ref), len(alt)) > 1):
        ref, alt = ref[:-1], alt[:-1]
        if not ref or not alt:
            start -= 1
            base = windows.text(contig_index, start, start + 1)
            ref, alt = base + ref, base + alt
    while min(len(ref), len(alt)) > 1 and ref[0] == alt[0]:
        start, ref, alt = start + 1, ref[1:], alt[1:]
    return Allele(contig_index, start, ref, alt)

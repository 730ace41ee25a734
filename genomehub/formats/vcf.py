"""Variant store to VCF and gVCF text, compressed and indexed. VCF is an export: the store is the result.

Columns are turned into text a batch at a time, as vcztools does from the same store: keys in ASCII order, a
key left out of a record where its value is missing, floats without trailing zeros. The header holds neither
date nor path, so the same store gives the same bytes. Reading VCF is the business of vcf_reader.py.
"""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pysam

from genomehub.files import atomic_output
from genomehub.formats.bgzf import BgzfWriter
from genomehub.store import parts
from genomehub.store.schema import BLOCK_ARRAYS, CALL_ARRAYS, VARIANT_ARRAYS, ArraySpec
from genomehub.types import FLOAT32_MISSING, INT_FILL, INT_MISSING, STRING_FILL, Contig, is_fill, is_missing

_ROWS_PER_BATCH = 1 << 16
_LEVEL = 3  # ISA-L: a third less time than zlib's 6 for the whole export, 13 % more bytes
#: tabix addresses 2^29 bp; longer contigs need the CSI index.
_TABIX_LIMIT = 1 << 29
FIXED_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
_BASES = np.array(["A", "C", "G", "T", "N", "N"])

INFO_ARRAYS = sorted(
    (spec for spec in VARIANT_ARRAYS if spec.vcf.startswith("INFO/")), key=lambda spec: spec.vcf
)
FORMAT_ARRAYS = sorted((spec for spec in CALL_ARRAYS if spec.type == "Integer"), key=lambda spec: spec.vcf)
#: What GATK combines MQ of many samples from; gVCF only.
_RAW_MQ = ArraySpec(
    "variant_RAW_MQandDP", ("variants", "2"), "int32", "", "-1",
    "Sum of the reads' squared mapping qualities, and their number", "INFO/RAW_MQandDP", "2", "Integer",
)  # fmt: skip
_GVCF_INFO_ARRAYS = sorted([*INFO_ARRAYS, _RAW_MQ], key=lambda spec: spec.vcf)
#: Names of the allele that stands for all that a record does not name: GATK's and bcftools'.
NONREF_ALLELES = ("NON_REF", "*")
_MISSING = {"i": INT_MISSING, "f": FLOAT32_MISSING}
_BLOCK_FORMAT = [spec for spec in BLOCK_ARRAYS if spec.vcf.startswith("FORMAT/")]

Arrays = dict[str, np.ndarray]
Line = tuple[tuple[int, int], str]


class Store(Protocol):
    """What is exported: store.variants.VariantStore."""

    contigs: tuple[Contig, ...]
    samples: tuple[str, ...]
    filters: dict[str, str]

    @property
    def attributes(self) -> dict[str, Any]: ...
    def variant_batches(self, *, rows: int) -> Iterator[Arrays]: ...
    def block_batches(self, *, rows: int) -> Iterator[Arrays]: ...


class Sequences(Protocol):
    """Where the bases of the reference come from: store.reference.Reference."""

    def sequence(self, contig_index: int, start: int, end: int) -> np.ndarray: ...


def write_vcf(store: Store, path: str | os.PathLike[str]) -> None:
    """Write the calls of ``store`` as VCF 4.3.

    Parameters
    ----------
    store : a variant store of one sample
    path : ends in .gz: BGZF with a tabix index beside it (.tbi, or .csi where a contig exceeds 2^29 bp); else
        plain text

    Examples
    --------
    >>> write_vcf(VariantStore.open("NA12878.vcz"), "NA12878.vcf.gz")  # doctest: +SKIP
    """
    write_records(path, store.contigs, header_lines(store), _variant_lines(store))


def write_gvcf(
    store: Store, reference: Sequences, path: str | os.PathLike[str], nonref: str = NONREF_ALLELES[0]
) -> None:
    """Write calls and reference blocks of ``store``, merged in order, as gVCF (VCF 4.3, section 5.5).

    A block is a record with the one ALT ``<nonref>``, its last base in INFO/END, and FORMAT
    GT:DP:GQ:MIN_DP:PL. Calls have ``<nonref>`` as their last ALT: AD 0, and PL of the genotypes that hold it.
    ``reference`` gives the REF base of each block, ``nonref`` is one of NONREF_ALLELES.
    """
    lines = _merged(_variant_lines(store, nonref), _block_lines(store, reference, nonref))
    write_records(path, store.contigs, header_lines(store, nonref), lines)


def header_lines(store: Store, nonref: str = "") -> list[str]:
    """Return the lines of the header, to ``#CHROM``; those of a gVCF if ``nonref`` is given."""
    attributes = store.attributes
    lines = ["##fileformat=VCFv4.3", f"##source={attributes['source']}"]
    lines += [f"##{key}={value}" for key, value in attributes.get("vcf_meta_information", [])]
    if nonref:
        lines.append(f'##ALT=<ID={nonref},Description="Any allele that the record does not name">')
        lines += _band_lines(attributes)
    lines += [
        f"##FILTER=<ID={name},Description={_quoted(meaning)}>" for name, meaning in store.filters.items()
    ]
    lines += [_field_line("INFO", spec) for spec in (_GVCF_INFO_ARRAYS if nonref else INFO_ARRAYS)]
    if nonref:
        lines.append('##INFO=<ID=END,Number=1,Type=Integer,Description="Last base of the reference block">')
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    lines += [_field_line("FORMAT", spec) for spec in FORMAT_ARRAYS]
    if nonref:
        lines += [_field_line("FORMAT", spec) for spec in _BLOCK_FORMAT if spec.name == "block_MIN_DP"]
    lines += [contig_line(contig) for contig in store.contigs]
    return [*lines, "\t".join([*FIXED_COLUMNS, *store.samples])]


def _band_lines(attributes: dict[str, Any]) -> list[str]:
    """The bands of reference blocks as GATK writes them, if the store says which they are."""
    bands = attributes.get("provenance", {}).get("call_config", {}).get("block_bands", [])
    return [
        f"##GVCFBlock{low}-{high}=minGQ={low}(inclusive),maxGQ={high}(exclusive)"
        for low, high in itertools.pairwise([*bands, 100])
    ]


def _field_line(kind: str, spec: ArraySpec) -> str:
    key = spec.vcf.split("/")[1]
    return f"##{kind}=<ID={key},Number={spec.number},Type={spec.type},Description={_quoted(spec.meaning)}>"


def contig_line(contig: Contig) -> str:
    """Return the header line of a contig."""
    md5 = f",md5={contig.md5}" if contig.md5 else ""
    return f"##contig=<ID={contig.name},length={contig.length}{md5}>"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def write_records(
    path: str | os.PathLike[str], contigs: Sequence[Contig], header: list[str], lines: Iterable[Line]
) -> None:
    """Write header and sorted records ((contig, POS), line); compress and index if ``path`` ends in .gz."""
    path = Path(path)
    if path.suffix != ".gz":
        with atomic_output(path) as temporary, temporary.open("w", newline="\n") as out:
            _write_text(out.write, header, lines)
        return
    long = any(contig.length > _TABIX_LIMIT for contig in contigs)
    index = path.with_name(path.name + (".csi" if long else ".tbi"))
    # The file is published before its index: htslib warns of an index older than its file.
    with atomic_output(index) as temporary_index, atomic_output(path) as temporary:
        with BgzfWriter(temporary, _LEVEL) as out:
            _write_text(lambda text: out.write(text.encode()), header, lines)
        pysam.tabix_index(
            str(temporary), preset="vcf", force=True, keep_original=True, csi=long, index=str(temporary_index)
        )


def _write_text(write: Callable[[str], Any], header: list[str], lines: Iterable[Line]) -> None:
    write("\n".join(header) + "\n")
    waiting: list[str] = []
    for _, line in lines:
        waiting.append(line)
        if len(waiting) >= _ROWS_PER_BATCH:
            write("\n".join(waiting) + "\n")
            waiting.clear()
    if waiting:
        write("\n".join(waiting) + "\n")


def _merged(variants: Iterator[Line], blocks: Iterator[Line]) -> Iterator[Line]:
    """Merge two sorted streams; a block stands before a variant that starts at the same base."""
    with contextlib.closing(variants), contextlib.closing(blocks):  # type: ignore[type-var]
        variant, block = next(variants, None), next(blocks, None)
        while variant is not None or block is not None:
            if variant is None or (block is not None and block[0] <= variant[0]):
                assert block is not None
                yield block
                block = next(blocks, None)
            else:
                yield variant
                variant = next(variants, None)


def _variant_lines(store: Store, nonref: str = "") -> Iterator[Line]:
    contig_names = [contig.name for contig in store.contigs]
    filter_names = list(store.filters)
    info_arrays = _GVCF_INFO_ARRAYS if nonref else INFO_ARRAYS
    for rows in store.variant_batches(rows=_ROWS_PER_BATCH):
        rows = _with_nonref(rows, nonref) if nonref else rows
        contigs, positions = rows["variant_contig"].tolist(), rows["variant_position"].tolist()
        columns = zip(
            contigs, positions, rows["variant_id"].tolist(), rows["variant_allele"].tolist(),
            _floats(rows["variant_quality"]), _filters(rows["variant_filter"], filter_names),
            _infos(rows, info_arrays), _calls(rows), strict=True,
        )  # fmt: skip
        for contig, position, name, (ref, *alts), quality, filters, info, (keys, call) in columns:
            alt = alts[0] if len(alts) == 1 else ",".join(filter(None, alts))
            site = f"{contig_names[contig]}\t{position}\t{name}\t{ref}\t{alt}\t{quality or '.'}"
            yield (contig, position), f"{site}\t{filters}\t{info}\t{keys}\t{call}"


def _with_nonref(rows: Arrays, nonref: str) -> Arrays:
    """Add the unnamed allele to every row: the last ALT, seen in no read, with the PL of its genotypes."""
    rows = dict(rows)
    for spec in (*VARIANT_ARRAYS, *CALL_ARRAYS):
        values = rows[spec.name]
        if spec.dims[-1] in ("alleles", "alt_alleles") and spec.dtype != "string":
            unseen = np.zeros_like(values[..., :1])
            absent = is_missing(values[..., :1]) if spec.name != "variant_RPA" else np.True_
            unseen[...] = np.where(absent, _MISSING[values.dtype.kind], unseen)
            rows[spec.name] = _appended(values, unseen)
    names = np.full((len(rows["variant_allele"]), 1), f"<{nonref}>", dtype=rows["variant_allele"].dtype)
    rows["variant_allele"] = _appended(rows["variant_allele"], names)
    rows["call_PL"] = _appended(rows["call_PL"], rows["nonref_PL"])
    quality, depth = rows["variant_MQ"].astype(np.float64), rows["variant_DP"].astype(np.int64)
    known = (quality == quality) & (depth >= 0)
    square = np.rint(np.where(known, quality, 0) ** 2 * depth).astype(np.int64)
    rows["variant_RAW_MQandDP"] = np.where(known[:, None], np.stack([square, depth], axis=1), INT_MISSING)
    return rows


def _appended(values: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Put rows of ``more`` behind the last elements of ragged ``values``; types of ``values``, or wider."""
    out = parts.pad_last(values.astype(np.result_type(values, more)), values.shape[-1] + more.shape[-1])
    length = values.shape[-1] - is_fill(values).sum(axis=-1, keepdims=True)
    np.put_along_axis(out, length + np.arange(more.shape[-1]), more.astype(out.dtype), axis=-1)
    return out


def _infos(rows: Arrays, specs: list[ArraySpec]) -> Iterator[str]:
    columns = [_tagged(spec, rows[spec.name]) for spec in specs]
    return (";".join(filter(None, values)) or "." for values in zip(*columns, strict=True))


def _tagged(spec: ArraySpec, values: np.ndarray) -> list[str]:
    tag = spec.vcf.split("/")[1]
    if values.dtype.kind == "b":
        return [tag if value else "" for value in values.tolist()]
    tag += "="
    return [tag + text if text else "" for text in _texts(values)]


def _calls(rows: Arrays) -> Iterator[tuple[str, str]]:
    """FORMAT keys and the values of the one sample; keys without a value are left out."""
    genotypes = _genotypes(rows["call_genotype"][:, 0], rows["call_genotype_phased"][:, 0])
    columns = [genotypes, *(_texts(rows[spec.name][:, 0]) for spec in FORMAT_ARRAYS)]
    names = ["GT", *(spec.vcf.split("/")[1] for spec in FORMAT_ARRAYS)]
    all_names = ":".join(names)
    for values in zip(*columns, strict=True):
        if all(values):
            yield all_names, ":".join(values)
        else:
            present = [(name, value) for name, value in zip(names, values, strict=True) if value]
            yield ":".join(name for name, _ in present), ":".join(value for _, value in present)


def _genotypes(genotypes: np.ndarray, phased: np.ndarray) -> list[str]:
    """GT of each row: (n, ploidy) allele indices, fill behind those of a call of lower ploidy."""
    texts = []
    for alleles, is_phased in zip(genotypes.tolist(), phased.tolist(), strict=True):
        names = ["." if allele < 0 else str(allele) for allele in alleles if allele != INT_FILL]
        texts.append(("|" if is_phased else "/").join(names))
    return texts


def _texts(values: np.ndarray) -> list[str]:
    """Text of each row of a scalar or ragged column, "" where every element is missing."""
    if values.dtype.kind == "T":
        return np.where(is_missing(values), STRING_FILL, values).tolist()
    if values.ndim == 1:
        return _floats(values) if values.dtype.kind == "f" else _integers(values)
    if values.dtype.kind != "f" and values.min(initial=0) >= 0:  # no ragged row: half the time
        template = ",".join(["%d"] * values.shape[1])
        return [template % tuple(row) for row in values.tolist()]
    flat = _floats(values.ravel()) if values.dtype.kind == "f" else _integers(values.ravel())
    width = values.shape[1]
    ends = (width - is_fill(values).sum(axis=1)).tolist()
    rows = (flat[i * width : i * width + end] for i, end in enumerate(ends))
    return [",".join([text or "." for text in row]) if any(row) else "" for row in rows]


def _integers(values: np.ndarray) -> list[str]:
    return [str(value) if value >= 0 else "" for value in values.tolist()]


def _floats(values: np.ndarray) -> list[str]:
    """Text with at most three places and no trailing zeros; "" for missing. The store has rounded them."""
    with np.errstate(invalid="ignore"):  # the sentinels are signalling NaNs
        numbers = np.round(values.astype(np.float64), 3) + 0.0  # + 0.0: no negative zero
    return ["%.15g" % value if value == value else "" for value in numbers.tolist()]  # noqa: UP031 - twice as fast


def _filters(flags: np.ndarray, names: list[str]) -> list[str]:
    if flags.shape[1] == 0:
        return ["."] * len(flags)
    combinations, which = np.unique(flags, axis=0, return_inverse=True)
    texts = [
        ";".join(name for name, on in zip(names, row, strict=True) if on) or "."
        for row in combinations.tolist()
    ]
    return [texts[i] for i in which.ravel().tolist()]


def _block_lines(store: Store, reference: Sequences, nonref: str) -> Iterator[Line]:
    contig_names = [contig.name for contig in store.contigs]
    specs = sorted(_BLOCK_FORMAT, key=lambda spec: spec.vcf)
    keys = ":".join(["GT", *(spec.vcf.split("/")[1] for spec in specs)])
    for rows in store.block_batches(rows=_ROWS_PER_BATCH):
        contigs, starts, ends = (rows[f"block_{key}"].tolist() for key in ("contig", "start", "end"))
        values = [[text or "." for text in _texts(rows[spec.name])] for spec in specs]
        first_bases = _first_bases(rows, reference)
        ploidies = (~is_fill(rows["block_PL"])).sum(axis=1) - 1
        genotypes = ["/".join("0" * ploidy) for ploidy in ploidies.tolist()]
        for contig, start, end, base, genotype, *call in zip(
            contigs, starts, ends, first_bases, genotypes, *values, strict=True
        ):
            site = f"{contig_names[contig]}\t{start + 1}\t.\t{base}\t<{nonref}>\t.\t."
            yield (contig, start + 1), f"{site}\tEND={end}\t{keys}\t{genotype}:{':'.join(call)}"


def _first_bases(rows: Arrays, reference: Sequences) -> list[str]:
    contigs, starts = rows["block_contig"], rows["block_start"].astype(np.int64)
    bases = np.empty(len(starts), dtype=_BASES.dtype)
    for contig in np.unique(contigs).tolist():
        mine = contigs == contig
        first, last = int(starts[mine][0]), int(starts[mine][-1])
        codes = reference.sequence(contig, first, last + 1)
        bases[mine] = _BASES[codes[starts[mine] - first]]
    return bases.tolist()

"""Calls and truth from files, compared, scored, and reported as a table, JSON and an annotated VCF.

The comparison itself is quality/compare.py's, the counting quality/scores.py's.
"""

import json
import logging
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genomehub import __version__
from genomehub.config import EvaluateConfig
from genomehub.errors import InputError, NotFoundError
from genomehub.files import atomic_output, require_writable_parent
from genomehub.formats.bed import read_bed
from genomehub.formats.vcf import FIXED_COLUMNS, Line, contig_line, write_records
from genomehub.formats.vcf_reader import SequenceWindows, genotypes_from, read_genotypes
from genomehub.quality.compare import Comparison, Kind, compare
from genomehub.quality.scores import ROWS, Counted, count, inside, roc_table, score_table
from genomehub.store.reference import Reference
from genomehub.store.variants import VariantStore
from genomehub.types import Genotypes, Interval, NoProgress, Progress

_log = logging.getLogger("genomehub.evaluate")
_PATH = str | os.PathLike[str]
_REPORT_VERSION = 1
_STORE_ARRAYS = ("variant_contig", "variant_position", "variant_allele", "variant_quality", "variant_filter",
                 "call_genotype", "call_GQ")  # fmt: skip
#: What a variant counts as, on either side, in the annotated VCF; N: outside the confident regions.
_DECISIONS = ("N", "TP", "FN", "FP")


def evaluate(
    reference_path: _PATH, truth: _PATH, calls: _PATH, *, confident: _PATH | None = None,
    strata: Mapping[str, _PATH] | None = None, sample: str | None = None, truth_sample: str | None = None,
    passing_only: bool = True, output_json: _PATH | None = None, output_vcf: _PATH | None = None,
    config: EvaluateConfig | None = None, progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Score calls against truth; return the report (docs/evaluation.md describes each field).

    Parameters
    ----------
    reference_path : reference directory
    truth, calls : VCF, BCF, or a variant store of ours (.vcz)
    confident : BED of the regions where the truth is complete; None: everywhere
    strata : name -> BED; scores are repeated for what lies in each
    sample, truth_sample : which sample to read where a file has several
    passing_only : leave out records whose FILTER is neither PASS nor missing
    output_json, output_vcf : where to write the report and the annotated variants

    Raises
    ------
    InputError
        A file is missing, malformed, unsorted, or of another reference.
    """
    config, progress = config or EvaluateConfig(), progress or NoProgress()
    for path in (output_json, output_vcf):
        if path is not None:
            require_writable_parent(path)
    reference = Reference.open(reference_path)
    regions = read_bed(confident, reference) if confident is not None else _everything(reference)
    layers = {name: read_bed(path, reference) for name, path in (strata or {}).items()}
    progress.start("compare", 3, "steps")
    true = load_genotypes(truth, reference, truth_sample, passing_only)
    progress.advance(1)
    called = load_genotypes(calls, reference, sample, passing_only)
    progress.advance(1)
    comparison = compare(true, called, SequenceWindows(reference).text, config)
    progress.advance(1)
    if comparison.n_inexact:
        _log.warning(
            "%d clusters were too dense to be searched in full; their counts are a lower bound of matches",
            comparison.n_inexact,
        )
    inside_regions = (inside(comparison.truth, regions), inside(comparison.calls, regions))
    counted = count(comparison, *inside_regions)
    report = _report(reference, true, called, comparison, counted, regions, passing_only, config)
    report["strata"] = {
        name: _scores(comparison, count(comparison, *_both(inside_regions, comparison, intervals)))
        for name, intervals in layers.items()
    }
    progress.finish()
    if output_json is not None:
        with atomic_output(output_json) as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if output_vcf is not None:
        lines = _annotated_lines(reference, true, called, counted)
        write_records(output_vcf, reference.contigs, _annotated_header(reference), lines)
    return report


def _everything(reference: Reference) -> list[Interval]:
    return [Interval(i, 0, contig.length) for i, contig in enumerate(reference.contigs)]


def _both(
    masks: tuple[np.ndarray, np.ndarray], comparison: Comparison, intervals: list[Interval]
) -> tuple[np.ndarray, np.ndarray]:
    return masks[0] & inside(comparison.truth, intervals), masks[1] & inside(comparison.calls, intervals)


def _scores(comparison: Comparison, counted: Counted) -> dict[str, Any]:
    return {name.lower(): row for name, row in score_table(comparison, counted).items()}


def _report(
    reference: Reference, true: Genotypes, called: Genotypes, comparison: Comparison, counted: Counted,
    regions: list[Interval], passing_only: bool, config: EvaluateConfig,
) -> dict[str, Any]:  # fmt: skip
    qualities = {"QUAL": called.quality, "GQ": called.genotype_quality}
    roc = {
        name.lower(): {
            field: roc_table(comparison, counted, values, kinds, config.roc_points)
            for field, values in qualities.items()
            if not np.isnan(values).all()
        }
        for name, kinds in ROWS.items()
    }
    return {
        "report_version": _REPORT_VERSION,
        "genomehub_version": __version__,
        "reference_digest": reference.digest,
        "n_truth": len(true.position),
        "n_calls": len(called.position),
        "passing_only": passing_only,
        "confident_bp": sum(interval.end - interval.start for interval in regions),
        "n_inexact_clusters": comparison.n_inexact,
        **_scores(comparison, counted),
        "strata": {},
        "roc": roc,
    }


def load_genotypes(
    path: _PATH, reference: Reference, sample: str | None, passing_only: bool = True
) -> Genotypes:
    """Read one sample's genotypes from VCF, BCF or a variant store."""
    if Path(path).is_dir():
        return _from_store(VariantStore.open(path), reference, sample, passing_only)
    return read_genotypes(path, reference, sample, passing_only)


def _from_store(
    store: VariantStore, reference: Reference, sample: str | None, passing_only: bool
) -> Genotypes:
    if store.reference_digest != reference.digest:
        raise InputError(
            f"{store.path}: was called against reference {store.reference_digest}, but {reference.path} is "
            f"{reference.digest}. Use the reference it was called with."
        )
    if sample is not None and sample not in store.samples:
        raise NotFoundError(f'{store.path}: has no sample "{sample}"; it holds {", ".join(store.samples)}.')
    column = store.samples.index(sample) if sample is not None else 0
    columns: list[list[Any]] = [[] for _ in range(6)]
    if (ploidy := store.array("call_genotype").shape[2]) > 2:
        raise InputError(
            f"{store.path}: holds calls of ploidy {ploidy}, as of pools; haploid and diploid calls can be "
            "scored. Compare the pool's allele counts with the truth's by other means."
        )
    for rows in store.variant_batches(_STORE_ARRAYS):
        genotype = np.maximum(rows["call_genotype"][:, column], 0)
        haploid = rows["call_genotype"][:, column, 1] == -2
        genotype[haploid, 1] = genotype[haploid, 0]
        chosen = (genotype > 0).any(axis=1)
        if passing_only:
            filters = rows["variant_filter"]
            chosen &= filters[:, 0] | ~filters.any(axis=1)
        quality = np.where(rows["call_GQ"][:, column] < 0, np.nan, rows["call_GQ"][:, column])
        alleles = [tuple(filter(None, row)) for row in rows["variant_allele"][chosen].tolist()]
        with np.errstate(invalid="ignore"):  # the sentinels are signalling NaNs
            site_quality = rows["variant_quality"][chosen].astype(np.float64)
        parts = (rows["variant_contig"][chosen].tolist(), rows["variant_position"][chosen].tolist(), alleles,
                 genotype[chosen].tolist(), site_quality.tolist(), quality[chosen].tolist())  # fmt: skip
        for column_so_far, part in zip(columns, parts, strict=True):
            column_so_far.extend(part)
    return genotypes_from(*columns)


def table_lines(report: dict[str, Any]) -> list[str]:
    """Return the report's scores as lines of a table for people."""
    heads = ("", "TP truth", "TP calls", "FP", "FN", "genotype", "precision", "recall", "F1")
    lines = [_row(heads)]
    for title, scores in [("", report), *report["strata"].items()]:
        if title:
            lines.append(f"{title}:")
        for kind in ROWS:
            row = scores[kind.lower()]
            counts = [row[key] for key in ("tp_truth", "tp_calls", "fp", "fn")]
            if kind == Kind.MNP.name and not any(counts):
                continue
            shares = (_share(row[key]) for key in ("precision", "recall", "f1"))
            label = "indel" if kind == Kind.INDEL.name else kind
            lines.append(_row((label, *counts, row["genotype_mismatches"], *shares)))
    return lines


def _row(cells: tuple[Any, ...]) -> str:
    first, *rest = cells
    return f"{first:<8}" + "".join(f"{cell:>10}" for cell in rest)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _annotated_header(reference: Reference) -> list[str]:
    return [
        "##fileformat=VCFv4.3",
        f"##source=genomehub-{__version__}",
        f"##genomehub_reference={reference.digest}",
        '##FILTER=<ID=PASS,Description="All filters passed">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=BD,Number=1,Type=String,Description="Decision: TP, FP, FN, or N: not counted">',
        '##FORMAT=<ID=QQ,Number=1,Type=Float,Description="QUAL of the call">',
        *map(contig_line, reference.contigs),
        "\t".join([*FIXED_COLUMNS, "TRUTH", "QUERY"]),
    ]


def _annotated_lines(
    reference: Reference, true: Genotypes, called: Genotypes, counted: Counted
) -> Iterator[Line]:
    """One line per site and alleles; truth and call stand side by side where they say the same alleles."""
    decisions = (
        counted.truth_found + 2 * counted.truth_missed,
        counted.calls_found + 3 * counted.calls_false,
    )
    sites: dict[tuple[Any, ...], list[str]] = {}
    for side, (genotypes, decision) in enumerate(zip((true, called), decisions, strict=True)):
        seen: dict[tuple[Any, ...], int] = {}
        for i, alleles in enumerate(genotypes.alleles):
            site = (int(genotypes.contig_index[i]), int(genotypes.position[i]), alleles)
            seen[site] = seen.get(site, -1) + 1  # the same record twice keeps its own line
            columns = sites.setdefault((*site, seen[site]), ["./.:.:.", "./.:.:."])
            first, second = genotypes.genotype[i]
            quality = genotypes.quality[i] if side else math.nan
            shown = "." if math.isnan(quality) else f"{quality:g}"
            columns[side] = f"{first}/{second}:{_DECISIONS[int(decision[i])]}:{shown}"
    for contig_index, position, alleles, twin in sorted(sites):
        name = reference.contigs[contig_index].name
        ref, *alts = alleles
        columns = sites[contig_index, position, alleles, twin]
        fixed = (name, position, ".", ref, ",".join(alts), ".", ".", ".", "GT:BD:QQ", *columns)
        yield (contig_index, position), "\t".join(map(str, fixed))

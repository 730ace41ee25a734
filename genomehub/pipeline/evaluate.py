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

import matplotlib
import numpy as np

from genomehub import __version__
from genomehub.config import EvaluateConfig
from genomehub.errors import ConfigError, InputError, NotFoundError
from genomehub.files import atomic_output, require_writable_parent
from genomehub.formats.bed import read_bed
from genomehub.formats.vcf import FIXED_COLUMNS, Line, contig_line, write_records
from genomehub.formats.vcf_reader import SequenceWindows, genotypes_from, read_genotypes
from genomehub.quality.compare import Comparison, Kind, compare
from genomehub.quality.roc_plot import FORMATS, draw_roc
from genomehub.quality.scores import ROWS, Counted, class_table, count, inside, roc_table, score_table
from genomehub.quality.strata import GENOTYPES, REPEATS, SIZES, TRACTS, Classes, ReferenceCodes, classify
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
    output_plot: _PATH | None = None,
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
    output_plot : where to draw missed against false variants by QUAL and GQ (.png, .svg or .pdf)

    Raises
    ------
    ConfigError
        The plot's name ends in something else.
    InputError
        A file is missing, malformed, unsorted, or of another reference.
    """
    config, progress = config or EvaluateConfig(), progress or NoProgress()
    _check_format(output_plot)
    for path in (output_json, output_vcf, output_plot):
        if path is not None:
            require_writable_parent(path)
    reference = Reference.open(reference_path)
    regions = read_bed(confident, reference) if confident is not None else _everything(reference)
    layers = {name: read_bed(path, reference) for name, path in (strata or {}).items()}
    true = load_genotypes(truth, reference, truth_sample, passing_only, progress)
    called = load_genotypes(calls, reference, sample, passing_only, progress)
    comparison = compare(true, called, SequenceWindows(reference).text, config, progress)
    if comparison.n_inexact:
        _log.warning(
            "%d clusters were too dense to be searched in full; their counts are a lower bound of matches",
            comparison.n_inexact,
        )
    inside_regions = (inside(comparison.truth, regions), inside(comparison.calls, regions))
    counted = count(comparison, *inside_regions)
    progress.start("score", 1 + len(layers), "regions")
    classes = tuple(classify(side, _codes(reference)) for side in (comparison.truth, comparison.calls))
    report = _report(reference, true, called, comparison, counted, classes, regions, passing_only, config)
    progress.advance(1)
    for name, intervals in layers.items():
        within = count(comparison, *_both(inside_regions, comparison, intervals))
        report["strata"][name] = _scores(comparison, within, classes)
        progress.advance(1)
    progress.finish()
    if output_json is not None:
        with atomic_output(output_json) as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if output_vcf is not None:
        lines = _annotated_lines(reference, true, called, counted)
        write_records(output_vcf, reference.contigs, _annotated_header(reference), lines)
    if output_plot is not None:
        _plot(report, f"{Path(calls).name} against {Path(truth).name}", Path(output_plot))
    return report


def _check_format(path: _PATH | None) -> None:
    if path is not None and Path(path).suffix[1:] not in FORMATS:
        raise ConfigError(
            f"{path}: the plot cannot be written in this format; name it .{', .'.join(FORMATS[:-1])} or "
            f".{FORMATS[-1]}."
        )


def _plot(report: dict[str, Any], title: str, path: Path) -> None:
    figure = draw_roc(report, title)
    with atomic_output(path) as temporary:
        # Without dates, the same report gives the same bytes.
        dates = {"svg": "Date", "pdf": "CreationDate"}
        with matplotlib.rc_context({"svg.hashsalt": title}):
            figure.savefig(
                temporary, format=path.suffix[1:], dpi=120,
                metadata={dates[path.suffix[1:]]: None} if path.suffix[1:] in dates else None,
            )  # fmt: skip


def _everything(reference: Reference) -> list[Interval]:
    return [Interval(i, 0, contig.length) for i, contig in enumerate(reference.contigs)]


def _both(
    masks: tuple[np.ndarray, np.ndarray], comparison: Comparison, intervals: list[Interval]
) -> tuple[np.ndarray, np.ndarray]:
    return masks[0] & inside(comparison.truth, intervals), masks[1] & inside(comparison.calls, intervals)


def _codes(reference: Reference) -> ReferenceCodes:
    def codes(contig_index: int, start: int, end: int) -> np.ndarray:
        return reference.sequence(contig_index, start, min(end, reference.contigs[contig_index].length))

    return codes


def _scores(comparison: Comparison, counted: Counted, classes: tuple[Classes, ...]) -> dict[str, Any]:
    kinds = {name.lower(): row for name, row in score_table(comparison, counted).items()}
    return {**kinds, "classes": class_table(comparison, counted, *classes)}


def _report(
    reference: Reference, true: Genotypes, called: Genotypes, comparison: Comparison, counted: Counted,
    classes: tuple[Classes, ...], regions: list[Interval], passing_only: bool, config: EvaluateConfig,
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
        **_scores(comparison, counted, classes),
        "strata": {},
        "roc": roc,
    }


def load_genotypes(
    path: _PATH, reference: Reference, sample: str | None, passing_only: bool = True,
    progress: Progress | None = None,
) -> Genotypes:  # fmt: skip
    """Read one sample's genotypes from VCF, BCF or a variant store."""
    progress = progress or NoProgress()
    progress.start(f"read {Path(path).name}", None, "records")
    if Path(path).is_dir():
        genotypes = _from_store(VariantStore.open(path), reference, sample, passing_only, progress)
    else:
        genotypes = read_genotypes(path, reference, sample, passing_only, progress)
    progress.finish()
    return genotypes


def _from_store(
    store: VariantStore, reference: Reference, sample: str | None, passing_only: bool, progress: Progress
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
        progress.advance(len(genotype))
    return genotypes_from(*columns)


def table_lines(report: dict[str, Any], with_classes: bool = False) -> list[str]:
    """Return the report's scores as lines of a table for people; ``with_classes``: each class too."""
    lines = [_row(_HEADS)]
    for title, scores in [("", report), *report["strata"].items()]:
        if title:
            lines.append(f"{title}:")
        for kind in ROWS:
            row = scores[kind.lower()]
            counts = [row[key] for key in _COUNTS]
            if kind == Kind.MNP.name and not any(counts):
                continue
            lines.append(_score_row("indel" if kind == Kind.INDEL.name else kind, row))
        if with_classes:
            lines += _class_lines(scores["classes"])
    return lines


#: Width of the labels: the longest is that of a class.
_LABEL = 31
_HEADS = ("", "TP truth", "TP calls", "FP", "FN", "genotype", "precision", "recall", "F1")
_COUNTS = ("tp_truth", "tp_calls", "fp", "fn")


def _class_lines(classes: dict[str, Any]) -> list[str]:
    """Rows of one class each: sizes of indels, then SNVs and indels by genotype and by repeat."""
    cells = [(f"indel {name} bp", ("all", "all", f"indel_{name}")) for name in SIZES]
    for kind, label in (("snv", "SNV"), ("indel", "indel")):
        cells += [(f"{label} {genotype}", ("all", genotype, kind)) for genotype in GENOTYPES]
        cells += [(f"{label} {_words(name)}", (name, "all", kind)) for name in (*REPEATS, *TRACTS)]
    rows = ((label, _cell(classes, *place)) for label, place in cells)
    return [_score_row(f"  {label}", row) for label, row in rows if row is not None]


def _cell(classes: dict[str, Any], repeat: str, genotype: str, kind: str) -> dict[str, Any] | None:
    cell: dict[str, Any] | None = classes.get(repeat, {}).get(genotype, {}).get(kind)
    return cell


def _words(name: str) -> str:
    kind, _, length = name.partition("_")
    kind = "STR" if kind == "str" else kind
    return f"{kind} {length} bp" if length else kind


def _score_row(label: str, row: dict[str, Any]) -> str:
    shares = (_share(row[key]) for key in ("precision", "recall", "f1"))
    return _row((label, *(row[key] for key in _COUNTS), row["genotype_mismatches"], *shares))


def _row(cells: tuple[Any, ...]) -> str:
    first, *rest = cells
    return f"{first:<{_LABEL}}" + "".join(f"{cell:>10}" for cell in rest)


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

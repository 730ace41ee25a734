"""One pass over alignments and calls to quality metrics, a page and files for MultiQC.

The genome is cut into partitions by its lengths alone; each is counted by one task, the sums are added in
order. What the metrics mean is the business of quality.metrics_*, how they look of quality.report*.
"""

import functools
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genomehub import __version__
from genomehub.config import QcConfig, as_dict
from genomehub.errors import ConfigError, InputError
from genomehub.files import atomic_output, require_writable_parent
from genomehub.formats.alignment_reader import AlignmentReader
from genomehub.formats.bed import read_bed
from genomehub.pipeline.report_inputs import read_cost, read_json, read_picard_metrics
from genomehub.pipeline.workers import Workers
from genomehub.quality import metrics, report, report_multiqc, report_summary
from genomehub.quality.metrics_alignments import alignment_sections
from genomehub.quality.metrics_variants import ARRAYS, VariantTally
from genomehub.store.reference import Reference
from genomehub.store.variants import VariantStore
from genomehub.types import Interval, NoProgress, Progress

FORMAT_VERSION = 1


class PartitionTask(NamedTuple):
    """Counts one partition; travels to workers, which open the files themselves.

    targets : (n, 2) int64, sorted spans (global windows of regions) per contig, or None for the whole genome
    """

    reference: str
    alignments: str
    config: QcConfig
    window: int
    targets: tuple[Interval, ...] | None

    def __call__(self, partition: Interval) -> metrics.Tally:
        reference, reader = _open(self.reference, self.alignments)
        codes = reference.sequence(*partition)
        return metrics.tally_partition(
            reader.fetch_pieces(partition), partition, codes, self._is_target(partition, codes), self.window,
            self.config,
        )  # fmt: skip

    def _is_target(self, partition: Interval, codes: np.ndarray) -> np.ndarray:
        if self.targets is None:
            return codes < 4
        inside = np.zeros(codes.size, bool)
        for contig_index, start, end in self.targets:
            if contig_index == partition.contig_index and end > partition.start and start < partition.end:
                inside[max(start - partition.start, 0) : end - partition.start] = True
        return inside & (codes < 4)


@functools.lru_cache(maxsize=2)
def _open(reference: str, alignments: str) -> tuple[Reference, AlignmentReader]:
    """Open once per process: readers keep no position, so threads share them."""
    opened = Reference.open(reference)
    return opened, AlignmentReader(alignments, opened)


def qc(
    reference_path: str | os.PathLike[str],
    alignments: str | os.PathLike[str] | None,
    calls: str | os.PathLike[str] | None,
    output: str | os.PathLike[str],
    *,
    evaluation: str | os.PathLike[str] | None = None,
    duplicate_metrics: str | os.PathLike[str] | None = None,
    regions: str | os.PathLike[str] | None = None,
    costs: Sequence[str | os.PathLike[str]] = (),
    config: QcConfig | None = None,
    threads: int | None = None,
    scheduler_file: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure alignments and calls of one sample; write a folder with qc.json, qc.html and MultiQC's files.

    Parameters
    ----------
    reference_path : reference directory
    alignments : sorted, indexed BAM or CRAM; None leaves its sections out
    calls : variant store; None leaves its section out
    output : folder to write; it appears whole or not at all
    evaluation : report that ``genomehub evaluate --json`` wrote
    duplicate_metrics : picard-style metrics of duplicate marking
    regions : BED of the bases that count for coverage; by default all known bases of the reference
    costs : what stages cost, from ``genomehub --cost``

    Returns
    -------
    result : what stands in qc.json (docs/qc.md)
    """
    config, progress = config or QcConfig(), progress or NoProgress()
    if alignments is None and calls is None:
        raise ConfigError("qc needs alignments (--bam), calls (--calls) or both.")
    output = require_writable_parent(output)
    reference = Reference.open(reference_path)
    extras = _extras(evaluation, duplicate_metrics, costs)
    samples: list[str] = []
    sections: dict[str, Any] = {}
    if alignments is not None:
        with AlignmentReader(alignments, reference) as reader:
            samples.append(_sample_of(reader))
            targets = None if regions is None else tuple(read_bed(regions, reference))
            sections |= _measure_alignments(
                reference, reader, targets, config, threads, scheduler_file, progress
            )
    if calls is not None:
        store = VariantStore.open(calls)
        sections["variants"] = _measure_calls(store, reference, progress)
        samples.extend(store.samples)
    result = _document(samples, reference, config, regions, {**sections, **extras})
    progress.start("write", None, "files")
    write(result, output)
    progress.finish()
    return result


def _sample_of(reader: AlignmentReader) -> str:
    names = reader.sample_names
    return names[0] if len(names) == 1 else reader.path.name.split(".")[0]


def _measure_alignments(
    reference: Reference, reader: AlignmentReader, targets: tuple[Interval, ...] | None, config: QcConfig,
    threads: int | None, scheduler_file: str | None, progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    layout = metrics.plan(reference.contigs, config)
    task = PartitionTask(str(reference.path), str(reader.path), config, layout.window, targets)
    total = metrics.new_tally(layout, config)
    progress.start("alignments", len(layout.partitions), "partitions")
    _open.cache_clear()  # a file of the same name may be another one by now
    with Workers(threads, scheduler_file) as workers:
        parts = workers.map(task.__call__, layout.partitions)
        for partition, part in zip(layout.partitions, parts, strict=True):
            metrics.add_partition(total, part, partition, layout)
            progress.advance(1)
    metrics.add_reads(total.reads, metrics.count_unplaced(reader.elsewhere(), config))
    progress.finish()
    return alignment_sections(total, layout, reference.contigs, config)


def _measure_calls(store: VariantStore, reference: Reference, progress: Progress) -> dict[str, Any]:
    if store.reference_digest != reference.digest:
        raise InputError(
            f"{store.path}: was called against reference {store.reference_digest}, but {reference.path} is "
            f"{reference.digest}. Use the reference it was called with."
        )
    if len(store.samples) != 1:
        raise InputError(
            f"{store.path}: holds {len(store.samples)} samples; qc takes the store of one sample."
        )
    tally = VariantTally(store.filters)
    progress.start("calls", store.n_variants, "variants")
    for rows in store.variant_batches(ARRAYS):
        tally.add(rows)
        progress.advance(len(rows["call_GQ"]))
    progress.finish()
    return tally.section()


def _extras(
    evaluation: str | os.PathLike[str] | None, duplicate_metrics: str | os.PathLike[str] | None,
    costs: Sequence[str | os.PathLike[str]],
) -> dict[str, Any]:  # fmt: skip
    extras: dict[str, Any] = {}
    if evaluation is not None:
        extras["evaluation"] = read_json(evaluation, "evaluation")
    if duplicate_metrics is not None:
        extras["duplicates"] = read_picard_metrics(duplicate_metrics)
    if costs:
        extras["costs"] = [read_cost(path) for path in costs]
    return extras


def _document(
    samples: list[str], reference: Reference, config: QcConfig, regions: Any, sections: dict[str, Any]
) -> dict[str, Any]:
    if len(set(samples)) > 1:
        raise InputError(
            f"alignments are of sample {samples[0]!r}, calls of {samples[1]!r}. Give files of one sample."
        )
    summary = report_summary.summarise(sections)
    return {
        "format": "genomehub-qc",
        "format_version": FORMAT_VERSION,
        "sample": samples[0],
        "genomehub_version": __version__,
        "reference_digest": reference.digest,
        "target": "known bases of the reference" if regions is None else Path(regions).name,
        "config": as_dict(config),
        "summary": summary,
        "checks": report_summary.check(summary),
        **sections,
    }


def write(result: dict[str, Any], output: Path) -> None:
    """Write qc.json, qc.html and the files for MultiQC; the folder appears whole or not at all."""
    with atomic_output(output, keep_suffix=False) as folder:
        folder.mkdir()
        (folder / "qc.json").write_text(
            json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )
        (folder / "qc.html").write_text(report.sample_page(result), encoding="utf-8")
        for name, text in report_multiqc.files(result).items():
            (folder / name).write_text(text, encoding="utf-8")

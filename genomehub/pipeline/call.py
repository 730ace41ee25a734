"""BAM or CRAM to a variant store: cuts the genome into partitions, calls each, joins the answers.

A partition is an idempotent task; its answer depends neither on how the genome is cut nor on who works on it.
A run that was cut short finds the finished ones again.
"""

import dataclasses
import functools
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genomehub.config import CallConfig, as_dict
from genomehub.cost import peak_rss_bytes
from genomehub.errors import ConfigError, InputError
from genomehub.files import require_writable_parent
from genomehub.formats.alignment_depth import select_records, thinned
from genomehub.formats.alignment_reader import AlignmentReader, concatenate_records
from genomehub.formats.vcf import NONREF_ALLELES, write_gvcf, write_vcf
from genomehub.pipeline.call_scope import CallScope, plan_call
from genomehub.pipeline.workers import Workers
from genomehub.store.reference import Reference
from genomehub.store.variants import VariantStore, VariantStoreWriter
from genomehub.types import Interval, NoProgress, Progress, Records, RegionCalls
from genomehub.variants.annotations import filter_descriptions
from genomehub.variants.asked import AskedAlleles
from genomehub.variants.caller import call_interval
from genomehub.variants.contamination import MIN_PLACES, AltPlaces, Contamination
from genomehub.variants.error_model import Slippage
from genomehub.variants.phasing import phase_calls
from genomehub.variants.pileup import EXCLUDED
from genomehub.variants.ploidy import DIPLOID, PloidyMap

#: Parameters that say how the work is cut; results do not depend on them, so the store does not name them.
_WITHOUT_EFFECT = ("partition_bp",)
_log = logging.getLogger("genomehub.call")


class Exports(NamedTuple):
    """What to write beside the store; compressed and indexed if the name ends in .gz.

    vcf, gvcf : calls; calls and reference blocks
    gvcf_allele : name of the unnamed allele in the gVCF, one of formats.vcf.NONREF_ALLELES
    """

    vcf: str | os.PathLike[str] | None = None
    gvcf: str | os.PathLike[str] | None = None
    gvcf_allele: str = NONREF_ALLELES[0]


class CallSummary(NamedTuple):
    """What a run of ``call`` found.

    sample : name; n_partitions : tasks; n_variants, n_pass : sites, and those that pass all filters
    n_snvs, n_indels : of those that pass; called_bp : bases in reference blocks
    sex : "male", "female" or "unknown": how X and Y were called
    contamination : share of another person's reads that genotypes allow for
    peak_rss_bytes : largest resident memory of this process until the end of each stage; names of stages
    """

    sample: str
    n_partitions: int
    n_variants: int
    n_pass: int
    n_snvs: int
    n_indels: int
    called_bp: int
    sex: str
    contamination: float
    peak_rss_bytes: dict[str, int]


@dataclasses.dataclass(frozen=True)
class CallTask:
    """Calls one partition; travels to workers, which open the files themselves.

    identity : tells the file from an earlier one of the same name, which a worker may still have open
    read_groups : indices of the read groups to use, None for all reads
    ploidies : ploidy of every base; asked : alleles to report in any case
    features : describe candidate sites, too
    """

    reference: str
    alignments: str
    identity: str
    config: CallConfig
    read_groups: tuple[int, ...] | None
    ploidies: PloidyMap
    asked: AskedAlleles | None = None
    features: bool = False

    def __call__(self, interval: Interval) -> RegionCalls:
        reference, reader = _open(self.reference, self.alignments, self.identity)
        config = dataclasses.replace(self.config, ploidy=self.ploidies.of(interval))
        return call_partition(
            reference, reader, interval, config, self.read_groups, self.asked, self.features
        )


@functools.lru_cache(maxsize=1)
def _open(reference: str, alignments: str, identity: str) -> tuple[Reference, AlignmentReader]:
    """Open once per process: readers keep no position, so threads share them."""
    opened = Reference.open(reference)
    return opened, AlignmentReader(alignments, opened, edit_distances=False)


def call(
    reference_path: str | os.PathLike[str],
    alignments: str | os.PathLike[str],
    output: str | os.PathLike[str],
    scope: CallScope | None = None,
    exports: Exports | None = None,
    sample: str | None = None,
    features: bool = False,
    config: CallConfig | None = None,
    threads: int | None = None,
    scheduler_file: str | None = None,
    progress: Progress | None = None,
) -> CallSummary:
    """Call the genotypes of one sample and write them as VCF Zarr, and as VCF and gVCF if asked.

    Parameters
    ----------
    reference_path : reference directory
    alignments : sorted, indexed BAM or CRAM
    output : folder of the variant store; an earlier store there is replaced at the end
    scope, exports : what to call, and what to write besides; all of the genome, nothing
    sample : which sample of the file, or its name if the file has none
    features : keep what is known of every candidate site, reported or not, as candidate_* arrays of the store
    config, threads, progress : parameters, cores (None: all), who watches
    scheduler_file : a running Dask cluster instead of local workers

    Raises
    ------
    InputError
        An input is missing, damaged, unsorted, of another genome, or its sample is not clear.
    ConfigError
        Something that is no variant store stands at ``output``.
    ResourceError
        The disk is full or an output folder cannot be written.
    """
    config, progress = config or CallConfig(), progress or NoProgress()
    exports = exports or Exports()
    reference = Reference.open(reference_path)
    for path in (output, exports.vcf, exports.gvcf):
        if path is not None:
            require_writable_parent(path)
    _refuse_to_replace(Path(output))
    with AlignmentReader(alignments, reference, edit_distances=False) as reader:
        name, groups = choose_sample(reader, sample)
        plan = plan_call(scope or CallScope(), reference, reader, groups, config)
        ploidies = plan.ploidies.map
        _refuse_contaminated_pools(config, ploidies)
        wanted = {} if config.contamination == 0 else {"contamination_from": "given"}
        if config.calibrate or config.contamination is None:
            config, measured = calibrated(reference, reader, plan.calibration, config, groups)
            if measured is not None:
                wanted = {"contamination_from": f"{measured.n_places} homozygous SNVs"}
    partitions = list(cut(ploidies.cut(plan.intervals), config.partition_bp))
    attributes = {**source_attributes(config), **plan.attributes(reference.contigs), **wanted}
    identity = _identity(Path(alignments))
    writer = VariantStoreWriter(
        output, name, reference.contigs, reference.digest, filter_descriptions(config), partitions,
        attributes, inputs_digest=identity,
        with_candidates=features, depth_filter=("HighDepth", config.high_depth),
    )  # fmt: skip
    task = CallTask(
        str(reference.path), str(Path(alignments).absolute()), identity, config, groups, ploidies, plan.asked,
        features,
    )  # fmt: skip
    _run(task, partitions, writer, threads, scheduler_file, progress)
    peaks = {"calling": peak_rss_bytes()}
    store = VariantStore.open(writer.finalise(_phased(writer, config)))
    peaks["joining"] = peak_rss_bytes()
    if exports.vcf is not None:
        write_vcf(store, exports.vcf)
    if exports.gvcf is not None:
        write_gvcf(store, reference, exports.gvcf, exports.gvcf_allele)
    peaks["exporting"] = peak_rss_bytes()
    return summarise(
        store, name, len(partitions), plan.ploidies.sex.value, config.contamination or 0.0, peaks
    )


def _phased(writer: VariantStoreWriter, config: CallConfig) -> dict[str, np.ndarray]:
    """Return the arrays of all sites that tell their phase."""
    contig, position = writer.column("variant_contig"), writer.column("variant_position")
    phase = phase_calls(contig, position, writer.column("call_genotype"), writer.links(), config)
    names = ("call_genotype", "call_genotype_phased", "call_PS", "call_PQ")
    return dict(zip(names, phase, strict=True))


def _run(
    task: CallTask, partitions: list[Interval], writer: VariantStoreWriter, threads: int | None,
    scheduler_file: str | None, progress: Progress,
) -> None:  # fmt: skip
    done = writer.done_regions()
    todo = [index for index in range(len(partitions)) if index not in done]
    progress.start("calling", len(partitions), "regions")
    progress.advance(len(done))
    try:
        with Workers(threads, scheduler_file) as workers:
            answers: Iterator[RegionCalls] = workers.map(task, (partitions[index] for index in todo))
            for index, answer in zip(todo, answers, strict=True):
                writer.write_region(index, answer)
                progress.advance(1)
    finally:
        _open.cache_clear()
    progress.finish()


def calibrated(
    reference: Reference, reader: AlignmentReader, intervals: Sequence[Interval], config: CallConfig,
    read_groups: Sequence[int] | None = None,
) -> tuple[CallConfig, Contamination | None]:  # fmt: skip
    """Measure what ``config`` leaves to be measured: gap costs in repeats, and contamination if it is None.

    On stretches spread evenly over ``intervals``. Which ones depends on the intervals alone, so the result is
    the same however the work is cut.

    Returns
    -------
    config : with what was measured; contamination : if it was measured
    """
    size, slippage, places = config.calibration_cell_bp, Slippage(), AltPlaces()
    cells = sorted({(part.contig_index, part.start // size) for part in cut(intervals, size)})
    n = min(len(cells), config.calibration_cells)
    for k in range(n):
        contig_index, number = cells[k * len(cells) // n]
        start = number * size
        cell = Interval(contig_index, start, min(start + size, reference.contigs[contig_index].length))
        records = _fetch(reader, cell, config, read_groups)
        if records.start.size:
            codes = reference.sequence(*cell)
            if config.calibrate:
                slippage.add(records, codes, start, config)
            if config.contamination is None:
                places.add(records, codes, start, config)
    measured = None
    if config.contamination is None:
        measured = places.estimate()
        _tell_contamination(measured)
        config = dataclasses.replace(config, contamination=measured.fraction)
    if config.calibrate:
        config = dataclasses.replace(config, gap_open=slippage.gap_open(config))
    return config, measured


def _tell_contamination(measured: Contamination) -> None:
    if measured.is_known:
        _log.info(
            "contamination: %.2f %% of reads, from %d homozygous SNVs", 100 * measured.fraction,
            measured.n_places,
        )  # fmt: skip
    else:
        _log.warning(
            "contamination: %d homozygous SNVs are too few to measure it (%d are needed), so it is taken for "
            "0. Call more of the genome, or give the share of reads (--contamination).",
            measured.n_places, MIN_PLACES,
        )  # fmt: skip


def _refuse_contaminated_pools(config: CallConfig, ploidies: PloidyMap) -> None:
    most = max([ploidies.default, *(span.ploidy for span in ploidies.spans)])
    if config.contamination != 0 and most > DIPLOID:
        raise ConfigError(
            f"contamination with a ploidy of {most}: is modelled for one and two "
            "chromosomes. Leave out --contamination, or call the rest in a run of its own."
        )


def _fetch(
    reader: AlignmentReader, interval: Interval, config: CallConfig, read_groups: Sequence[int] | None
) -> Records:
    """Records that may count, a draw of them where they pile up (``config.max_starts``)."""
    pieces = reader.fetch_pieces(interval, int(EXCLUDED), config.min_mapping_quality)
    if read_groups is not None:
        groups = np.array(read_groups, dtype=np.int16)
        pieces = (select_records(piece, np.isin(piece.read_group, groups)) for piece in pieces)
    return concatenate_records(list(thinned(pieces, config.max_starts)))


def call_partition(
    reference: Reference, reader: AlignmentReader, interval: Interval, config: CallConfig,
    read_groups: Sequence[int] | None = None, asked: AskedAlleles | None = None, features: bool = False,
) -> RegionCalls:  # fmt: skip
    """Call one partition: fetch reference and reads of its surroundings, then ``variants.caller``.

    A partition without known bases or without reads costs next to nothing and is empty, unless an allele in
    it was asked for. Where reads pile up, a draw of them is looked at (``config.max_starts``).
    """
    length = reference.contigs[interval.contig_index].length
    start = max(0, interval.start - config.padding_bp)
    end = min(length, interval.end + config.padding_bp)
    codes = reference.sequence(interval.contig_index, start, end)
    if not (codes[interval.start - start : interval.end - start] <= 3).any():
        return RegionCalls({}, {}, candidates={} if features else None)
    records = _fetch(reader, Interval(interval.contig_index, start, end), config, read_groups)
    if asked is not None and not asked.starts_in(*interval).size:
        asked = None
    if records.start.size == 0 and asked is None:
        return RegionCalls({}, {}, candidates={} if features else None)
    return call_interval(records, codes, start, interval, config, asked, features)


def choose_sample(reader: AlignmentReader, sample: str | None) -> tuple[str, tuple[int, ...] | None]:
    """Return the sample's name and the read groups to use (None: all reads).

    Raises
    ------
    InputError
        The file has several samples and none of them was named, or no sample and no name was given.
    """
    names = reader.sample_names
    if sample is None:
        return reader.sample_name, None
    if len(names) < 2:
        return sample, None
    if sample not in names:
        raise InputError(
            f"{reader.path}: holds no sample {sample!r}, but {', '.join(names)}. Name one of these."
        )
    return sample, tuple(i for i, group in enumerate(reader.read_groups) if group.sample == sample)


def cut(intervals: Sequence[Interval], size: int) -> Iterator[Interval]:
    """Cut intervals at multiples of ``size`` (bp) of their contig.

    Examples
    --------
    >>> list(cut([Interval(0, 5, 25)], 10))[:2]
    [Interval(contig_index=0, start=5, end=10), Interval(contig_index=0, start=10, end=20)]
    """
    for interval in intervals:
        start = interval.start
        while start < interval.end:
            end = min(interval.end, (start // size + 1) * size)
            yield Interval(interval.contig_index, start, end)
            start = end


def source_attributes(config: CallConfig) -> dict[str, Any]:
    """Return what the store says about how its calls were made: every parameter that has an effect."""
    parameters = {key: value for key, value in as_dict(config).items() if key not in _WITHOUT_EFFECT}
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()
    return {"call_config": json.loads(json.dumps(parameters)), "call_config_sha256": digest}


def summarise(
    store: VariantStore, sample: str, n_partitions: int, sex: str, contamination: float,
    peaks: dict[str, int],
) -> CallSummary:  # fmt: skip
    """Count the sites of a store by kind."""
    lengths = np.strings.str_len(store["variant_allele"])
    star = store["variant_allele"] == "*"
    passes = store["variant_filter"][:, 0]
    indel = ((lengths != lengths[:, :1]) & (lengths > 0) & ~star).any(axis=1)
    called_bp = int((store["block_end"].astype(np.int64) - store["block_start"]).sum())
    n_indels, n_pass = int((passes & indel).sum()), int(passes.sum())
    return CallSummary(
        sample, n_partitions, passes.size, n_pass, n_pass - n_indels, n_indels, called_bp, sex,
        contamination, peaks,
    )  # fmt: skip


def _identity(path: Path) -> str:
    """What tells this input from another of the same name, without reading all of it."""
    status = path.stat()
    return f"{status.st_size}:{status.st_mtime_ns}"


def _refuse_to_replace(output: Path) -> None:
    """A slip in ``-o`` must not cost anybody a folder of other things."""
    is_store = output.is_dir() and ((output / ".zgroup").is_file() or not any(output.iterdir()))
    if output.exists() and not is_store:
        raise ConfigError(
            f"{output}: exists and is no variant store, so it is not replaced. Name a new folder, "
            f"for example {output.with_suffix('.vcz').name}."
        )

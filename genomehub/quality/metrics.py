"""Counters of one stretch of the genome, and their sum: what a pass over alignments leaves behind.

``Tally`` holds integers only; tallies of fixed partitions add up to the same numbers whoever counted them and
in whatever order. ``quality.metrics_alignments`` turns the sum into metrics; nothing here reads a file.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from genomehub.config import QcConfig
from genomehub.kernels import read_metrics
from genomehub.kernels.read_metrics import ReadTally
from genomehub.types import Contig, Interval, Records

N_QUALITIES = 94  # Phred 0-93
#: Columns of Tally.contigs.
CONTIG_SUMS = ("n_reads", "mapping_quality_sum", "base_quality_sum", "n_covered", "depth_sum")


class Layout(NamedTuple):
    """How a genome is cut for quality metrics; the same for any number of workers.

    window : bp of a step of the coverage profile
    partitions : spans of whole windows, in order, covering every contig
    first_window : (n_contigs + 1,) int64, index of each contig's first window among all
    """

    window: int
    partitions: tuple[Interval, ...]
    first_window: np.ndarray


class Tally(NamedTuple):
    """Counters of alignments; arrays int64.

    reads : ReadTally
    depth_histogram : (max_depth + 1,), target bases by depth
    depth_sums : (2,), depth and its square summed over target bases
    contigs : (n_contigs, 5), columns CONTIG_SUMS, of all bases of the contig, targets or not
    window_depth, window_targets : (n_windows,), depth and number of target bases of each window
    gc : (101, 2), windows of gc_window bp by percent of G and C: how many, and their depth
    """

    reads: ReadTally
    depth_histogram: np.ndarray
    depth_sums: np.ndarray
    contigs: np.ndarray
    window_depth: np.ndarray
    window_targets: np.ndarray
    gc: np.ndarray


def plan(contigs: tuple[Contig, ...], config: QcConfig) -> Layout:
    """Cut contigs into windows and partitions by their lengths alone.

    Examples
    --------
    >>> layout = plan((Contig("20", 10_500_000, "", ""),), QcConfig())
    >>> layout.window, len(layout.partitions), int(layout.first_window[-1])
    (10000, 3, 1050)
    """
    window = _round_window(sum(contig.length for contig in contigs) / config.n_windows)
    span = max(1, config.partition_bp // window) * window
    partitions = tuple(
        Interval(index, start, min(start + span, contig.length))
        for index, contig in enumerate(contigs)
        for start in range(0, contig.length, span)
    )
    n_windows = [-(-contig.length // window) for contig in contigs]
    return Layout(window, partitions, np.cumsum([0, *n_windows]))


def _round_window(wanted: float) -> int:
    """The smallest of 1, 2, 5, 10, ... x 1,000 bp that is not below ``wanted``."""
    size = 1_000
    for factor in _one_two_five():
        if size * factor >= wanted:
            return size * factor
    raise AssertionError("unreachable")


def _one_two_five() -> Iterable[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def new_read_tally(config: QcConfig) -> ReadTally:
    """Return counters of reads at zero."""
    shapes: dict[str, tuple[int, ...]] = {
        "flagstat": (len(read_metrics.FLAGSTAT), 2),
        "mapping_quality": (256,),
        "cycle_quality": (2, config.max_cycles, N_QUALITIES),
        "cycle_base": (config.max_cycles, 5),
        "read_length": (config.max_cycles + 1,),
        "read_gc": (101,),
        "insert_size": (len(read_metrics.ORIENTATIONS), config.max_insert + 1),
        "longest_insert": (len(read_metrics.ORIENTATIONS),),
        "sums": (len(read_metrics.SUMS),),
    }
    return ReadTally(**{name: np.zeros(shape, np.int64) for name, shape in shapes.items()})


def new_tally(layout: Layout, config: QcConfig) -> Tally:
    """Return counters at zero."""
    n_windows = int(layout.first_window[-1])
    n_contigs = len(layout.first_window) - 1
    return Tally(
        new_read_tally(config),
        np.zeros(config.max_depth + 1, np.int64),
        np.zeros(2, np.int64),
        np.zeros((n_contigs, len(CONTIG_SUMS)), np.int64),
        np.zeros(n_windows, np.int64),
        np.zeros(n_windows, np.int64),
        np.zeros((101, 2), np.int64),
    )


def tally_partition(
    pieces: Iterable[Records],
    partition: Interval,
    codes: np.ndarray,
    is_target: np.ndarray,
    window: int,
    config: QcConfig,
) -> Tally:
    """Count one partition.

    Parameters
    ----------
    pieces : the records that overlap the partition, in order
    partition : a span of ``plan``
    codes : (span,) uint8, the reference's bases (0-3, 5 for unknown)
    is_target : (span,) bool, bases that count for coverage
    window : bp, as planned

    Returns
    -------
    tally : of this partition alone: one row in ``contigs``, windows from 0
    """
    span = partition.end - partition.start
    n_windows = -(-span // window)
    layout = Layout(window, (partition,), np.array([0, n_windows]))
    tally = new_tally(layout, config)
    steps, sums = np.zeros(span + 1, np.int32), np.zeros(3, np.int64)
    for records in pieces:
        read_metrics.count_reads(records, partition.start, partition.end, tally.reads)
        read_metrics.add_depth(records, steps, partition.start, sums)
    *depth_sums, covered, all_depth = read_metrics.summarise_depth(
        steps, is_target, codes, window, config.gc_window, tally.depth_histogram, tally.window_depth,
        tally.window_targets, tally.gc,
    )  # fmt: skip
    tally.depth_sums[:] = depth_sums
    tally.contigs[0] = (*sums, covered, all_depth)
    return tally


def add_partition(total: Tally, part: Tally, partition: Interval, layout: Layout) -> None:
    """Add the tally of one partition to that of the genome."""
    add_reads(total.reads, part.reads)
    total.depth_histogram[:] += part.depth_histogram
    total.depth_sums[:] += part.depth_sums
    total.contigs[partition.contig_index] += part.contigs[0]
    first = int(layout.first_window[partition.contig_index]) + partition.start // layout.window
    windows = slice(first, first + part.window_depth.size)
    total.window_depth[windows] += part.window_depth
    total.window_targets[windows] += part.window_targets
    total.gc[:] += part.gc


def add_reads(total: ReadTally, part: ReadTally) -> None:
    """Add counters of reads."""
    for name, array in zip(ReadTally._fields, part, strict=True):
        mine = getattr(total, name)
        if name == "longest_insert":
            np.maximum(mine, array, out=mine)
        else:
            mine += array


def count_unplaced(pieces: Iterable[Records], config: QcConfig) -> ReadTally:
    """Count reads that no partition holds: without a place, or on contigs that the reference lacks."""
    tally = new_read_tally(config)
    for records in pieces:
        read_metrics.count_reads(records, -1, np.iinfo(np.int32).max, tally)
    return tally

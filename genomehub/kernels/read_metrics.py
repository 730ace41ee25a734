"""Counters over decoded records: what quality metrics are made from. Sums of integers only, so that tallies
of partitions add up to the same numbers in any order.

Reads are counted where they start, depth where it lies; ``quality.metrics`` says what the counters mean.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.types import CigarOp, Flag, Records

_PAIRED, _PROPER, _UNMAPPED = int(Flag.PAIRED), int(Flag.PROPER_PAIR), int(Flag.UNMAPPED)
_MATE_UNMAPPED, _REVERSE, _MATE_REVERSE = int(Flag.MATE_UNMAPPED), int(Flag.REVERSE), int(Flag.MATE_REVERSE)
_READ1, _READ2, _SECONDARY = int(Flag.READ1), int(Flag.READ2), int(Flag.SECONDARY)
_QC_FAIL, _DUPLICATE, _SUPPLEMENTARY = int(Flag.QC_FAIL), int(Flag.DUPLICATE), int(Flag.SUPPLEMENTARY)

#: Reads with one of these bits add no depth, as in samtools depth and coverage.
NO_DEPTH = _UNMAPPED | _SECONDARY | _QC_FAIL | _DUPLICATE
#: Rows of ReadTally.flagstat, in the words of samtools flagstat.
FLAGSTAT = (
    "total", "primary", "secondary", "supplementary", "duplicates", "primary_duplicates", "mapped",
    "primary_mapped", "paired", "read1", "read2", "properly_paired", "both_mapped", "singletons",
    "mate_on_other_contig", "mate_on_other_contig_mapq5",
)  # fmt: skip
#: Entries of ReadTally.sums; bases and events of primary, mapped reads.
SUMS = (
    "reads_with_nm", "edit_distance", "nm_aligned_bases", "nm_inserted_bases", "nm_deleted_bases",
    "aligned_bases", "inserted_bases", "deleted_bases", "soft_clipped_bases", "insertions", "deletions",
    "mapped_bases", "n_bases",
)  # fmt: skip
#: Pair orientations as picard names them; rows of ReadTally.insert_size.
ORIENTATIONS = ("FR", "RF", "TANDEM")


class ReadTally(NamedTuple):
    """Counters of reads; all int64 and to be added, except where said.

    flagstat : (16, 2), rows FLAGSTAT, columns QC-passed and QC-failed
    mapping_quality : (256,), MAPQ of primary mapped reads
    cycle_quality : (2, max_cycles, 94), primary reads by end (READ2 apart), cycle as sequenced, base quality
    cycle_base : (max_cycles, 5), primary reads: bases by cycle as sequenced, in codes of Base
    read_length : (max_cycles + 1,), primary reads, longer ones in the last
    read_gc : (101,), primary reads by percent of G and C among their known bases
    insert_size : (3, max_insert + 1), pairs by orientation and |TLEN|, longer ones at 0
    longest_insert : (3,), to be joined by maximum
    sums : (13,), see SUMS
    """

    flagstat: np.ndarray
    mapping_quality: np.ndarray
    cycle_quality: np.ndarray
    cycle_base: np.ndarray
    read_length: np.ndarray
    read_gc: np.ndarray
    insert_size: np.ndarray
    longest_insert: np.ndarray
    sums: np.ndarray


@kernel
def count_reads(records: Records, first, last, tally):
    """Add the reads that start in ``[first, last)`` to ``tally``; records as decoded, of one contig."""
    for r in range(records.start.size):
        if not first <= records.start[r] < last:
            continue
        flag = np.int64(records.flag[r])
        _count_flag(records, r, flag, tally.flagstat)
        if (flag & (_SECONDARY | _SUPPLEMENTARY)) != 0:
            continue
        _count_bases(records, r, flag, tally)
        if (flag & _UNMAPPED) == 0:
            tally.mapping_quality[records.mapping_quality[r]] += 1
            _count_operations(records, r, tally.sums)
            _count_insert(records, r, flag, tally)


@inline
def _count_flag(records, r, flag, counts):
    """One read of samtools flagstat 1.16."""
    column = 1 if (flag & _QC_FAIL) != 0 else 0
    is_mapped = (flag & _UNMAPPED) == 0
    counts[0, column] += 1
    if (flag & _DUPLICATE) != 0:
        counts[4, column] += 1
    if is_mapped:
        counts[6, column] += 1
    if (flag & _SECONDARY) != 0:
        counts[2, column] += 1
        return
    if (flag & _SUPPLEMENTARY) != 0:
        counts[3, column] += 1
        return
    counts[1, column] += 1
    if (flag & _DUPLICATE) != 0:
        counts[5, column] += 1
    if is_mapped:
        counts[7, column] += 1
    if (flag & _PAIRED) == 0:
        return
    counts[8, column] += 1
    if (flag & _READ1) != 0:
        counts[9, column] += 1
    if (flag & _READ2) != 0:
        counts[10, column] += 1
    if not is_mapped:
        return
    if (flag & _PROPER) != 0:
        counts[11, column] += 1
    if (flag & _MATE_UNMAPPED) != 0:
        counts[13, column] += 1
        return
    counts[12, column] += 1
    if records.mate_contig_index[r] != records.contig_index[r]:
        counts[14, column] += 1
        if records.mapping_quality[r] >= 5:
            counts[15, column] += 1


@inline
def _count_bases(records, r, flag, tally):
    start, length = records.offsets[r], records.offsets[r + 1] - records.offsets[r]
    max_cycles = tally.cycle_base.shape[0]
    n_gc, n_known = np.int64(0), np.int64(0)
    for i in range(start, start + length):  # a loop of its own: LLVM vectorises it
        base = records.bases[i]
        n_gc += (base == 1) | (base == 2)
        n_known += base < 4
    end = 1 if (flag & _READ2) != 0 else 0
    n_cycles = min(length, max_cycles)
    if (flag & _REVERSE) != 0:
        _count_cycles(
            records, start + length - 1, -1, n_cycles, 3, tally.cycle_base, tally.cycle_quality[end]
        )
    else:
        _count_cycles(records, start, 1, n_cycles, 0, tally.cycle_base, tally.cycle_quality[end])
    tally.read_length[n_cycles] += 1
    tally.sums[12] += length
    if n_known > 0:
        tally.read_gc[(200 * n_gc + n_known) // (2 * n_known)] += 1
    if (flag & _UNMAPPED) == 0:
        tally.sums[11] += length


@inline
def _count_cycles(records, start, step, n_cycles, complement, cycle_base, cycle_quality):
    """Bases and qualities by cycle; ``complement`` is 3 (3 ^ code) on the reverse strand, else 0."""
    place = start
    for cycle in range(n_cycles):
        base, quality = records.bases[place], records.quals[place]
        cycle_base[cycle, base ^ complement if base < 4 else base] += 1
        if quality < 94:
            cycle_quality[cycle, quality] += 1
        place += step


@inline
def _count_operations(records, r, sums):
    aligned, inserted, deleted = np.int64(0), np.int64(0), np.int64(0)
    for k in range(records.cigar_offsets[r], records.cigar_offsets[r + 1]):
        op, length = np.int64(records.cigars[k] & 15), np.int64(records.cigars[k] >> 4)
        if op == CigarOp.M or op == CigarOp.EQ or op == CigarOp.X:
            aligned += length
        elif op == CigarOp.I:
            inserted += length
            sums[9] += 1
        elif op == CigarOp.D:
            deleted += length
            sums[10] += 1
        elif op == CigarOp.S:
            sums[8] += length
    sums[5] += aligned
    sums[6] += inserted
    sums[7] += deleted
    if records.edit_distance[r] >= 0:
        sums[0] += 1
        sums[1] += records.edit_distance[r]
        sums[2] += aligned
        sums[3] += inserted
        sums[4] += deleted


@inline
def _count_insert(records, r, flag, tally):
    """One pair of picard CollectInsertSizeMetrics: told by its second read, duplicates left out."""
    size = abs(np.int64(records.template_length[r]))
    if (flag & _PAIRED) == 0 or (flag & (_MATE_UNMAPPED | _READ1 | _DUPLICATE)) != 0 or size == 0:
        return
    orientation = _orientation(records, r, flag)
    tally.insert_size[orientation, size if size < tally.insert_size.shape[1] else 0] += 1
    tally.longest_insert[orientation] = max(tally.longest_insert[orientation], size)


@inline
def _orientation(records, r, flag):
    """FR 0, RF 1, TANDEM 2, by the 5' ends on the forward strand (picard SamPairUtil)."""
    is_reverse = (flag & _REVERSE) != 0
    if is_reverse == ((flag & _MATE_REVERSE) != 0):
        return 2
    start = np.int64(records.start[r])
    forward = np.int64(records.mate_start[r]) if is_reverse else start
    backward = np.int64(records.end[r]) - 1 if is_reverse else start + records.template_length[r]
    return 0 if forward < backward else 1


@kernel
def add_depth(records: Records, steps, first, sums):
    """Add the aligned bases of reads to the depth of a span.

    Parameters
    ----------
    records : of one contig
    steps : (span + 1,) int32, changes of depth at each base of the span, added to
    first : 0-based start of the span
    sums : (3,) int64, added to: reads that start in the span, sum of their MAPQ, and sum of the base
        qualities that lie in the span

    Notes
    -----
    Reads with a FLAG in NO_DEPTH are left out; deletions add nothing; mates that overlap count twice: the
    depth of samtools depth and samtools coverage.
    """
    span = steps.size - 1
    for r in range(records.start.size):
        if (np.int64(records.flag[r]) & NO_DEPTH) != 0:
            continue
        place, query = records.start[r] - first, records.offsets[r]
        if 0 <= place < span:
            sums[0] += 1
            sums[1] += records.mapping_quality[r]
        for k in range(records.cigar_offsets[r], records.cigar_offsets[r + 1]):
            op, length = np.int64(records.cigars[k] & 15), np.int64(records.cigars[k] >> 4)
            if op == CigarOp.M or op == CigarOp.EQ or op == CigarOp.X:
                low, high = max(place, 0), min(place + length, span)
                if low < high:
                    steps[low] += 1
                    steps[high] -= 1
                    for i in range(query + low - place, query + high - place):
                        sums[2] += records.quals[i]
                place += length
                query += length
            elif op == CigarOp.D or op == CigarOp.N:
                place += length
            elif op == CigarOp.I or op == CigarOp.S:
                query += length


@kernel
def summarise_depth(steps, is_target, codes, window, gc_window, histogram, window_depth, window_targets, gc):
    """Turn changes of depth into a histogram, a profile and depth by GC content.

    Parameters
    ----------
    steps : (span + 1,) int32, as ``add_depth`` left them
    is_target : (span,) bool, bases that count for histogram and profile
    codes : (span,) uint8, the reference: 0-3, 5 for unknown
    window, gc_window : bp
    histogram : (max_depth + 1,) int64, added to: target bases by depth, deeper ones in the last
    window_depth, window_targets : (n_windows,) int64, added to: depth and number of target bases
    gc : (101, 2) int64, added to: windows wholly of known target bases by percent of G and C, and their depth

    Returns
    -------
    depth, squares : sums of depth and of its square over target bases
    covered, all_depth : bases with a depth of at least 1, and the sum of depth, targets or not
    """
    depth = np.int64(0)
    total, squares, covered, all_depth = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    n_gc, n_counted, gc_depth = np.int64(0), np.int64(0), np.int64(0)
    deepest = histogram.size - 1
    for i in range(is_target.size):
        depth += steps[i]
        covered += depth > 0
        all_depth += depth
        if is_target[i]:
            histogram[min(depth, deepest)] += 1
            window_depth[i // window] += depth
            window_targets[i // window] += 1
            total += depth
            squares += depth * depth
            if codes[i] < 4:
                n_counted += 1
                n_gc += codes[i] == 1 or codes[i] == 2
                gc_depth += depth
        if (i + 1) % gc_window == 0:
            if n_counted == gc_window:
                percent = (200 * n_gc + gc_window) // (2 * gc_window)
                gc[percent, 0] += 1
                gc[percent, 1] += gc_depth
            n_gc, n_counted, gc_depth = np.int64(0), np.int64(0), np.int64(0)
    return total, squares, covered, all_depth

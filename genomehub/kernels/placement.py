"""Placement: the chosen alignments become rows as SAM wants them.

FLAG, position, CIGAR with soft clips, the mate's place and TLEN. Reads without a place of their own take
their mate's, so that the two stay together when sorted.
"""

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.types import CigarOp, Flag

_CLIP, _MATCH = int(CigarOp.S), int(CigarOp.M)
_PAIRED, _PROPER, _UNMAPPED, _MATE_UNMAPPED = 0x1, 0x2, 0x4, 0x8
_REVERSE, _MATE_REVERSE, _READ_1, _READ_2 = 0x10, 0x20, 0x40, 0x80
assert (_PAIRED, _PROPER, _UNMAPPED, _MATE_UNMAPPED, _REVERSE, _MATE_REVERSE, _READ_1, _READ_2) == (
    Flag.PAIRED, Flag.PROPER_PAIR, Flag.UNMAPPED, Flag.MATE_UNMAPPED,
    Flag.REVERSE, Flag.MATE_REVERSE, Flag.READ1, Flag.READ2,
)  # fmt: skip


@kernel
def count_cigars(alignments, choice, offsets, problem_offsets, out):
    """Fill ``out`` ((n_reads + 1,) int64) with the starts of the reads' CIGARs; unmapped reads have none."""
    out[0] = 0
    for read in range(offsets.size - 1):
        n, row = 0, choice.row[read]
        if row >= 0:
            problem = alignments.problem[row]
            n = problem_offsets[problem + 1] - problem_offsets[problem] if problem >= 0 else 1
            n += alignments.query_start[row] > 0
            n += alignments.query_end[row] < offsets[read + 1] - offsets[read]
        out[read + 1] = out[read] + n


@inline
def _write_cigar(alignments, row, length, problem_cigars, problem_offsets, cigars, at):
    if alignments.query_start[row] > 0:
        cigars[at] = (alignments.query_start[row] << 4) | _CLIP
        at += 1
    problem = alignments.problem[row]
    if problem >= 0:
        for i in range(problem_offsets[problem], problem_offsets[problem + 1]):
            cigars[at] = problem_cigars[i]
            at += 1
    else:
        cigars[at] = ((alignments.query_end[row] - alignments.query_start[row]) << 4) | _MATCH
        at += 1
    if alignments.query_end[row] < length:
        cigars[at] = ((length - alignments.query_end[row]) << 4) | _CLIP


@inline
def _flag(alignments, choice, read, n_ends):
    row = choice.row[read]
    flag = _UNMAPPED if row < 0 else (_REVERSE if alignments.strand[row] else 0)
    if n_ends == 2:
        mate_row = choice.row[read ^ 1]
        flag |= _PAIRED | (_READ_2 if read & 1 else _READ_1)
        flag |= _PROPER if choice.proper[read] else 0
        if mate_row < 0:
            flag |= _MATE_UNMAPPED
        elif alignments.strand[mate_row]:
            flag |= _MATE_REVERSE
    return flag


@inline
def template_length(start, end, mate_start, mate_end, is_second):
    """TLEN (SAM 1.6, section 1.4.9): leftmost to rightmost mapped base, negative for the rightmost mate.

    Mates that start together: the first of the template is called the leftmost.
    """
    span = max(end, mate_end) - min(start, mate_start)
    leftmost = start < mate_start or (start == mate_start and not is_second)
    return span if leftmost else -span


@kernel
def place_reads(alignments, choice, offsets, contig_offsets, n_ends, problem_cigars, problem_offsets, out):
    """Fill an AlignmentBatch (one row a read, cigar_offsets from count_cigars) from the chosen alignments."""
    for read in range(offsets.size - 1):
        row = choice.row[read]
        mate = read ^ 1 if n_ends == 2 else -1
        mate_row = choice.row[mate] if n_ends == 2 else np.int32(-1)
        own = row if row >= 0 else mate_row  # whose place the row takes
        other = mate_row if mate_row >= 0 else row
        out.read_index[read] = read
        out.flag[read] = _flag(alignments, choice, read, n_ends)
        out.contig_index[read], out.start[read] = _site(alignments, contig_offsets, own)
        out.mapping_quality[read] = choice.mapping_quality[read]
        out.score[read] = alignments.score[row] if row >= 0 else 0
        out.second_score[read] = choice.second_score[read]
        out.template_length[read] = 0
        if n_ends == 2:
            out.mate_contig_index[read], out.mate_start[read] = _site(alignments, contig_offsets, other)
        else:
            out.mate_contig_index[read], out.mate_start[read] = -1, -1
        if row >= 0:
            length = offsets[read + 1] - offsets[read]
            at = out.cigar_offsets[read]
            _write_cigar(alignments, row, length, problem_cigars, problem_offsets, out.cigars, at)
        if row >= 0 and mate_row >= 0 and alignments.contig_index[row] == alignments.contig_index[mate_row]:
            out.template_length[read] = template_length(
                alignments.ref_start[row], alignments.ref_end[row],
                alignments.ref_start[mate_row], alignments.ref_end[mate_row], read & 1,
            )  # fmt: skip


@inline
def _site(alignments, contig_offsets, row):
    """Contig and 0-based start of an alignment; -1, -1 for none."""
    if row < 0:
        return np.int32(-1), np.int32(-1)
    contig = alignments.contig_index[row]
    return contig, np.int32(alignments.ref_start[row] - contig_offsets[contig])

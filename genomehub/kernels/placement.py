"""Placement: the reported alignments become rows as SAM wants them.

FLAG, position, CIGAR with clips, the mate's place and TLEN. The mate is its primary row. Reads
without a place of their own take their mate's, so that the two stay together when sorted.
"""

import numpy as np

from genomehub.kernels._jit import borrowing, inline
from genomehub.kernels.reporting import OTHER_PLACE, SUPPLEMENTARY
from genomehub.types import CigarOp, Flag

_SOFT_CLIP, _HARD_CLIP, _MATCH = int(CigarOp.S), int(CigarOp.H), int(CigarOp.M)
_PAIRED, _PROPER, _UNMAPPED, _MATE_UNMAPPED = 0x1, 0x2, 0x4, 0x8
_REVERSE, _MATE_REVERSE, _READ_1, _READ_2 = 0x10, 0x20, 0x40, 0x80
_SECONDARY, _SUPPLEMENTARY = 0x100, 0x800
assert (_PAIRED, _PROPER, _UNMAPPED, _MATE_UNMAPPED, _REVERSE, _MATE_REVERSE, _READ_1, _READ_2) == (
    Flag.PAIRED, Flag.PROPER_PAIR, Flag.UNMAPPED, Flag.MATE_UNMAPPED,
    Flag.REVERSE, Flag.MATE_REVERSE, Flag.READ1, Flag.READ2,
)  # fmt: skip
assert (_SECONDARY, _SUPPLEMENTARY) == (Flag.SECONDARY, Flag.SUPPLEMENTARY)


@borrowing
def count_cigars(alignments, rows, offsets, problem_offsets, out):
    """Fill ``out`` ((n_rows + 1,) int64) with the starts of the rows' CIGARs; unmapped reads have none."""
    out[0] = 0
    for i in range(rows.read.size):
        n, row, read = 0, rows.alignment[i], rows.read[i]
        if row >= 0:
            problem = alignments.problem[row]
            n = problem_offsets[problem + 1] - problem_offsets[problem] if problem >= 0 else 1
            n += alignments.query_start[row] > 0
            n += alignments.query_end[row] < offsets[read + 1] - offsets[read]
        out[i + 1] = out[i] + n


@inline
def _write_cigar(alignments, row, length, clip, problem_cigars, problem_offsets, cigars, at):
    if alignments.query_start[row] > 0:
        cigars[at] = (alignments.query_start[row] << 4) | clip
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
        cigars[at] = ((length - alignments.query_end[row]) << 4) | clip


@inline
def _flag(alignments, choice, read, row, kind, n_ends):
    flag = _UNMAPPED if row < 0 else (_REVERSE if alignments.strand[row] else 0)
    if kind == SUPPLEMENTARY:
        flag |= _SUPPLEMENTARY
    elif kind == OTHER_PLACE:
        flag |= _SECONDARY
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


@borrowing
def place_reads(
    alignments, choice, rows, offsets, contig_offsets, n_ends, problem_cigars, problem_offsets, out
):
    """Fill an AlignmentBatch (a row for each of ``rows``, cigar_offsets from count_cigars)."""
    for i in range(rows.read.size):
        read, row = np.int64(rows.read[i]), rows.alignment[i]
        mate = read ^ 1 if n_ends == 2 else -1
        mate_row = choice.row[mate] if n_ends == 2 else np.int32(-1)
        own = row if row >= 0 else mate_row  # whose place the row takes
        other = mate_row if mate_row >= 0 else row
        out.read_index[i] = read
        out.flag[i] = _flag(alignments, choice, read, row, rows.kind[i], n_ends)
        out.contig_index[i], out.start[i] = _site(alignments, contig_offsets, own)
        out.mapping_quality[i] = rows.mapping_quality[i]
        out.score[i] = alignments.score[row] if row >= 0 else 0
        out.second_score[i] = rows.second_score[i]
        out.alt_score[i] = rows.alt_score[i]
        out.template_length[i] = 0
        if n_ends == 2:
            out.mate_contig_index[i], out.mate_start[i] = _site(alignments, contig_offsets, other)
        else:
            out.mate_contig_index[i], out.mate_start[i] = -1, -1
        if row >= 0:
            length = offsets[read + 1] - offsets[read]
            clip = _HARD_CLIP if rows.hard_clip[i] else _SOFT_CLIP
            at = out.cigar_offsets[i]
            _write_cigar(alignments, row, length, clip, problem_cigars, problem_offsets, out.cigars, at)
        if row >= 0 and mate_row >= 0 and alignments.contig_index[row] == alignments.contig_index[mate_row]:
            out.template_length[i] = template_length(
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

"""What of a read's end is not of the template: sequencing adapters and poly-G tails.

A template shorter than its reads is read through into the adapter. Of pairs the mates tell: the first L bases
of one are the reverse complement of the first L of the other. Where they do not, and of single reads, known
adapters are looked for. Two-colour instruments call G where there is no signal: tails of G are not bases.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.encode import COMPLEMENT
from genomehub.kernels.vectors import (
    add,
    count_ones,
    equal,
    greater,
    load,
    mask_bits,
    select,
    splat,
    trailing_zeros,
)
from genomehub.types import CigarOp, Flag

#: Spare bytes of the scratch arrays.
PADDING = 128
#: Columns of the counts.
ADAPTER_READS, ADAPTER_BASES, POLY_G_READS, POLY_G_BASES = range(4)

_G = 2
_REVERSE, _SOFT, _HARD = int(Flag.REVERSE), int(CigarOp.S), int(CigarOp.H)
#: Of tails of G, as fastp has them: a mismatch for so many bases, so many at most.
_BASES_PER_MISMATCH, _MAX_MISMATCHES = 8, 5
#: What a mismatch costs when overlaps of mates are compared by the bases they hold.
_MISMATCH_COST = 5


class TrimParams(NamedTuple):
    """What is looked for.

    adapters : whether adapters are
    min_overlap : bp that mates must overlap to tell the template's length
    min_adapter : bp of a known adapter that must stand at a read's end
    bases_per_mismatch : overlaps and adapters may have one mismatch for so many bases
    poly_g : bp a tail of G must have; 0: none is looked for
    """

    adapters: bool
    min_overlap: int
    min_adapter: int
    bases_per_mismatch: int
    poly_g: int


@kernel
def keep_lengths(bases, offsets, n_ends, params, adapters, adapter_offsets, scratch1, scratch2, kept, counts):
    """Find how many bases of each read are of its template.

    Parameters
    ----------
    bases : (n_bases,) uint8, codes of reads; offsets : (n_reads + 1,) int64, mates side by side
    n_ends : 1 or 2
    params : TrimParams
    adapters : uint8, codes of the known adapters one after the other; adapter_offsets : (n + 1,) int64
    scratch1, scratch2 : uint8, for the longest read and PADDING
    kept : (n_reads,) int64, receives the bases to keep
    counts : (4,) int64, to which reads and bases are added, by the columns above

    Notes
    -----
    Reference   Chen et al. 2018 (fastp): tails of G, mates that overlap
    Plain twin  tests/plain/trimming.py
    """
    for read in range(0, offsets.size - 1, n_ends):
        for end in range(n_ends):
            length = offsets[read + end + 1] - offsets[read + end]
            kept[read + end] = length
            if params.poly_g > 0:
                kept[read + end] = _poly_g_start(bases, offsets[read + end], length, params.poly_g)
                counts[POLY_G_READS] += kept[read + end] < length
                counts[POLY_G_BASES] += length - kept[read + end]
        if not params.adapters:
            continue
        template = np.int64(-1)
        if n_ends == 2:
            _copy_forward(bases, offsets[read], kept[read], scratch1)
            _copy_reverse(bases, offsets[read + 1], kept[read + 1], scratch2)
            template = template_length(scratch1, kept[read], scratch2, kept[read + 1], params)
        for end in range(n_ends):
            before = kept[read + end]
            if template >= 0:
                kept[read + end] = min(before, template)
            else:
                _copy_forward(bases, offsets[read + end], before, scratch1)
                kept[read + end] = _adapter_start(scratch1, before, params, adapters, adapter_offsets)
            counts[ADAPTER_READS] += kept[read + end] < before
            counts[ADAPTER_BASES] += before - kept[read + end]


@inline
def _copy_forward(bases, start, length, out):
    for i in range(length):
        out[i] = bases[start + i]


@inline
def _copy_reverse(bases, start, length, out):
    for i in range(length):
        out[i] = COMPLEMENT[bases[start + length - 1 - i]]


@inline
def _poly_g_start(bases, start, length, least):
    """Where the tail of at least ``least`` G begins; ``length`` if there is none."""
    mismatches, first, i = 0, length, 0
    while i < length:
        if bases[start + length - 1 - i] == _G:
            first = length - 1 - i
        else:
            mismatches += 1
        if mismatches > _MAX_MISMATCHES:
            break
        if mismatches > (i + 1) // _BASES_PER_MISMATCH and i >= least - 1:
            break
        i += 1
    return first if i >= least else length


@inline
def _mismatches(a, a_start, b, b_start, length, limit):
    """Unequal bases of two stretches, 64 at a time; anything above ``limit`` once that is passed."""
    n = 0
    for i in range(0, length, 64):
        bits = ~mask_bits(equal(load(a, a_start + i, 64), load(b, b_start + i, 64)))
        if length - i < 64:
            bits &= (np.uint64(1) << np.uint64(length - i)) - np.uint64(1)
        n += np.int64(count_ones(bits))
        if n > limit:
            break
    return n


@kernel
def template_length(first, n_first, second, n_second, params):
    """Length of a template that is shorter than one of its mates; -1 if they do not say.

    Parameters
    ----------
    first : codes of the first mate, with PADDING; n_first : its bases
    second : codes of the second mate's reverse complement, with PADDING; n_second : its bases
    """
    best, found = np.int64(0), np.int64(-1)
    for length in range(max(n_first, n_second) - 1, 0, -1):
        begin, end = max(0, length - n_second), min(n_first, length)
        overlap = end - begin
        if overlap <= best or overlap < params.min_overlap:
            continue
        limit = overlap // params.bases_per_mismatch
        n = _mismatches(first, begin, second, begin + n_second - length, overlap, limit)
        if n <= limit and overlap - _MISMATCH_COST * n > best:
            best, found = overlap - _MISMATCH_COST * n, length
    return found


@inline
def _alike(read, at, adapters, begin, n):
    """Bit i: whether the bases from ``at + i`` on are an adapter's first (``n``: so many, so many wrong)."""
    wrong = splat(0, "u8", 64)
    one = splat(1, "u8", 64)
    for k in range(n[0]):
        same = equal(load(read, at + k, 64), splat(adapters[begin + k], "u8", 64))
        wrong = select(same, wrong, add(wrong, one))
    return ~mask_bits(greater(wrong, splat(n[1], "u8", 64)))


@inline
def _adapter_start(read, length, params, adapters, adapter_offsets):
    """Where the first known adapter begins that reaches the read's end or is there whole."""
    least = params.min_adapter
    n_places = length - least + 1
    allowed = max(least // params.bases_per_mismatch, 1)  # of the first bases; all are counted below
    for at in range(0, n_places, 64):
        first = length
        for k in range(adapter_offsets.size - 1):
            begin, known = adapter_offsets[k], adapter_offsets[k + 1] - adapter_offsets[k]
            places = _alike(read, at, adapters, begin, (least, allowed))
            while places != np.uint64(0):
                start = at + np.int64(trailing_zeros(places))
                places &= places - np.uint64(1)
                if start >= min(n_places, first):
                    break
                n = min(known, length - start)
                n_wrong = 0
                for i in range(n):
                    n_wrong += read[start + i] != adapters[begin + i]
                if n_wrong <= n // params.bases_per_mismatch:
                    first = start
        if first < length:
            return first
    return length


@kernel
def copy_kept(data, offsets, kept_offsets, out):
    """Copy the first bases (or qualities) of each read, as many as ``kept_offsets`` leaves it."""
    for read in range(offsets.size - 1):
        start, at = offsets[read], kept_offsets[read]
        for i in range(kept_offsets[read + 1] - at):
            out[at + i] = data[start + i]


@kernel
def count_operations(read_index, tails, flag, cigars, cigar_offsets, new_offsets):
    """Fill ``new_offsets`` ((n + 1,) int64) with the starts of the CIGARs once tails are clipped."""
    new_offsets[0] = 0
    for row in range(read_index.size):
        begin, end = cigar_offsets[row], cigar_offsets[row + 1]
        n = end - begin
        if n > 0 and tails[read_index[row]] > 0:
            last = begin if flag[row] & _REVERSE else end - 1
            n += not _is_clip(cigars[last])
        new_offsets[row + 1] = new_offsets[row] + n


@inline
def _is_clip(word):
    return word & 15 == _SOFT or word & 15 == _HARD


@kernel
def clip_tails(read_index, tails, flag, cigars, cigar_offsets, new_cigars, new_offsets):
    """Write CIGARs with each read's tail clipped: softly, or hard where the record leaves clipped bases out.

    Parameters
    ----------
    read_index, flag, cigars, cigar_offsets : of an AlignmentBatch of the reads without tails
    tails : (n_reads,) int64, bases of each read's tail
    new_cigars, new_offsets : uint32 and int64, as count_operations found them
    """
    for row in range(read_index.size):
        begin, end = cigar_offsets[row], cigar_offsets[row + 1]
        at = new_offsets[row]
        tail = tails[read_index[row]]
        if end == begin:
            continue
        is_reverse = flag[row] & _REVERSE != 0
        last = begin if is_reverse else end - 1
        has_clip = _is_clip(cigars[last])
        other = cigars[end - 1 if is_reverse else begin] & 15
        clip = np.uint32(tail << 4 | (_HARD if other == _HARD else _SOFT))
        if tail > 0 and is_reverse and not has_clip:
            new_cigars[at] = clip
            at += 1
        for k in range(begin, end):
            new_cigars[at] = cigars[k]
            if k == last and has_clip:
                new_cigars[at] += np.uint32(tail << 4)
            at += 1
        if tail > 0 and not is_reverse and not has_clip:
            new_cigars[at] = clip

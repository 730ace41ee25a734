"""PairHMM: how likely each read is, given each candidate haplotype of its active region.

Between assembly (which proposes haplotypes) and genotyping. Reads of one region stand side by side in the
float32 lanes of a vector (16 with AVX-512, else 8) and are compared with one haplotype after the other,
column by column; haplotypes that begin alike share the columns of their common prefix. What float32 cannot
hold is computed again in float64. The model is that of GATK's HaplotypeCaller.

The forward recursion over read bases i and haplotype bases j, in the symbols of its authors (M: both emit a
base, X: the read inserts, Y: the haplotype's base is deleted),

    M[i,j] = p[i,j] * (mm[i] * M[i-1,j-1] + gm[i] * (X[i-1,j-1] + Y[i-1,j-1]))
    X[i,j] = mx[i] * M[i-1,j] + xx[i] * X[i-1,j]
    Y[i,j] = my[i] * M[i,j-1] + yy[i] * Y[i,j-1]

is computed in scaled states M' = M * mm[i+1], X' = X * mm[i] / mx[i], Y' = Y * mm[i+1] / my[i], which need
five multiplications a cell instead of eight operations:

    M'[i,j] = p'[i,j] * (M'[i-1,j-1] + gx[i] * X'[i-1,j-1] + gy[i] * Y'[i-1,j-1])
    X'[i,j] = M'[i-1,j] + xx'[i] * X'[i-1,j]
    Y'[i,j] = M'[i,j-1] + yy[i] * Y'[i,j-1]
"""

import math
from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.lanes import by_length, longest
from genomehub.kernels.vectors import REGISTER_BYTES, add, flush_denormals, fma, load, multiply, splat, store

LANES = REGISTER_BYTES // 4
_ROW = 9 * LANES  # parameters of a read base: gx, gy, xx', yy, then p' for haplotype base A, C, G, T, N
_STATE = 3 * LANES  # M', X', Y' of a cell
_SCALE = 2.0**90  # likelihood 1 in float32: leaves 28 decades above 1e-25 and 11 below the largest float
_LEAST = 1e-25  # sums below have lost digits to float32's smallest number
_LARGEST_QUAL = 60  # gap qualities over this, or gaps as likely as none, do not fit float32's range
_LEAST_MM = 2.0**-10
_STEP_UP = 2.0**600  # what a row in float64 is multiplied with when it falls under 1e-100
_ANY = 4  # code of a base that matches every base


class Reads(NamedTuple):
    """The first six arguments of `log10_likelihoods`."""

    bases: np.ndarray
    base_quals: np.ndarray
    insertion_quals: np.ndarray
    deletion_quals: np.ndarray
    gap_quals: np.ndarray
    offsets: np.ndarray


class _Group(NamedTuple):
    """Working arrays of up to `LANES` reads, lane beside lane."""

    reads: np.ndarray  # (lanes,) int64, the read in each lane, -1 for none
    parameters: np.ndarray  # (max_rows * 9 * lanes,) float32, see _ROW
    borders: np.ndarray  # (max_rows * lanes,) float32, Y' before the haplotype's first base
    weights: np.ndarray  # (lanes,) float64, what a sum of X' counts; NaN asks for float64


@kernel
def log10_likelihoods(
    bases,
    base_quals,
    insertion_quals,
    deletion_quals,
    gap_quals,
    read_offsets,
    haplotypes,
    haplotype_offsets,
    region_reads,
    region_haplotypes,
):
    """Return log10 P(read | haplotype) for every read and haplotype of each region.

    A base matches with 1 - e and mismatches with e / 3, e = 10^(-base quality / 10); N, in a read or in a
    haplotype, matches everything (as in GATK). Gaps open with 10^(-insertion or deletion quality / 10) and go
    on with 10^(-gap quality / 10) of the read base they stand at. The read may begin and end anywhere on the
    haplotype.

    Parameters
    ----------
    bases : (n_bases,) uint8, codes of Base, read after read; over 3 is N
    base_quals, insertion_quals, deletion_quals, gap_quals : (n_bases,) uint8, Phred
    read_offsets : (n_reads + 1,) int64, starts into the arrays above
    haplotypes : (n_haplotype_bases,) uint8, codes of Base; over 3 is N
    haplotype_offsets : (n_haplotypes + 1,) int64, starts into haplotypes
    region_reads, region_haplotypes : (n_regions + 1,) int64, starts of each region's reads and haplotypes

    Returns
    -------
    log10_likelihood : flat float64, region after region its (n_reads, n_haplotypes) matrix in C order; an
        empty read is certain (0.0), any other read is impossible (-inf) on an empty haplotype

    Notes
    -----
    Raises      nothing: the stage has checked that offsets ascend and lengths agree
    Cost        read length * haplotype bases outside common prefixes, divided by the lanes
    Accuracy    1e-5 for reads of up to 300 bp; 1e-9 where float64 steps in (below about 1e-52 * haplotype
                length, gap qualities over 60, or insertion + deletion nearly certain)
    Lanes       a value depends on its own read and haplotype only, to the last bit
    Reference   Durbin et al. 1998, section 4.2; GATK4 LoglessPairHMM; plain twin: tests/plain/pairhmm.py
    """
    reads = Reads(bases, base_quals, insertion_quals, deletion_quals, gap_quals, read_offsets)
    n_regions = region_reads.size - 1
    total, most_haplotypes = 0, 0
    for region in range(n_regions):
        n_haplotypes = region_haplotypes[region + 1] - region_haplotypes[region]
        most_haplotypes = max(most_haplotypes, n_haplotypes)
        total += (region_reads[region + 1] - region_reads[region]) * n_haplotypes
    out = np.empty(total, np.float64)
    longest_read = longest(read_offsets)
    group = _Group(
        np.empty(LANES, np.int64),
        np.empty(longest_read * _ROW, np.float32),
        np.empty(longest_read * LANES, np.float32),
        np.empty(LANES, np.float64),
    )
    columns = np.empty((most_haplotypes + 2) * (longest_read + 1) * _STATE, np.float32)
    errors = 10.0 ** (-0.1 * np.arange(256))
    first = 0
    for region in range(n_regions):
        read_start, read_end = region_reads[region], region_reads[region + 1]
        start, end = region_haplotypes[region], region_haplotypes[region + 1]
        steps = _plan(haplotypes, haplotype_offsets, start, end)
        order = by_length(read_offsets, read_start, read_end)
        result = out[first : first + (read_end - read_start) * (end - start)].reshape(-1, max(end - start, 1))
        first += result.size
        for k in range(0, order.size, LANES):
            n_rows = _fill(group, reads, order[k : k + LANES], errors)
            _score_group(
                group, n_rows, columns, steps, haplotypes, haplotype_offsets, result, start, read_start
            )
        _rescue(reads, haplotypes, haplotype_offsets, errors, result, start, read_start)
    return out


# --- which columns haplotypes share -------------------------------------------------------------------------
@inline
def _common_prefix(haplotypes, offsets, a, b):
    """Return how many first bases two haplotypes share, and whether a comes before b in a dictionary."""
    length_a, length_b = offsets[a + 1] - offsets[a], offsets[b + 1] - offsets[b]
    k = 0
    while k < min(length_a, length_b) and haplotypes[offsets[a] + k] == haplotypes[offsets[b] + k]:
        k += 1
    if k in (length_a, length_b):
        return k, length_a < length_b
    return k, haplotypes[offsets[a] + k] < haplotypes[offsets[b] + k]


@kernel
def _plan(haplotypes, offsets, start, end):
    """Plan the columns of a region's haplotypes so that common prefixes are computed once.

    Haplotypes are visited in the order of a dictionary; a stack of slots keeps the column at each depth from
    which a later haplotype branches off. Slot 0 is the column before the first base.

    Returns
    -------
    steps : (n_steps, 6) int64: haplotype, slot of the column to start from, slot of the column to make, first
        and last (exclusive) base, whether the haplotype ends there
    """
    n = end - start
    order = np.empty(n, np.int64)
    for h in range(start, end):
        k = h - start
        while k > 0 and _common_prefix(haplotypes, offsets, h, order[k - 1])[1]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = h
    shared = np.zeros(n + 1, np.int64)
    for k in range(1, n):
        shared[k] = _common_prefix(haplotypes, offsets, order[k - 1], order[k])[0]

    steps = np.empty((2 * n, 6), np.int64)
    n_steps, top = 0, 0
    depths, ends = np.zeros(n + 2, np.int64), np.empty(n + 1, np.int64)
    for k in range(n):
        while depths[top] > shared[k]:
            top -= 1
        ends[0] = offsets[order[k] + 1] - offsets[order[k]]
        n_ends = 1
        for later in range(k + 1, n):  # depths at which later haplotypes leave this one, deepest first
            if shared[later] <= shared[k]:
                break
            if n_ends == 1 or shared[later] < ends[n_ends - 1]:
                ends[n_ends] = shared[later]
                n_ends += 1
        position = shared[k]
        for b in range(n_ends - 1, -1, -1):
            # field by field: assigning a tuple to a row takes 3 s to compile
            steps[n_steps, 0], steps[n_steps, 1], steps[n_steps, 2] = order[k], top, top + 1
            steps[n_steps, 3], steps[n_steps, 4], steps[n_steps, 5] = position, ends[b], b == 0
            n_steps += 1
            if b > 0:
                position = ends[b]
                top += 1
                depths[top] = position
    return steps[:n_steps]


# --- float32, many reads at once ----------------------------------------------------------------------------
@kernel
def _fill(group, reads, members, errors):
    """Put reads into lanes, the last base of each in the last row; return the number of rows.

    The rows above a shorter read's first base keep the state of the free start: M' = X' = 0, Y' = 1.
    """
    last = members[members.size - 1]
    n_rows = reads.offsets[last + 1] - reads.offsets[last]
    group.parameters[: n_rows * _ROW] = 0
    group.borders[: n_rows * LANES] = 0
    for lane in range(LANES):
        group.reads[lane] = members[lane] if lane < members.size else -1
        group.weights[lane] = 0.0
        if lane < members.size:
            read = members[lane]
            padding = n_rows - (reads.offsets[read + 1] - reads.offsets[read])
            for row in range(padding):
                group.parameters[row * _ROW + 3 * LANES + lane] = 1.0
                group.borders[row * LANES + lane] = _SCALE
            _fill_lane(group, reads, read, lane, padding, errors)
    return n_rows


@inline
def _fill_lane(group, reads, read, lane, padding, errors):
    start, end = reads.offsets[read], reads.offsets[read + 1]
    insertion_before, deletion_before, mm_before, mm = 0.0, 1.0, 1.0, 1.0
    for b in range(start, end):
        insertion, deletion = errors[reads.insertion_quals[b]], errors[reads.deletion_quals[b]]
        gap, error = errors[reads.gap_quals[b]], errors[reads.base_quals[b]]
        mm = max(0.0, 1.0 - (insertion + deletion))
        if b == start:
            mm_before, deletion_before = 1.0, mm  # so that gy = gm: Y' of the free start is Y
        if mm < _LEAST_MM or max(reads.insertion_quals[b], reads.deletion_quals[b]) > _LARGEST_QUAL:
            group.weights[lane] = np.nan
            return
        following = 1.0
        if b + 1 < end:
            following = 1.0 - (errors[reads.insertion_quals[b + 1]] + errors[reads.deletion_quals[b + 1]])
        at = (padding + b - start) * _ROW + lane
        group.parameters[at] = (1.0 - gap) * insertion_before / mm_before
        group.parameters[at + LANES] = (1.0 - gap) * deletion_before / mm
        group.parameters[at + 2 * LANES] = gap * (mm / insertion) * (insertion_before / mm_before)
        group.parameters[at + 3 * LANES] = gap
        mismatch = (1.0 - error) if reads.bases[b] >= _ANY else error / 3.0
        for base in range(_ANY):
            group.parameters[at + (4 + base) * LANES] = mismatch * following
        group.parameters[at + (4 + min(reads.bases[b], _ANY)) * LANES] = (1.0 - error) * following
        group.parameters[at + (4 + _ANY) * LANES] = (1.0 - error) * following
        insertion_before, deletion_before, mm_before = insertion, deletion, mm
    group.weights[lane] = insertion_before / mm


@kernel
def _score_group(
    group, n_rows, columns, steps, haplotypes, haplotype_offsets, result, first_haplotype, first_read
):
    """Score the reads in the lanes against every haplotype of the region; NaN where float64 is needed.

    A slot of `columns` holds the states of a column, row after row, then the sums of M' and of X' over the
    last row of all columns so far.
    """
    before = flush_denormals(1)
    zero = splat(0.0, "f32", LANES)
    slot_size = (n_rows + 1) * _STATE
    for row in range(n_rows):
        _store_cell(columns, row * _STATE, (zero, zero, load(group.borders, row * LANES, LANES)))
    _store_cell(columns, n_rows * _STATE, (zero, zero, zero))
    for k in range(steps.shape[0]):
        haplotype, slot = steps[k, 0], steps[k, 1]
        start = haplotype_offsets[haplotype]
        length = haplotype_offsets[haplotype + 1] - start
        if steps[k, 3] < steps[k, 4]:
            first, end = start + steps[k, 3], start + steps[k, 4]
            target = steps[k, 2] * slot_size
            _advance(group.parameters, n_rows, haplotypes, first, end, columns, slot * slot_size, target)
            slot = steps[k, 2]
        if steps[k, 5]:
            sums = slot * slot_size + n_rows * _STATE
            for lane in range(LANES):
                if group.reads[lane] >= 0:
                    sum_m, sum_x = np.float64(columns[sums + lane]), np.float64(columns[sums + LANES + lane])
                    total, value = sum_m + group.weights[lane] * sum_x, np.nan
                    if total >= _LEAST and length > 0:
                        value = math.log10(total / _SCALE) - math.log10(length)
                    result[group.reads[lane] - first_read, haplotype - first_haplotype] = value
    flush_denormals(before)


@inline
def _advance(parameters, n_rows, haplotypes, start, end, columns, source, target):
    """Compute the columns of bases start..end - 1; source and target are where slots begin in columns."""
    j = start
    while j < end:
        if end - j >= 4:
            _four_columns(parameters, n_rows, haplotypes, j, columns, source, target)
            j += 4
        else:
            _one_column(parameters, n_rows, haplotypes, j, columns, source, target)
            j += 1
        source = target


@inline
def _cell(parameters, at, base, left_above, above, left):
    """M', X', Y' of a cell from those of its three neighbours; `at` is the row's place in parameters."""
    m = fma(load(parameters, at + LANES, LANES), left_above[2], left_above[0])
    m = fma(load(parameters, at, LANES), left_above[1], m)
    m = multiply(load(parameters, at + (4 + base) * LANES, LANES), m)
    x = fma(load(parameters, at + 2 * LANES, LANES), above[1], above[0])
    y = fma(load(parameters, at + 3 * LANES, LANES), left[2], left[0])
    return m, x, y


@inline
def _load_cell(columns, at):
    return load(columns, at, LANES), load(columns, at + LANES, LANES), load(columns, at + 2 * LANES, LANES)


@inline
def _store_cell(columns, at, cell):
    store(columns, at, cell[0])
    store(columns, at + LANES, cell[1])
    store(columns, at + 2 * LANES, cell[2])


@inline
def _four_columns(parameters, n_rows, haplotypes, j, columns, source, target):
    zero, one = splat(0.0, "f32", LANES), splat(_SCALE, "f32", LANES)
    a = min(np.int64(haplotypes[j]), _ANY)
    b = min(np.int64(haplotypes[j + 1]), _ANY)
    c = min(np.int64(haplotypes[j + 2]), _ANY)
    d = min(np.int64(haplotypes[j + 3]), _ANY)
    above = above_a = above_b = above_c = above_d = (zero, zero, one)
    for row in range(n_rows):
        at = row * _ROW
        left = _load_cell(columns, source + row * _STATE)
        cell_a = _cell(parameters, at, a, above, above_a, left)
        cell_b = _cell(parameters, at, b, above_a, above_b, cell_a)
        cell_c = _cell(parameters, at, c, above_b, above_c, cell_b)
        cell_d = _cell(parameters, at, d, above_c, above_d, cell_c)
        _store_cell(columns, target + row * _STATE, cell_d)
        above, above_a, above_b, above_c, above_d = left, cell_a, cell_b, cell_c, cell_d
    sum_m, sum_x, _ = _load_cell(columns, source + n_rows * _STATE)
    sum_m = add(add(add(add(sum_m, above_a[0]), above_b[0]), above_c[0]), above_d[0])
    sum_x = add(add(add(add(sum_x, above_a[1]), above_b[1]), above_c[1]), above_d[1])
    _store_cell(columns, target + n_rows * _STATE, (sum_m, sum_x, zero))


@inline
def _one_column(parameters, n_rows, haplotypes, j, columns, source, target):
    zero, one = splat(0.0, "f32", LANES), splat(_SCALE, "f32", LANES)
    base = min(np.int64(haplotypes[j]), _ANY)
    above = above_it = (zero, zero, one)
    for row in range(n_rows):
        left = _load_cell(columns, source + row * _STATE)
        cell = _cell(parameters, row * _ROW, base, above, above_it, left)
        _store_cell(columns, target + row * _STATE, cell)
        above, above_it = left, cell
    sum_m, sum_x, _ = _load_cell(columns, source + n_rows * _STATE)
    _store_cell(columns, target + n_rows * _STATE, (add(sum_m, above_it[0]), add(sum_x, above_it[1]), zero))


# --- float64, one pair at a time ----------------------------------------------------------------------------
@kernel
def _rescue(reads, haplotypes, haplotype_offsets, errors, result, first_haplotype, first_read):
    """Replace what float32 left as NaN."""
    for r in range(result.shape[0]):
        for h in range(result.shape[1]):
            if math.isnan(result[r, h]):
                start, end = (
                    haplotype_offsets[first_haplotype + h],
                    haplotype_offsets[first_haplotype + h + 1],
                )
                result[r, h] = log10_likelihood(reads, first_read + r, haplotypes, start, end, errors)


@kernel
def log10_likelihood(reads, read, haplotypes, start, end, errors):
    """One read and the haplotype in haplotypes[start:end] in float64, rows scaled up as they become small."""
    n = end - start
    if reads.offsets[read] == reads.offsets[read + 1]:
        return 0.0
    if n == 0:
        return -np.inf
    M, X, Y = np.empty(n + 1), np.empty(n + 1), np.empty(n + 1)
    for j in range(n + 1):
        M[j], X[j], Y[j] = 0.0, 0.0, 1.0 / n
    exponent = 0
    for i in range(reads.offsets[read], reads.offsets[read + 1]):
        mx, my = errors[reads.insertion_quals[i]], errors[reads.deletion_quals[i]]
        xx, error = errors[reads.gap_quals[i]], errors[reads.base_quals[i]]
        mm, gm = max(0.0, 1.0 - (mx + my)), 1.0 - xx
        m_corner, x_corner, y_corner = M[0], X[0], Y[0]
        M[0], X[0], Y[0] = 0.0, 0.0, 0.0
        greatest = 0.0
        for j in range(1, n + 1):
            base = haplotypes[start + j - 1]
            alike = reads.bases[i] == base or max(reads.bases[i], base) >= _ANY
            p = 1.0 - error if alike else error / 3.0
            m = p * (mm * m_corner + gm * (x_corner + y_corner))
            m_corner, x_corner, y_corner = M[j], X[j], Y[j]
            X[j] = mx * M[j] + xx * X[j]
            Y[j] = my * M[j - 1] + xx * Y[j - 1]
            M[j] = m
            greatest = max(greatest, m, X[j])
        if 0.0 < greatest < 1e-100:
            for j in range(n + 1):
                M[j], X[j], Y[j] = M[j] * _STEP_UP, X[j] * _STEP_UP, Y[j] * _STEP_UP
            exponent += 600
    total = 0.0
    for j in range(1, n + 1):
        total += M[j] + X[j]
    return math.log10(total) - exponent * math.log10(2.0) if total > 0.0 else -np.inf

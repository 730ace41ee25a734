"""Reads of a window to counters, and counters to how sure one can be of the reference.

First and last room of calling: ``tally_window`` is what active regions are found in; once genotypes are
known, ``reference_confidence`` and ``reference_blocks`` say what the rest of the window is.
"""

from typing import NamedTuple

import numpy as np

from genomehub.config import CallConfig
from genomehub.kernels import confidence as confidence_kernels
from genomehub.kernels import pileup as kernels
from genomehub.kernels import repeats
from genomehub.kernels.pileup import MAX_QUALITY, N_COUNTS, Alignments, Pileup
from genomehub.kernels.statistics import medians
from genomehub.types import Flag, Records

#: Records with one of these bits say nothing about the sample's genotypes.
EXCLUDED = Flag.UNMAPPED | Flag.SECONDARY | Flag.QC_FAIL | Flag.DUPLICATE
_NO_QUALITY = 255
#: log10 probability that a read shows an indel where there is none (GATK's reference model: Phred 45).
_INDEL_ERROR_LOG10 = -4.5
#: Fewest bp of a tandem repeat by unit length; index 0 is not used.
SHORTEST_TRACT = np.array([0, 4, 6, 7, 9, 11, 13, 15, 17], dtype=np.int64)
#: Largest PL that is reported.
_MAX_PL = 9999


class Window(NamedTuple):
    """A stretch of the reference with all that is known of it before reads are looked at.

    contig_index; start : 0-based bp of row 0
    reference : (n_rows,) uint8, codes 0-3, 5 for anything else
    period, tract_start, tract_end : the tandem repeat at each row (kernels.repeats.tracts)
    """

    contig_index: int
    start: int
    reference: np.ndarray
    period: np.ndarray
    tract_start: np.ndarray
    tract_end: np.ndarray


def make_window(contig_index: int, start: int, reference: np.ndarray) -> Window:
    """Return the Window of ``reference`` ((n_rows,) uint8 codes) that begins at ``start``."""
    return Window(contig_index, start, reference, *repeats.tracts(reference, SHORTEST_TRACT))


def usable_reads(records: Records, config: CallConfig) -> np.ndarray:
    """Return (n_records,) bool: placed, primary or supplementary, no duplicate, good enough.

    Reads without bases or CIGAR say nothing; what skips more than ``padding_bp`` (spliced RNA) is left out.
    """
    keep = (records.flag & np.uint16(EXCLUDED)) == 0
    keep &= records.mapping_quality >= config.min_mapping_quality
    length = np.diff(records.offsets)
    keep &= length > 0
    # in 64 bits: a damaged CIGAR may name any length
    keep &= records.end.astype(np.int64) - records.start - length <= config.padding_bp
    return keep & (np.diff(records.cigar_offsets) > 0)


def with_qualities(records: Records, config: CallConfig) -> Records:
    """Replace missing base qualities (255) by ``config.missing_base_quality``."""
    if not (records.quals == _NO_QUALITY).any():
        return records
    quals = np.where(records.quals == _NO_QUALITY, np.uint8(config.missing_base_quality), records.quals)
    return records._replace(quals=quals)


def overlapping_mates(records: Records, usable: np.ndarray) -> np.ndarray:
    """Return (n_pairs, 2) int64: record numbers of usable mates that may cover the same bases."""
    length = np.diff(records.offsets)[usable]
    reach = int(length.max(initial=0)) + int((records.end - records.start)[usable].max(initial=0))
    near = usable & (records.flag & np.uint16(Flag.PAIRED) != 0)
    near &= (records.flag & np.uint16(Flag.SUPPLEMENTARY)) == 0
    near &= records.mate_contig_index == records.contig_index
    near &= (records.mate_start < records.end) & (records.mate_start + reach > records.start)
    candidates = np.flatnonzero(near)
    order = candidates[np.argsort(records.name_hash[candidates], kind="stable")]
    names = records.name_hash[order]
    first = np.flatnonzero(names[1:] == names[:-1])
    pairs = np.stack([order[first], order[first + 1]], axis=1)
    return pairs[records.end[pairs[:, 0]] > records.start[pairs[:, 1]]]


def quality_tables() -> np.ndarray:
    """Return (8 * (MAX_QUALITY + 1),) float64, by quality log10 P(base | 0/0, 0/1, 1/1) and 0 of a base that
    matches, then of one that does not, as kernels.pileup.tally adds them."""
    error = np.minimum(10.0 ** (-0.1 * np.arange(MAX_QUALITY + 1)), 0.75)
    right, wrong, either = np.log10(np.stack([1 - error, error / 3, 0.5 * (1 - error) + 0.5 * error / 3]))
    nothing = np.zeros_like(error)
    return np.stack([right, either, wrong, nothing, wrong, either, right, nothing], axis=1).ravel()


def as_alignments(records: Records) -> Alignments:
    """Return the columns of ``records`` that kernels look at."""
    reverse = (records.flag & np.uint16(Flag.REVERSE)) != 0
    return Alignments(
        records.start, records.end, reverse, records.cigars, records.cigar_offsets, records.bases,
        records.quals, records.offsets,
    )  # fmt: skip


def tally_window(
    records: Records, alignments: Alignments, usable: np.ndarray, window: Window, config: CallConfig
) -> Pileup:
    """Count the usable reads of a window; a template counts once where its mates overlap."""
    quals = np.array(records.quals)
    pairs = overlapping_mates(records, usable)
    longest = int((records.end - records.start)[usable].max(initial=0))
    kernels.mate_overlaps(alignments, pairs, max(1, longest), quals)
    n = window.reference.size
    pileup = Pileup(np.zeros((n, 2, 4), np.int32), np.zeros((n, 4)), np.zeros((N_COUNTS, n + 1), np.int32))
    settings = np.array([config.min_base_quality, config.min_clip_length], dtype=np.int64)
    tables = quality_tables()
    kernels.tally(alignments, usable, quals, window.reference, window.start, settings, tables, pileup)
    return pileup


class ReferenceConfidence(NamedTuple):
    """How sure 0/0 is at each row.

    genotype_quality : (n,) int32, Phred, 0 to the cap
    phred_likelihood : (n, ploidy + 1) int32, of 0, 1 ... all chromosomes with any other allele; the least
        is 0
    depth : (n,) int32, bases of sufficient quality and deletions
    covered : (n,) bool, whether any usable read covers the row
    """

    genotype_quality: np.ndarray
    phred_likelihood: np.ndarray
    depth: np.ndarray
    covered: np.ndarray


def substitution_likelihoods(pileup: Pileup, window: Window, ploidy: int) -> np.ndarray:
    """Return (n_rows, at least ploidy + 1) float64: log10 likelihoods of 0, 1 ... all chromosomes with
    another base; further columns mean nothing.

    One and two chromosomes have their own counters. Of more, a base that matches counts for its chance to be
    drawn (base qualities beside that are neglected), another likewise, which needs no counter of its own.
    """
    exact = pileup.log10_likelihood
    if ploidy <= 2:
        return exact if ploidy == 2 else np.ascontiguousarray(exact[:, :3:2])
    counts = pileup.bases.sum(axis=1)
    same = np.zeros(counts.shape[0])
    rows = np.flatnonzero(window.reference <= 3)
    same[rows] = counts[rows, window.reference[rows]]
    other = counts.sum(axis=1) - same
    copies = np.arange(1, ploidy)
    some = np.outer(same, np.log10(1 - copies / ploidy)) + np.outer(other, np.log10(copies / ploidy))
    return np.concatenate([exact[:, :1], some, exact[:, 2:3]], axis=1)


def _indel_weights(ploidy: int) -> np.ndarray:
    """Return (ploidy + 1, 2) float64: what a read that shows no indel, and one that shows one, adds to the
    log10 likelihood of 0, 1 ... all chromosomes with an indel, over that of none."""
    shares = np.arange(1, ploidy) / ploidy
    some = np.log10(np.stack([1 - shares, shares], axis=1)) - [0, _INDEL_ERROR_LOG10]
    half = np.log10(0.5)
    return np.concatenate([[[0, 0]], some, [[2 * half, 2 * (half - _INDEL_ERROR_LOG10)]]])


def reference_confidence(pileup: Pileup, window: Window, config: CallConfig) -> ReferenceConfidence:
    """Compare 0/0 with one chromosome that has a substitution, or an indel, and take the less sure."""
    substitution = substitution_likelihoods(pileup, window, config.ploidy)
    confidence, likelihood, depth = confidence_kernels.reference_likelihoods(
        pileup, substitution, _indel_weights(config.ploidy), window.tract_start, window.tract_end, _MAX_PL
    )
    quality = np.clip(np.rint(confidence), 0, config.max_genotype_quality).astype(np.int32)
    covered = (pileup.counts[kernels.SPANS, :-1] > 0) & (window.reference <= 3)
    return ReferenceConfidence(quality, likelihood, depth, covered)


def reference_blocks(
    confidence: ReferenceConfidence,
    window: Window,
    first: int,
    last: int,
    called: np.ndarray,
    config: CallConfig,
) -> dict[str, np.ndarray]:
    """Merge rows ``first:last`` into blocks of one GQ band each; rows where ``called`` belong to variants.

    Returns
    -------
    block_* arrays as store.schema names them
    """
    rows = slice(first, last)
    band = np.searchsorted(np.array(config.block_bands), confidence.genotype_quality[rows], side="right")
    band[~confidence.covered[rows] | called[rows]] = 0
    edge = np.flatnonzero(np.diff(band, prepend=-1, append=-1))
    begin, end = edge[:-1], edge[1:]
    keep = band[begin] > 0
    if not keep.any():
        return _no_blocks(config.ploidy)
    at, length = begin[keep], (end - begin)[keep]
    # reduceat over the beginnings of all runs; runs that are no block are dropped afterwards
    quality = np.minimum.reduceat(confidence.genotype_quality[rows], begin)[keep]
    depth = confidence.depth[rows].astype(np.int64)
    return {
        "block_contig": np.full(at.size, window.contig_index, dtype=np.int32),
        "block_start": (window.start + first + at).astype(np.int32),
        "block_end": (window.start + first + at + length).astype(np.int32),
        "block_GQ": quality.astype(np.int8),
        "block_DP": medians(depth, at, at + length).astype(np.int32),
        "block_MIN_DP": np.minimum.reduceat(depth, begin)[keep].astype(np.int32),
        "block_PL": np.minimum.reduceat(confidence.phred_likelihood[rows], begin, axis=0)[keep],
        "block_band": band[at].astype(np.uint8),
    }


def edge_depths(confidence: ReferenceConfidence, window: Window, blocks: dict[str, np.ndarray]) -> np.ndarray:
    """Return how many bases of the first and the last block have which depth, as RegionCalls.edge_depths."""
    rows = []
    for edge, at in ((0, 0), (1, -1)):
        if blocks["block_start"].size:
            span = slice(blocks["block_start"][at] - window.start, blocks["block_end"][at] - window.start)
            counts = np.bincount(confidence.depth[span])
            depth = np.flatnonzero(counts)
            rows.append(np.stack([np.full(depth.size, edge), depth, counts[depth]], axis=1))
    return np.concatenate([np.zeros((0, 3), dtype=np.int64), *rows])


def _no_blocks(ploidy: int) -> dict[str, np.ndarray]:
    names = ("contig", "start", "end", "GQ", "DP", "MIN_DP", "band")
    blocks = {f"block_{name}": np.zeros(0, dtype=np.int32) for name in names}
    return {**blocks, "block_PL": np.zeros((0, ploidy + 1), dtype=np.int32)}

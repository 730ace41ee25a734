"""Ends of reads that are not of their template, kept from the mapper and put back as soft clips.

Nothing is lost: a read is aligned without its tail, and its record holds all its bases.
"""

from typing import NamedTuple

import numpy as np

from genomehub.config import ReadConfig
from genomehub.kernels import trimming as kernels
from genomehub.kernels.encode import ASCII_TO_CODE
from genomehub.types import AlignmentBatch, ReadBatch

#: Starts of adapters as they are read: Illumina TruSeq, Nextera, small RNA; MGI's two.
ADAPTERS = (
    b"AGATCGGAAGAGCACACGTCT", b"AGATCGGAAGAGCGTCGTGTA", b"CTGTCTCTTATACACATCT", b"TGGAATTCTCGGGTGCCAAGG",
    b"AAGTCGGAGGCCAAGCGGTCT", b"AAGTCGGATCGTAGCCATGTC",
)  # fmt: skip
_CODES = ASCII_TO_CODE[np.frombuffer(b"".join(ADAPTERS), dtype=np.uint8)]
_STARTS = np.cumsum([0, *map(len, ADAPTERS)]).astype(np.int64)


class TrimCounts(NamedTuple):
    """Reads with tails, and the bases of these, by what they are."""

    adapter_reads: int
    adapter_bases: int
    poly_g_reads: int
    poly_g_bases: int


class Trimmed(NamedTuple):
    """A batch as the mapper should see it.

    batch : ReadBatch without tails (without tags and flags, which the mapper does not look at)
    tails : (n_reads,) int64, bases of each read's tail
    counts : (4,) int64, the fields of TrimCounts
    """

    batch: ReadBatch
    tails: np.ndarray
    counts: np.ndarray


def trim(batch: ReadBatch, config: ReadConfig) -> Trimmed:
    """Find the tails of a batch's reads.

    Parameters
    ----------
    batch : ReadBatch, single or paired
    config : ReadConfig that asks for adapters, tails of G, or both
    """
    lengths = np.diff(batch.offsets)
    scratch = [np.empty(int(lengths.max(initial=0)) + kernels.PADDING, dtype=np.uint8) for _ in range(2)]
    params = kernels.TrimParams(
        config.trim_adapters,
        config.min_mate_overlap,
        config.min_adapter,
        config.bases_per_mismatch,
        config.trim_poly_g,
    )
    kept, counts = np.empty(lengths.size, dtype=np.int64), np.zeros(4, dtype=np.int64)
    kernels.keep_lengths(
        batch.bases, batch.offsets, batch.n_ends, params, _CODES, _STARTS, *scratch, kept, counts
    )
    offsets = np.concatenate([[0], np.cumsum(kept)])
    bases, quals = np.empty(offsets[-1], dtype=np.uint8), np.empty(offsets[-1], dtype=np.uint8)
    kernels.copy_kept(batch.bases, batch.offsets, offsets, bases)
    kernels.copy_kept(batch.quals, batch.offsets, offsets, quals)
    return Trimmed(batch._replace(bases=bases, quals=quals, offsets=offsets), lengths - kept, counts)


def clip_tails(alignments: AlignmentBatch, tails: np.ndarray) -> AlignmentBatch:
    """Return the alignments of reads without tails as those of whole reads: tails are clipped.

    Parameters
    ----------
    alignments : AlignmentBatch of ``Trimmed.batch``
    tails : (n_reads,) int64
    """
    rows = alignments.read_index, tails, alignments.flag, alignments.cigars, alignments.cigar_offsets
    offsets = np.empty(alignments.cigar_offsets.size, dtype=np.int64)
    kernels.count_operations(*rows, offsets)
    cigars = np.empty(offsets[-1], dtype=np.uint32)
    kernels.clip_tails(*rows, cigars, offsets)
    return alignments._replace(cigars=cigars, cigar_offsets=offsets)

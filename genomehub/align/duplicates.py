"""Alignments to duplicate decisions, by picard MarkDuplicates' rules (sum of base qualities).

Each batch leaves compact marks; all marks of one key meet in one place, wherever their reads were sorted to,
so decisions need no second look at the records. Ties go to the template that was read first.
"""

from typing import NamedTuple

import numpy as np

from genomehub.errors import ConfigError
from genomehub.kernels import duplicates as kernels
from genomehub.kernels.row_texts import first_rows
from genomehub.types import AlignmentBatch, ReadBatch

#: Sets of pairs of this size or more are counted together.
MAX_SET_SIZE = 1000


class Marks(NamedTuple):
    """What a batch tells about its templates' ends (kernels.duplicates).

    marks : (n, 3) uint64, key, opposite, rank
    examined : (3,) int64, pairs with both ends mapped, lone mapped reads, unmapped reads
    """

    marks: np.ndarray
    examined: np.ndarray


class Decisions(NamedTuple):
    """Which templates of a set of marks are duplicates.

    ordinals : (n,) int64, duplicate templates
    counts : (n_libraries, 2) int64, duplicate pairs and duplicate lone reads
    set_sizes : (MAX_SET_SIZE,) int64, sets of pairs by size - 1
    """

    ordinals: np.ndarray
    counts: np.ndarray
    set_sizes: np.ndarray


def check_limits(n_libraries: int, n_contigs: int) -> None:
    """Raise ConfigError if libraries or contigs are more than a mark's key can tell apart."""
    if n_libraries >= 2**kernels.LIBRARY_BITS - 1:
        raise ConfigError(
            f"{n_libraries} libraries are more than the {2**kernels.LIBRARY_BITS - 2} that one file may "
            "have. Align the sample's libraries into several files."
        )
    if n_contigs > 2**kernels.CONTIG_BITS:
        raise ConfigError(
            f"{n_contigs} contigs are more than the {2**kernels.CONTIG_BITS} whose duplicates can be marked. "
            "Build the reference without the smallest contigs."
        )


def template_marks(reads: ReadBatch, alignments: AlignmentBatch, library: int, min_quality: int) -> Marks:
    """Return the marks of a batch of one library; bases of at least ``min_quality`` count for the score."""
    n_reads = len(reads.offsets) - 1
    first = np.empty(n_reads + 1, dtype=np.int64)
    first_rows(alignments.read_index, first)
    marks = np.empty((n_reads, 3), dtype=np.uint64)
    examined = np.zeros(3, dtype=np.int64)
    n = kernels.template_marks(reads, alignments, first, library, min_quality, marks, examined)
    return Marks(marks[:n], examined)


def places(marks: np.ndarray, contig_offsets: np.ndarray) -> np.ndarray:
    """Return the global position of each mark's end, (n,) int64; equal keys have equal places."""
    keys = marks[:, 0] >> np.uint64(1)
    position = (keys & np.uint64((1 << kernels.POSITION_BITS) - 1)).astype(np.int64) - kernels.BIAS
    contig = keys >> np.uint64(kernels.POSITION_BITS) & np.uint64((1 << kernels.CONTIG_BITS) - 1)
    return contig_offsets[contig.astype(np.int64)] + position


def decide(marks: np.ndarray, n_libraries: int) -> Decisions:
    """Return which templates are duplicates; ``marks`` holds all marks of each key in it."""
    order = np.argsort(marks[:, 0])
    ordinals = np.empty(len(marks), dtype=np.int64)
    counts = np.zeros((n_libraries, 2), dtype=np.int64)
    set_sizes = np.zeros(MAX_SET_SIZE, dtype=np.int64)
    n = kernels.find_duplicates(marks, order, ordinals, counts, set_sizes)
    return Decisions(ordinals[:n], counts, set_sizes)

"""Alignments to duplicate decisions, by picard MarkDuplicates' rules (sum of base qualities).

Each batch leaves compact marks; all marks of one key meet in one place, wherever their reads were sorted to,
so decisions need no second look at the records. Ties go to the lowest tile and position on it, as in picard;
where names tell none, to the template that was read first.
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

    marks : (n, 4) uint64, keys of both ends, rank, location
    other_ends : (n_pairs,) uint64, keys of the second ends of pairs
    examined : (4,) int64, pairs with both ends mapped, lone mapped reads, unmapped reads, and pairs whose
        names tell no location
    """

    marks: np.ndarray
    other_ends: np.ndarray
    examined: np.ndarray


class Decisions(NamedTuple):
    """Which templates of a set of marks are duplicates.

    ordinals : (n,) int64, duplicate templates; optical : (n,) bool, which of them are optical duplicates
    counts : (n_libraries, 3) int64, duplicate pairs, duplicate lone reads, optical duplicate pairs
    set_sizes : (3, MAX_SET_SIZE) int64, sets of pairs by size - 1: all; optical duplicates and one; without
        optical duplicates
    """

    ordinals: np.ndarray
    optical: np.ndarray
    counts: np.ndarray
    set_sizes: np.ndarray


def check_limits(n_libraries: int, n_contigs: int, n_read_groups: int) -> None:
    """Raise ConfigError if libraries, contigs or read groups are more than a mark can tell apart."""
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
    if n_read_groups > 2**kernels.GROUP_BITS:
        raise ConfigError(
            f"{n_read_groups} read groups are more than the {2**kernels.GROUP_BITS} that one file may have. "
            "Align the sample's lanes into several files, or join lanes of one flow cell."
        )


def template_marks(reads: ReadBatch, alignments: AlignmentBatch, library: int, min_quality: int) -> Marks:
    """Return the marks of a batch of one library; bases of at least ``min_quality`` count for the score."""
    n_reads = len(reads.offsets) - 1
    n_templates = len(reads.name_offsets) - 1
    first = np.empty(n_reads + 1, dtype=np.int64)
    first_rows(alignments.read_index, first)
    marks = np.empty((n_templates, 4), dtype=np.uint64)
    other_ends = np.empty(n_templates, dtype=np.uint64)
    examined = np.zeros(4, dtype=np.int64)
    out = (marks, other_ends, examined)
    n, n_pairs = kernels.template_marks(reads, alignments, first, library, min_quality, out)
    return Marks(marks[:n], other_ends[:n_pairs], examined)


def places(keys: np.ndarray, contig_offsets: np.ndarray) -> np.ndarray:
    """Return the global position of the end of each key, (n,) int64."""
    keys = keys >> np.uint64(1)
    position = (keys & np.uint64((1 << kernels.POSITION_BITS) - 1)).astype(np.int64) - kernels.BIAS
    contig = keys >> np.uint64(kernels.POSITION_BITS) & np.uint64((1 << kernels.CONTIG_BITS) - 1)
    return contig_offsets[contig.astype(np.int64)] + position


def decide(marks: np.ndarray, other_ends: np.ndarray, n_libraries: int, optical_distance: int) -> Decisions:
    """Return which templates are duplicates; ``marks`` and ``other_ends`` hold all that share a key."""
    n = len(marks)
    order = np.argsort(marks[:, 0])
    scratch = (np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.bool_), np.empty(n, np.bool_))
    ordinals, optical = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.bool_)
    counts = np.zeros((n_libraries, 3), dtype=np.int64)
    set_sizes = np.zeros((3, MAX_SET_SIZE), dtype=np.int64)
    out = (ordinals, optical, counts, set_sizes)
    n = kernels.find_duplicates(marks, order, np.sort(other_ends), optical_distance, scratch, out)
    return Decisions(ordinals[:n], optical[:n], counts, set_sizes)

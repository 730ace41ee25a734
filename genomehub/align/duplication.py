"""Duplicate counts to the metrics that picard MarkDuplicates prints: rates and the size of the library."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from genomehub import __version__


@dataclasses.dataclass(frozen=True)
class LibraryDuplication:
    """What picard's DuplicationMetrics tell of one library; duplicate pairs include optical ones."""

    library: str
    unpaired_reads_examined: int
    read_pairs_examined: int
    secondary_or_supplementary_reads: int
    unmapped_reads: int
    unpaired_read_duplicates: int
    read_pair_duplicates: int
    read_pair_optical_duplicates: int

    @property
    def duplicate_reads(self) -> int:
        """Primary mapped reads marked as duplicates."""
        return self.unpaired_read_duplicates + 2 * self.read_pair_duplicates

    @property
    def fraction(self) -> float:
        """Duplicates among mapped primary reads (picard: PERCENT_DUPLICATION, a fraction all the same)."""
        examined = self.unpaired_reads_examined + 2 * self.read_pairs_examined
        return self.duplicate_reads / examined if examined else 0.0

    @property
    def estimated_library_size(self) -> int | None:
        """Distinct templates in the library; None if there are no duplicate pairs to tell it by.

        Optical duplicates say nothing of the library, so they are left out.
        """
        optical = self.read_pair_optical_duplicates
        return estimate_library_size(self.read_pairs_examined - optical, self.read_pair_duplicates - optical)

    def return_on_sequencing(self, multiple: float) -> float:
        """Factor by which distinct templates grow if ``multiple`` times as much is sequenced."""
        size = self.estimated_library_size
        if size is None:
            return multiple
        unique = self.read_pairs_examined - self.read_pair_duplicates
        return size * (1 - math.exp(-multiple * self.read_pairs_examined / size)) / unique


def estimate_library_size(n_pairs: int, n_duplicates: int) -> int | None:
    """Return how many distinct templates a library has; of ``n_pairs`` drawn some were duplicates.

    Solves unique / size = 1 - exp(-pairs / size) (Lander and Waterman), as picard does.

    Examples
    --------
    >>> estimate_library_size(1000, 100)
    4660
    >>> estimate_library_size(1000, 0) is None
    True
    """
    unique = n_pairs - n_duplicates
    if n_duplicates <= 0 or unique <= 0:
        return None

    def excess(size: float) -> float:
        return unique / size - 1 + math.exp(-n_pairs / size)

    low, high = 1.0, 100.0  # in units of unique; the excess falls with the size
    while excess(high * unique) > 0:
        high *= 10
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle * unique) > 0 else (low, middle)
    return int(unique * (low + high) / 2)


_COLUMNS = (
    "LIBRARY", "UNPAIRED_READS_EXAMINED", "READ_PAIRS_EXAMINED", "SECONDARY_OR_SUPPLEMENTARY_RDS",
    "UNMAPPED_READS", "UNPAIRED_READ_DUPLICATES", "READ_PAIR_DUPLICATES", "READ_PAIR_OPTICAL_DUPLICATES",
    "PERCENT_DUPLICATION", "ESTIMATED_LIBRARY_SIZE",
)  # fmt: skip
_SET_COLUMNS = ("all_sets", "optical_sets", "non_optical_sets")
_HISTOGRAM_MULTIPLES = 100


def metrics_text(libraries: Sequence[LibraryDuplication], set_sizes: np.ndarray) -> str:
    """Return a metrics file in the form of picard MarkDuplicates, which MultiQC and others read.

    Parameters
    ----------
    libraries : one row each
    set_sizes : (3, n) int64, sets of pairs by size - 1: all; optical duplicates and one; without optical
        duplicates. Printed after the expected return on more sequencing, which is told if there is one
        library only, as picard does
    """
    lines = [
        "## htsjdk.samtools.metrics.StringHeader",
        f"# genomehub {__version__}: duplicate metrics in the form of picard MarkDuplicates",
        "",
        "## METRICS CLASS\tpicard.sam.DuplicationMetrics",
        "\t".join(_COLUMNS),
        *(_metrics_row(library) for library in libraries),
        "",
    ]
    library = libraries[0]
    has_return = len(libraries) == 1 and library.estimated_library_size is not None
    if has_return or set_sizes.any():
        shown = [k for k in range(3) if set_sizes[k].any()]
        names = ["CoverageMult"] * has_return + [_SET_COLUMNS[k] for k in shown]
        lines += ["## HISTOGRAM\tjava.lang.Double", "\t".join(["BIN" if has_return else "set_size", *names])]
        for size in range(1, max(_HISTOGRAM_MULTIPLES, set_sizes.shape[1]) + 1):
            is_multiple = has_return and size <= _HISTOGRAM_MULTIPLES
            counts = [int(set_sizes[k, size - 1]) if size <= set_sizes.shape[1] else 0 for k in shown]
            if is_multiple or any(counts):
                growth = library.return_on_sequencing(size) if is_multiple else 0
                lines.append("\t".join([f"{size:.1f}", *[_decimal(growth)] * has_return, *map(str, counts)]))
        lines.append("")
    return "\n".join(lines) + "\n"


def _metrics_row(library: LibraryDuplication) -> str:
    size = library.estimated_library_size
    values = [*dataclasses.astuple(library), _decimal(library.fraction), "" if size is None else size]
    return "\t".join(map(str, values))


def _decimal(value: float) -> str:
    """A number as picard prints it: at most six places."""
    return f"{value:.6f}".rstrip("0").rstrip(".")

"""Duplicate counts to the metrics that picard MarkDuplicates prints: rates and the size of the library."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from genomehub import __version__


@dataclasses.dataclass(frozen=True)
class LibraryDuplication:
    """What picard's DuplicationMetrics tell of one library; optical duplicates are not told apart."""

    library: str
    unpaired_reads_examined: int
    read_pairs_examined: int
    secondary_or_supplementary_reads: int
    unmapped_reads: int
    unpaired_read_duplicates: int
    read_pair_duplicates: int

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
        """Distinct templates in the library; None if there are no duplicate pairs to tell it by."""
        return estimate_library_size(self.read_pairs_examined, self.read_pair_duplicates)


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


def return_on_sequencing(n_pairs: int, n_duplicates: int, multiple: float) -> float:
    """Return the factor by which distinct templates grow if ``multiple`` times as much is sequenced.

    Examples
    --------
    >>> round(return_on_sequencing(1000, 100, 2.0), 2)
    1.81
    """
    size = estimate_library_size(n_pairs, n_duplicates)
    if size is None:
        return multiple
    return size * (1 - math.exp(-multiple * n_pairs / size)) / (n_pairs - n_duplicates)


_COLUMNS = (
    "LIBRARY", "UNPAIRED_READS_EXAMINED", "READ_PAIRS_EXAMINED", "SECONDARY_OR_SUPPLEMENTARY_RDS",
    "UNMAPPED_READS", "UNPAIRED_READ_DUPLICATES", "READ_PAIR_DUPLICATES", "READ_PAIR_OPTICAL_DUPLICATES",
    "PERCENT_DUPLICATION", "ESTIMATED_LIBRARY_SIZE",
)  # fmt: skip
_HISTOGRAM_MULTIPLES = 100


def metrics_text(libraries: Sequence[LibraryDuplication], set_sizes: np.ndarray) -> str:
    """Return a metrics file in the form of picard MarkDuplicates, which MultiQC and others read.

    Parameters
    ----------
    libraries : one row each
    set_sizes : (n,) int64, sets of pairs by size - 1; printed with the expected return on more sequencing if
        there is one library, as picard does
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
    if len(libraries) == 1 and libraries[0].estimated_library_size is not None:
        lines += ["## HISTOGRAM\tjava.lang.Double", "BIN\tCoverageMult\tall_sets"]
        pairs, duplicates = libraries[0].read_pairs_examined, libraries[0].read_pair_duplicates
        for k in range(1, _HISTOGRAM_MULTIPLES + 1):
            growth = return_on_sequencing(pairs, duplicates, k)
            lines.append(f"{k:.1f}\t{growth:.6f}\t{set_sizes[k - 1] if k <= len(set_sizes) else 0}")
        lines.append("")
    return "\n".join(lines) + "\n"


def _metrics_row(library: LibraryDuplication) -> str:
    size = library.estimated_library_size
    values = [*dataclasses.astuple(library), 0, f"{library.fraction:.6f}", "" if size is None else size]
    return "\t".join(map(str, values))

"""Whether simulated reads lie where they come from, and how often each mapping quality errs.

Reads are named as simulate_reads.py names them. A primary alignment is right if its contig and strand are,
and its first base or its last lies within NEAR_BP of the truth, either as it is aligned or as if nothing were
clipped there. Both ends count because of the sample's own indels: where one is near an end of the read, an
aligner may clip that end, and what it did align lies right. Reads that are not in the file do not count:
compare files of the same reads.
"""

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pysam

NEAR_BP = 20
#: "Wrong at MAPQ >= t" is told for these.
THRESHOLDS = (1, 10, 20, 30, 40, 60)
#: Lowest quality of each bin of the calibration; qualities beyond 60 (none of the aligners has any) join it.
BINS = (0, 1, 3, 6, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60)
_TOP = 255
_SOFT_CLIP = 4


class Tally(NamedTuple):
    """Reads by mapping quality.

    placed, wrong : (256,) int64, mapped reads of each quality and those of them that are not at their place
    unmapped : reads
    """

    placed: np.ndarray
    wrong: np.ndarray
    unmapped: int

    @property
    def reads(self) -> int:
        return int(self.placed.sum()) + self.unmapped


def names_truth(name: str) -> bool:
    """Whether a read's name tells where it comes from; the last bases may be left out.

    Examples
    --------
    >>> names_truth("h1_chr1_12-161_0_340-489_1_7"), names_truth("h1_chr1_12_0_340_1_7")
    (True, True)
    >>> names_truth("HS25:1:1101:1_2_3"), names_truth("SRR1.5")
    (False, False)
    """
    return re.fullmatch(r"h\d_.+(_\d+(-\d+)?_[01]){2}_\d+", name) is not None


def score(path: Path) -> Tally:
    """Count the primary alignments of a SAM or BAM file."""
    placed, wrong, unmapped = np.zeros(_TOP + 1, np.int64), np.zeros(_TOP + 1, np.int64), 0
    with pysam.AlignmentFile(str(path), check_sq=False, threads=1) as file:
        contigs = file.references
        for record in file.fetch(until_eof=True):
            flag = record.flag
            if flag & 0x900:
                continue
            if flag & 0x4:
                unmapped += 1
                continue
            placed[record.mapping_quality] += 1
            wrong[record.mapping_quality] += not _is_right(record, flag, contigs[record.reference_id])
    return Tally(placed, wrong, unmapped)


def _is_right(record: pysam.AlignedSegment, flag: int, contig: str) -> bool:
    """Whether the alignment lies where the read's name says."""
    haplotype_and_contig, *places, _ = record.query_name.rsplit("_", 5)
    place, reverse = places[2:] if flag & 0x80 else places[:2]
    if reverse != ("1" if flag & 0x10 else "0") or haplotype_and_contig.partition("_")[2] != contig:
        return False
    first, _, last = place.partition("-")
    off = record.reference_start + 1 - int(first)
    if -NEAR_BP <= off <= NEAR_BP or -NEAR_BP <= off - _clipped(record.cigartuples[0]) <= NEAR_BP:
        return True
    if not last:
        return False
    off = record.reference_end - int(last)
    return -NEAR_BP <= off <= NEAR_BP or -NEAR_BP <= off + _clipped(record.cigartuples[-1]) <= NEAR_BP


def _clipped(end: tuple[int, int]) -> int:
    """Bases of an outer CIGAR operation if it is a soft clip."""
    operation, length = end
    return length if operation == _SOFT_CLIP else 0


def summary(tally: Tally) -> dict[str, Any]:
    """Return the figures of a benchmark's row: percent of all reads, and errors at MAPQ thresholds.

    Returns
    -------
    reads, unmapped : counts
    right_percent, placed20_percent : of all reads, at their place; placed with MAPQ >= 20
    at_least : for each of THRESHOLDS how many are placed and wrong, and the share of these (None of none)
    calibration : see ``calibration``
    """
    right = tally.placed - tally.wrong
    reads = max(1, tally.reads)
    at_least = [
        {
            "mapping_quality": low,
            "placed": int(tally.placed[low:].sum()),
            "wrong": int(tally.wrong[low:].sum()),
            "wrong_percent": 100 * int(tally.wrong[low:].sum()) / reads,
        }
        for low in THRESHOLDS
    ]
    return {
        "reads": tally.reads,
        "unmapped": tally.unmapped,
        "right_percent": 100 * int(right.sum()) / reads,
        "wrong": int(tally.wrong.sum()),
        "placed20_percent": 100 * int(tally.placed[20:].sum()) / reads,
        "at_least": at_least,
        "calibration": calibration(tally),
    }


def calibration(tally: Tally) -> list[dict[str, Any]]:
    """Observed errors of each bin of mapping qualities beside what the qualities promise.

    Returns
    -------
    rows : bin's ``low`` and ``high`` quality; reads ``placed`` and ``wrong``; ``expected_errors``, the sum
        of 10^(-Q/10); ``observed`` and ``expected`` error rates; ``observed_low`` and ``observed_high``, the
        95 % interval of the observed rate (Wilson). Bins without reads are left out
    """
    promised = 10.0 ** (-np.arange(_TOP + 1) / 10)
    rows = []
    for low, after in zip(BINS, (*BINS[1:], _TOP + 1), strict=True):
        placed, wrong = int(tally.placed[low:after].sum()), int(tally.wrong[low:after].sum())
        if placed == 0:
            continue
        expected = float((tally.placed[low:after] * promised[low:after]).sum())
        interval = wilson(wrong, placed)
        rows.append(
            {
                "low": low,
                "high": min(after - 1, int(np.flatnonzero(tally.placed[:after])[-1])),
                "placed": placed,
                "wrong": wrong,
                "expected_errors": expected,
                "observed": wrong / placed,
                "expected": expected / placed,
                "observed_low": interval[0],
                "observed_high": interval[1],
            }
        )
    return rows


def wilson(n_wrong: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share.

    Examples
    --------
    >>> [round(bound, 3) for bound in wilson(1, 100)]
    [0.002, 0.054]
    """
    share, shrink = n_wrong / n, 1 + z * z / n
    centre = (share + z * z / (2 * n)) / shrink
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / shrink
    return max(0.0, centre - half), min(1.0, centre + half)

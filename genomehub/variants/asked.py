"""Alleles that somebody asked for (``--alleles``): genotyped and reported whatever the reads say.

Their places become active, each one alone is a candidate haplotype, and the events that these haplotypes
are cut into are reported. Nothing of this happens, or costs, where no allele was asked for.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels.events import Events
from genomehub.kernels.region_reads import cut_reads
from genomehub.variants.haplotypes import Haplotypes
from genomehub.variants.pileup import Window

#: Longer alleles (bp of REF or ALT) do not fit into an active region with their surroundings.
LONGEST = 100


class AskedAlleles(NamedTuple):
    """Alleles, left-aligned and trimmed, sorted by place.

    contig_index : (n,) int32; start : (n,) int64, 0-based bp of REF's first base; ref_length : (n,) int64
    codes : (n_bases,) uint8, bases of all ALTs; offsets : (n + 1,) int64
    """

    contig_index: np.ndarray
    start: np.ndarray
    ref_length: np.ndarray
    codes: np.ndarray
    offsets: np.ndarray

    def chosen(self, which: np.ndarray) -> "AskedAlleles":
        """Return the alleles of numbers ``which`` ((m,) int64)."""
        offsets = np.concatenate([[0], np.cumsum(np.diff(self.offsets)[which])]).astype(np.int64)
        codes = np.empty(offsets[-1], dtype=np.uint8)
        cut_reads(self.codes, self.offsets[which], self.offsets[which + 1], offsets, codes)
        return AskedAlleles(
            self.contig_index[which], self.start[which], self.ref_length[which], codes, offsets
        )

    def starts_in(self, contig_index: int, start: int, end: int) -> np.ndarray:
        """Return the numbers of the alleles whose REF starts in a span, ascending."""
        mine = self.contig_index == contig_index
        return np.flatnonzero(mine & (self.start >= start) & (self.start < end))

    def in_window(self, window: Window) -> "AskedAlleles":
        """Return the alleles that lie in a window with a base to spare, ``start`` being rows of it."""
        low, high = window.start + 1, window.start + window.reference.size - 1
        which = self.starts_in(window.contig_index, low, high)
        which = which[self.start[which] + self.ref_length[which] < high]
        chosen = self.chosen(which)
        return chosen._replace(start=chosen.start - window.start)


def asked_rows(asked: AskedAlleles | None, window: Window) -> np.ndarray | None:
    """Return (n_rows,) bool: rows of REF, and the one behind it, of the alleles of ``in_window``."""
    if asked is None:
        return None
    edges = np.zeros(window.reference.size + 1, dtype=np.int64)
    np.add.at(edges, asked.start, 1)
    np.add.at(edges, asked.start + asked.ref_length + 1, -1)
    return np.cumsum(edges)[:-1] > 0


def with_asked(
    haplotypes: Haplotypes, regions: np.ndarray, asked: AskedAlleles, window: Window
) -> tuple[Haplotypes, np.ndarray]:
    """Put the reference with each allele alone behind the haplotypes of the allele's region.

    Returns
    -------
    haplotypes : Haplotypes; is_asked : (n_haplotypes,) bool
    """
    n_regions = regions.shape[0]
    of_allele = np.searchsorted(regions[:, 0], asked.start, side="right") - 1
    pieces = [haplotypes.sequences]
    owners = np.repeat(np.arange(n_regions), np.diff(haplotypes.region_offsets)).tolist()
    for i, region in enumerate(of_allele.tolist()):
        first, last = int(asked.start[i]), int(asked.start[i] + asked.ref_length[i])
        if region < 0 or first >= regions[region, 1] or last > haplotypes.high[region]:
            continue  # of a region that another partition answers for
        alt = asked.codes[asked.offsets[i] : asked.offsets[i + 1]]
        low, high = haplotypes.low[region], haplotypes.high[region]
        pieces.append(np.concatenate([window.reference[low:first], alt, window.reference[last:high]]))
        owners.append(region)
    owner = np.array(owners, dtype=np.int64)
    sizes = np.concatenate([np.diff(haplotypes.offsets), [piece.size for piece in pieces[1:]]])
    begin = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    order = np.argsort(owner, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(sizes[order])]).astype(np.int64)
    sequences = np.empty(offsets[-1], dtype=np.uint8)
    cut_reads(np.concatenate(pieces), begin[order], begin[order + 1], offsets, sequences)
    counts = np.bincount(owner, minlength=n_regions)
    region_offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    joined = haplotypes._replace(sequences=sequences, offsets=offsets, region_offsets=region_offsets)
    return joined, order >= haplotypes.offsets.size - 1


def asked_events(events: Events, is_asked: np.ndarray) -> np.ndarray:
    """Return (n_events,) bool: events of the haplotypes that ``is_asked`` ((n_haplotypes,) bool) names."""
    out = np.zeros(events.row.size, dtype=bool)
    out[events.of_haplotype[np.repeat(is_asked, np.diff(events.haplotype_offsets))]] = True
    return out

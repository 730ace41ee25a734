"""Plain twin of genomehub.kernels.slippage: every read against every tract."""

from genomehub.types import CigarOp


def tally_lengths(reads, tracts, flank, max_change):
    """Count reads by the length they give each tract.

    reads : [(start, cigar as [(op, length)])]; tracts : [(first, last)], in the same coordinates
    """
    counts = [[0] * (2 * max_change + 1) for _ in tracts]
    for start, cigar in reads:
        at, indels = start, []
        for op, length in cigar:
            if op == CigarOp.I:
                indels.append((at, at, length))
            if op == CigarOp.D:
                indels.append((at, at + length, -length))
            if op in (CigarOp.M, CigarOp.D, CigarOp.N, CigarOp.EQ, CigarOp.X):
                at += length
        for t, (first, last) in enumerate(tracts):
            if start + flank > first or last + flank > at:
                continue
            change = 0
            for begin, end, size in indels:
                if size > 0 and first <= begin <= last:
                    change += size
                if size < 0 and set(range(begin, end)) & set(range(first, last)):
                    change += size
            counts[t][max_change + min(max(change, -max_change), max_change)] += 1
    return counts

"""Which reads are kept where too many start: a draw by name, the same in every run and for both mates."""

import numpy as np

from genomehub.kernels._jit import kernel
from genomehub.kernels.region_reads import mixed

#: bp of the stretches, counted from the contig's first base, within which starts are counted
STRETCH = 100
#: Makes these draws independent of those that variants.region_reads makes of the same names.
_SALT = np.uint64(0x5851F42D4C957F2D)


@kernel
def keep_starts(start, name_hash, most):
    """Choose at most ``most`` names of those that start in a stretch.

    Parameters
    ----------
    start : (n,) int32, 0-based, ascending, of one contig
    name_hash : (n,) uint64, equal for mates
    most : reads of a stretch that are kept; more only where the last draw is that of several reads (mates)

    Returns
    -------
    keep : (n,) bool

    Notes
    -----
    Keeping the least draws of the least draws keeps the least of all: a stretch may come in pieces.
    Cost        O(n)
    Plain twin  tests/plain/depth.py
    """
    n = start.size
    keep = np.ones(n, np.bool_)
    first = 0
    while first < n:
        last = first + 1
        while last < n and start[last] // STRETCH == start[first] // STRETCH:
            last += 1
        if last - first > most:
            draws = np.empty(last - first, np.uint64)
            for i in range(first, last):
                draws[i - first] = mixed(name_hash[i] ^ _SALT)
            largest = np.partition(draws, most - 1)[most - 1]
            for i in range(first, last):
                keep[i] = draws[i - first] <= largest
        first = last
    return keep

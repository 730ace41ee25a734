"""Ragged problems to lanes: helpers of the vector kernels, which work many problems side by side."""

import numpy as np

from genomehub.kernels._jit import inline


@inline
def longest(offsets):
    """Return the length of the longest item of a ragged array, 0 if there is none."""
    length = 0
    for p in range(offsets.size - 1):
        length = max(length, offsets[p + 1] - offsets[p])
    return length


@inline
def by_length(offsets, start, end):
    """Return items start..end - 1 of a ragged array from the shortest to the longest, ties in their order.

    Items of like length then share the lanes of a vector with little waste (counting sort).
    """
    longest_item = 0
    for p in range(start, end):
        longest_item = max(longest_item, offsets[p + 1] - offsets[p])
    places = np.zeros(longest_item + 2, np.int64)
    for p in range(start, end):
        places[offsets[p + 1] - offsets[p] + 1] += 1
    for length in range(longest_item + 1):
        places[length + 1] += places[length]
    order = np.empty(end - start, np.int64)
    for p in range(start, end):
        length = offsets[p + 1] - offsets[p]
        order[places[length]] = p
        places[length] += 1
    return order

"""Plain twin of kernels/depth.py."""

from collections import defaultdict


def draw(name_hash):
    """SplitMix64's finaliser of a salted hash."""
    value = name_hash ^ 0x5851F42D4C957F2D
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
    return value ^ value >> 31


def keep_starts(starts, names, most):
    """Whether each read is kept."""
    stretches = defaultdict(list)
    for start, name in zip(starts, names, strict=True):
        stretches[start // 100].append(draw(name))
    limits = {place: sorted(draws)[:most][-1] for place, draws in stretches.items()}
    return [draw(name) <= limits[start // 100] for start, name in zip(starts, names, strict=True)]

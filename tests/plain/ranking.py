"""Plain twin of the parts in kernels/ranking.py.

An alignment is (first, last, score, is_alt): its span on the read as sequenced. A list of them is ranked:
those on the primary assembly first, each kind from the best downwards.
"""


def share_the_read(a, b):
    """Whether the shorter of two spans shares half of itself, or more, with the other."""
    mine, theirs = set(range(a[0], a[1])), set(range(b[0], b[1]))
    return bool(mine & theirs) and 2 * len(mine & theirs) >= min(len(mine), len(theirs))


def masters_of(ranked, order):
    """For each of the ranked the part that it is another place of, -1 if none or not in ``order``."""
    masters, parts = [-1] * len(ranked), []
    for i in order:
        sharing = [j for j in parts if share_the_read(ranked[i], ranked[j])]
        if sharing:
            masters[i] = sharing[0]
        else:
            parts.append(i)
    return masters


def mark_parts(ranked):
    """Masters among the alignments on the primary assembly, and among all."""
    assembly = [i for i, row in enumerate(ranked) if not row[3]]
    by_score = sorted(range(len(ranked)), key=lambda i: -ranked[i][2])
    return masters_of(ranked, assembly), masters_of(ranked, by_score)

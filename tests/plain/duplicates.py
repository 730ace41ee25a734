"""Duplicates by the rules of picard MarkDuplicates, read by read with dictionaries."""

import itertools
import re

MIN_QUALITY = 15
MAX_SCORE = 16383


def unclipped_end(read):
    """(contig, unclipped 5' position, reverse?) of a mapped read: dict with contig, start, cigar, reverse."""
    position = read["start"]
    operations = read["cigar"]
    if not read["reverse"]:
        for length, op in operations:
            if op not in "SH":
                break
            position -= length
        return (read["contig"], position, False)
    position += sum(length for length, op in operations if op in "MDN=X") - 1
    for length, op in reversed(operations):
        if op not in "SH":
            break
        position += length
    return (read["contig"], position, True)


def score(read):
    if 255 in read["quals"]:  # a read without qualities
        return 0
    return min(sum(q for q in read["quals"] if q >= MIN_QUALITY), MAX_SCORE)


def location(name):
    """(tile, x, y) of a read name; (-1, -1, -1) if it tells none."""
    fields = name.split(":")
    numbers = [re.match(r"-?\d+", field) for field in fields[-3:]]
    if len(fields) not in (5, 7) or None in numbers:
        return (-1, -1, -1)
    return tuple(int(number[0]) for number in numbers)


def sets_of(templates):
    """Sets of pairs and of lone reads with equal ends, each in picard's order; and all ends of pairs.

    A template is (library, read group, name, [reads]); an unmapped read has contig None. A member of a set is
    (location, index, score, read group, orientation).
    """
    pairs, lone, paired_ends = {}, {}, set()
    for t, (library, group, name, reads) in enumerate(templates):
        mapped = [read for read in reads if read["contig"] is not None]
        as_sequenced = [unclipped_end(read) for read in mapped]
        ends = sorted(as_sequenced)
        strands = [reverse for _, _, reverse in as_sequenced]
        member = (location(name), t, sum(score(read) for read in mapped), group, strands == [True, False])
        if len(mapped) == 2:
            pairs.setdefault((library, *ends), []).append(member)
            paired_ends.update((library, end) for end in ends)
        elif mapped:
            lone.setdefault((library, ends[0]), []).append(member)
    return {k: sorted(v) for k, v in pairs.items()}, {k: sorted(v) for k, v in lone.items()}, paired_ends


def best_of(members):
    return max(members, key=lambda member: member[2])  # the first of equals


def duplicates(templates):
    """Indices of duplicate templates."""
    pairs, lone, paired_ends = sets_of(templates)
    found = set()
    for members in pairs.values():
        found.update(m[1] for m in members if m != best_of(members))
    for end, members in lone.items():
        best = None if end in paired_ends else best_of(members)
        found.update(m[1] for m in members if m != best)
    return found


def optical(templates, distance):
    """Indices of templates that are optical duplicates."""
    found = set()
    for members in sets_of(templates)[0].values():
        for orientation in (False, True):
            found.update(optical_of([m for m in members if m[4] == orientation], best_of(members), distance))
    return found


def optical_of(members, best, distance):
    def are_close(a, b):
        (tile, x, y), (other_tile, other_x, other_y) = a[0], b[0]
        return (
            a[3] == b[3] and tile == other_tile != -1
            and abs(x - other_x) <= distance and abs(y - other_y) <= distance
        )  # fmt: skip

    keeper = best if best in members and best[0][0] != -1 else None
    if len(members) < 4:  # picard: getOpticalDuplicatesFlagFast
        flagged = {m[1] for m in members if keeper and m != keeper and are_close(m, keeper)}
        for a, b in itertools.combinations([m for m in members if m != keeper], 2):
            if are_close(a, b) and not {a[1], b[1]} <= flagged:
                flagged.add(a[1] if b[1] in flagged else b[1])
        return flagged
    clusters = []
    for m in members:
        near = [c for c in clusters if any(are_close(m, other) for other in c)]
        clusters = [c for c in clusters if c not in near] + [[m, *itertools.chain(*near)]]
    flagged = set()
    for cluster in clusters:
        kept = keeper if keeper in cluster else min(cluster)
        flagged.update(m[1] for m in cluster if m != kept)
    return flagged

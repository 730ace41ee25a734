"""Plain twin of genomehub.kernels.pileup and of the events of reads: one base at a time, dictionaries."""

import math


def walk(read):
    """Yield (op, query index, row, length) of a Read's CIGAR; rows are reference places."""
    query, row = 0, read.start
    for length, op in read.cigar:
        yield op, query, row, length
        if op in "MIS=X":
            query += length
        if op in "MDN=X":
            row += length


def aligned_pairs(read):
    return {row + k: query + k for op, query, row, n in walk(read) for k in range(n) if op in "M=X"}


def settle_mates(one, two, quals_one, quals_two):
    """Base qualities after overlapping mates (the first starts first) are made to count once; in place."""
    places_one, places_two = aligned_pairs(one), aligned_pairs(two)
    for place in places_one.keys() & places_two.keys():
        i, j = places_one[place], places_two[place]
        q, r = quals_one[i], quals_two[j]
        same = one.bases[i] == two.bases[j]
        if q >= r:
            quals_one[i], quals_two[j] = (q if same else q - r), 0
        else:
            quals_one[i], quals_two[j] = 0, (r if same else r - q)


def leftmost_deletion(reference, start, end, limit):
    while start > limit and reference[start - 1] == reference[end - 1]:
        start, end = start - 1, end - 1
    return start


def leftmost_insertion(reference, start, text, limit):
    while start > limit and reference[start - 1] == text[-1]:
        start, text = start - 1, text[-1] + text[:-1]
    return start, text


def tally(reads, reference, min_quality, min_clip):
    """Counters by place: bases (place, strand, base), likelihoods, and the events of each kind."""
    bases, likelihood = {}, {}
    counts = {name: {} for name in ("deleted", "insertions", "deletions", "end", "clips", "ends", "spans")}

    def add(name, place):
        counts[name][place] = counts[name].get(place, 0) + 1

    for read in reads:
        strand, block = (read.flag >> 4) & 1, read.start
        for op, query, row, n in walk(read):
            if op in "M=X":
                block = row
                for k in range(n):
                    add("spans", row + k)
                    _tally_base(read, query + k, row + k, strand, reference, min_quality, bases, likelihood)
            elif op == "D":
                for k in range(n):
                    add("deleted", row + k)
                    add("spans", row + k)
                anchor = leftmost_deletion(reference, row, row + n, max(block, 1)) - 1
                add("deletions", anchor)
                counts["end"][anchor] = max(counts["end"].get(anchor, 0), anchor + 1 + n)
            elif op == "I":
                text = read.bases[query : query + n]
                add("insertions", leftmost_insertion(reference, row, text, max(block, 1))[0] - 1)
            elif op == "S" and n >= min_clip:
                add("clips", row if query == 0 else row - 1)
        add("ends", max(row + n for op, _, row, n in walk(read) if op in "MDN=X"))
    return bases, likelihood, counts


def _tally_base(read, query, place, strand, reference, min_quality, bases, likelihood):
    base, quality = read.bases[query], min(read.quals[query], 60)
    if base == "N" or quality < min_quality:
        return
    key = (place, strand, base)
    bases[key] = bases.get(key, 0) + 1
    error = min(10 ** (-quality / 10), 0.75)
    match, mismatch = 1 - error, error / 3
    same = base == reference[place]
    one = likelihood.setdefault(place, [0.0, 0.0, 0.0])
    one[0] += math.log10(match if same else mismatch)
    one[1] += math.log10((match + mismatch) / 2)
    one[2] += math.log10(mismatch if same else match)


def read_events(read, reference, low, high, min_quality):
    """Differences inside low:high as (place, kind, length, text), indels as far left as the read matches."""
    out, clean = [], max(read.start, 1)
    for op, query, row, n in walk(read):
        if op in "M=X":
            for k in range(n):
                base = read.bases[query + k]
                if base != reference[row + k]:
                    clean = max(row + k + 1, 1)
                    good = (
                        base in "ACGT"
                        and reference[row + k] in "ACGT"
                        and read.quals[query + k] >= min_quality
                    )
                    if good and low <= row + k < high:
                        out.append((row + k, "SUB", 1, base))
        elif op == "D":
            start = leftmost_deletion(reference, row, row + n, clean)
            if low < start and start + n < high:
                out.append((start, "DEL", n, ""))
            clean = row + n
        elif op == "I":
            start, text = leftmost_insertion(reference, row, read.bases[query : query + n], clean)
            if low < start < high:
                out.append((start, "INS", n, text))
            clean = row
    return out

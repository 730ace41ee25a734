"""Plain twin of genomehub.kernels.realign: every gap at every base of a Read, each priced in full."""

MISMATCH, GAP, DELETED_STEP, INSERTED_STEP = 4, 6, 8, 2


def cost(bases, quals, cigar, start, reference, least_quality):
    """What an alignment costs, None if it leaves the reference. Clipped bases lie where no gap puts them."""
    total, query, row, leading = 0, 0, start, True
    for length, op in cigar:
        if op == "D":
            row, total = row + length, total + GAP + length // DELETED_STEP
        elif op == "I":
            query, total = query + length, total + GAP + length // INSERTED_STEP
        else:
            at = row - length if op == "S" and leading else row
            for k in range(length):
                if not 0 <= at + k < len(reference):
                    return None
                base = bases[query + k]
                if base != reference[at + k] and base in "ACGT" and quals[query + k] >= least_quality:
                    total += MISMATCH
            query += length
            row += length if op == "M" else 0
        leading = leading and op == "S"
    return total


def base_by_base(cigar, start):
    """(operation, row) of each base of the read; an inserted one has no row."""
    out, row, leading = [], start, True
    for length, op in cigar:
        at = row - length if op == "S" and leading else row
        if op != "D":
            out += [(op, None if op == "I" else at + k) for k in range(length)]
        row += length if op in "MD" else 0
        leading = leading and op == "S"
    return out


def part(cigar, first, last):
    """Operations of bases first:last, with the gaps between them."""
    out, query = [], 0
    for length, op in cigar:
        if op == "D":
            if first < query < last:
                out.append((length, op))
            continue
        n = min(last, query + length) - max(first, query)
        if n > 0:
            out.append((n, op))
        query += length
    return out


def best_gap(read, reference, longest, least_part, least_quality):
    """Least (cost, length) of all alignments that keep one part and move the other by one gap.

    (cost of the read's own alignment, 0) if none is cheaper.
    """
    n, bases, quals = len(read.bases), read.bases, read.quals
    best = (cost(bases, quals, read.cigar, read.start, reference, least_quality), 0)
    places = base_by_base(read.cigar, read.start)
    for inserted in range(longest + 1):
        for deleted in range(1, longest + 1) if inserted == 0 else [0]:
            gap = [(deleted, "D")] if deleted else [(inserted, "I")]
            for left in range(least_part, n - inserted - least_part + 1):
                right = left + inserted
                tries = []
                if places[left - 1][0] == "M":
                    tries.append((read.start, [*part(read.cigar, 0, left), *gap, (n - right, "M")]))
                if places[right][0] == "M":
                    start = places[right][1] - deleted - left
                    tries.append((start, [(left, "M"), *gap, *part(read.cigar, right, n)]))
                for start, cigar in tries:
                    price = cost(bases, quals, cigar, start, reference, least_quality)
                    if price is not None:
                        best = min(best, (price, deleted or inserted))
    return best

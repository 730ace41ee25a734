"""Tails of reads as a plain reader finds them. Bases are letters."""

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def poly_g(read, least):
    """Bases before the tail of G: one mismatch in eight, five at most; the first base of the tail is a G."""
    mismatches, first = 0, len(read)
    for i, base in enumerate(reversed(read)):
        if base == "G":
            first = len(read) - 1 - i
        else:
            mismatches += 1
        if mismatches > 5 or (mismatches > (i + 1) // 8 and i >= least - 1):
            return first if i >= least else len(read)
    return first if len(read) >= least else len(read)


def template_length(first, second, min_overlap, bases_per_mismatch):
    """The length at which mates, one reversed, overlap best; longer ones first; -1 for none."""
    found, best = -1, 0
    for length in range(max(len(first), len(second)) - 1, 0, -1):
        pairs = [
            (first[i], second[length - 1 - i].translate(COMPLEMENT))
            for i in range(length)
            if i < len(first) and length - 1 - i < len(second)
        ]
        wrong = sum(a != b for a, b in pairs)
        if (
            len(pairs) >= min_overlap
            and wrong <= len(pairs) // bases_per_mismatch
            and len(pairs) - 5 * wrong > best
        ):
            found, best = length, len(pairs) - 5 * wrong
    return found


def adapter(read, adapters, min_adapter, bases_per_mismatch):
    """Bases before the first adapter, whole or cut off by the read's end; one of the first may be wrong."""

    def wrong(a, b):
        return sum(x != y for x, y in zip(a, b, strict=False))

    for start in range(len(read) - min_adapter + 1):
        for known in adapters:
            seen = read[start : start + len(known)]
            few_first = wrong(seen[:min_adapter], known) <= max(min_adapter // bases_per_mismatch, 1)
            if few_first and wrong(seen, known) <= len(seen) // bases_per_mismatch:
                return start
    return len(read)


def keep_lengths(
    mates, trims_adapters, least_g, adapters, min_overlap=30, min_adapter=8, bases_per_mismatch=10
):
    """Bases to keep of one template's reads."""
    kept = [poly_g(read, least_g) if least_g else len(read) for read in mates]
    if not trims_adapters:
        return kept
    mates = [read[:n] for read, n in zip(mates, kept, strict=True)]
    if len(mates) == 2:
        length = template_length(*mates, min_overlap, bases_per_mismatch)
        if length >= 0:
            return [min(len(read), length) for read in mates]
    return [adapter(read, adapters, min_adapter, bases_per_mismatch) for read in mates]


def clip_tail(cigar, tail, is_reverse):
    """A CIGAR ((length, letter) pairs) of a read whose last ``tail`` bases as sequenced were left out."""
    if not cigar or tail == 0:
        return list(cigar)
    parts = list(reversed(cigar)) if is_reverse else list(cigar)
    if parts[-1][1] in "SH":
        parts[-1] = (parts[-1][0] + tail, parts[-1][1])
    else:
        parts.append((tail, "H" if parts[0][1] == "H" else "S"))
    return parts[::-1] if is_reverse else parts

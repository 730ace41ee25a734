"""Duplicates by the rules of picard MarkDuplicates, read by read with dictionaries."""

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
    return min(sum(q for q in read["quals"] if q >= MIN_QUALITY), MAX_SCORE)


def duplicates(templates):
    """Indices of duplicate templates; a template is (library, [reads]), an unmapped read has contig None."""
    pairs, lone, paired_ends = {}, {}, set()
    for t, (library, reads) in enumerate(templates):
        mapped = [read for read in reads if read["contig"] is not None]
        ends = sorted(unclipped_end(read) for read in mapped)
        total = sum(score(read) for read in mapped)
        if len(mapped) == 2:
            pairs.setdefault((library, *ends), []).append((-total, t))
            paired_ends.update((library, end) for end in ends)
        elif mapped:
            lone.setdefault((library, ends[0]), []).append((-total, t))
    found = set()
    for group in pairs.values():
        found.update(t for _, t in sorted(group)[1:])
    for end, group in lone.items():
        found.update(t for _, t in sorted(group)[0 if end in paired_ends else 1 :])
    return found

"""Plain twin of genomehub.quality.haplotypes: every subset in every phase, haplotypes spelt out in full."""

import itertools

from genomehub.quality.haplotypes import Event


def spell(text, offset, chosen, haplotype):
    """The sequence of one haplotype, None if two of ``chosen`` ((event, option) pairs) overlap on it."""
    edits = sorted(
        (event.start, event.end, option[haplotype])
        for event, option in chosen
        if option[haplotype] is not None
    )
    sequence, at = "", offset
    last_insertion = None
    for start, end, bases in edits:
        if start < at or (start == end and last_insertion == start):
            return None
        sequence += text[at - offset : start - offset] + bases
        at = end
        last_insertion = start if start == end else None
    return sequence + text[at - offset :]


def choices(events):
    """Every way to choose some events, each with one of its options."""
    for size in range(len(events) + 1):
        for subset in itertools.combinations(events, size):
            for options in itertools.product(*(event.options for event in subset)):
                yield list(zip(subset, options, strict=True))


def largest_match(events, text, offset):
    """Largest number of events, some of either side, whose pairs of haplotypes agree."""
    n_haplotypes = len(events[0].options[0])
    spelt = []
    for side in (0, 1):
        table = {}
        for chosen in choices([event for event in events if event.side == side]):
            haplotypes = [spell(text, offset, chosen, h) for h in range(n_haplotypes)]
            if None not in haplotypes:
                table.setdefault(tuple(haplotypes), []).append([event for event, _ in chosen])
        spelt.append(table)
    best = 0
    for haplotypes, truths in spelt[0].items():
        for turned in {haplotypes, haplotypes[::-1]}:
            for calls in spelt[1].get(turned, []):
                best = max([best, *(len(truth) + len(calls) for truth in truths if truth and calls)])
    return best


def event_of_record(position, alleles, genotype, side, member):
    """An ``Event`` of one VCF record as its text says it, None if it calls nothing.

    A missing allele, ``*`` and symbolic alleles are the reference; a haploid genotype counts twice.
    """
    indices = genotype.replace("|", "/").split("/")
    indices = indices * 2 if len(indices) == 1 else indices
    called = [None if index in ".0" else alleles[int(index)] for index in indices]
    called = [None if text is None or not set(text) <= set("ACGT") else text for text in called]
    if called == [None, None]:
        return None
    texts = [alleles[0], *(text for text in called if text is not None)]
    n_last = n_shared([text[::-1] for text in texts])
    n_first = n_shared([text[: len(text) - n_last] for text in texts])
    bases = tuple(None if text is None else text[n_first : len(text) - n_last] for text in called)
    start = position - 1
    options = tuple(dict.fromkeys((bases, bases[::-1])))
    return Event(start + n_first, start + len(alleles[0]) - n_last, options, side, member)


def n_shared(texts):
    """How many letters all texts begin with."""
    return max(n for n in range(min(map(len, texts)) + 1) if len({text[:n] for text in texts}) == 1)

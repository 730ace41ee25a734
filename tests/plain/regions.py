"""Plain twin of genomehub.kernels.regions.grow_over_copies: every distance, walk by walk."""


def alike_texts(codes, begin, end, lag, least, mismatch):
    """(first, last) of each text of ``codes[begin:end]`` that comes again ``lag`` further on, nearly."""
    walk, found = [], []
    for i in range(begin, end - lag):
        equal = codes[i] == codes[i + lag] and codes[i] <= 3
        score = (walk[-1][1] if walk else 0) + (1 if equal else mismatch)
        if score > 0:
            walk.append((i, score))
            continue
        found, walk = [*found, walk], []
    out = []
    for steps in [*found, walk]:
        best = max((score for _, score in steps), default=0)
        if best >= least:
            out.append((steps[0][0], next(i for i, score in steps if score == best) + 1))
    return out


def grow(codes, tract_end, span, shortest, longest, least, max_growth, max_span, mismatch):
    """The grown span, and the rows of its copies."""
    first, last = span
    begin, end = max(0, first - max_growth), min(len(codes), last + max_growth)
    copied = set()
    for lag in range(shortest, longest + 1):
        for start, stop in alike_texts(codes, begin, end, lag, least, mismatch):
            if tract_end[start] < stop + lag and start <= last and stop + lag >= first:
                copied |= set(range(start, stop + lag))
    grown = min([first, *copied]), max([last, *(row + 1 for row in copied)])
    return *(grown if grown[1] - grown[0] <= max_span else span), copied

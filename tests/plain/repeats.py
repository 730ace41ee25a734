"""Plain twin of genomehub.kernels.repeats: every period at every base, by looking left and right."""


def tract(codes, i, unit):
    """Bounds of the longest stretch of period ``unit`` around ``i``, None if it is no repeat."""
    n = len(codes)

    def linked(j):  # base j repeats the one a unit before it
        return unit <= j < n and codes[j] <= 3 and codes[j] == codes[j - unit]

    bounds = []
    for j in range(n):
        if linked(j):
            first = j
            while linked(first - 1):
                first -= 1
            last = j
            while linked(last + 1):
                last += 1
            bounds.append((first - unit, last + 1))
    holding = [b for b in bounds if b[0] <= i < b[1]]
    return max(holding, key=lambda b: (b[1] - b[0], -b[0]), default=None)


def tracts(codes, shortest):
    out = []
    for i in range(len(codes)):
        best = (0, i, i + 1)
        for unit in range(1, len(shortest)):
            found = tract(codes, i, unit)
            if found and found[1] - found[0] >= shortest[unit]:
                longer = found[1] - found[0] > best[2] - best[1]
                if best[0] == 0 or longer:
                    best = (unit, *found)
        out.append(best)
    return out


def gap_costs(codes, open_table, extend_table):
    out = []
    for i in range(len(codes)):
        best = (open_table[1][1], extend_table[1][1])
        for unit in range(1, len(open_table)):
            for first, last in _all_tracts(codes, unit):
                repeats = min((last - first) // unit, len(open_table[unit]) - 1)
                if first <= i < last and repeats >= 2 and open_table[unit][repeats] < best[0]:
                    best = (open_table[unit][repeats], extend_table[unit][repeats])
        out.append(best)
    return out


def _all_tracts(codes, unit):
    found, i = [], unit
    while i < len(codes):
        first = i
        while i < len(codes) and codes[i] <= 3 and codes[i] == codes[i - unit]:
            i += 1
        if i > first:
            found.append((first - unit, i))
        else:
            i += 1
    return found


def indel_repeats(reference, row, removed, added, most):
    """(unit, copies behind ``row``) of an indel that removes or adds text behind the base at ``row``."""
    text = removed or added
    for unit in range(1, most + 1):
        if len(text) % unit == 0 and text == text[:unit] * (len(text) // unit):
            copies, rest = 0, reference[row + 1 :]
            while rest[:unit] == text[:unit] and max(rest[:unit]) <= 3:
                copies, rest = copies + 1, rest[unit:]
            return unit, copies
    return 0, 0

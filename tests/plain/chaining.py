"""Plain twin of kernels/chaining.py: a hit is (strand, diagonal, position), a run a dictionary."""


def runs_of(hits, k):
    runs = []
    for strand, diagonal, position in sorted(hits):
        if not runs or (runs[-1]["strand"], runs[-1]["diagonal"]) != (strand, diagonal):
            runs.append({"strand": strand, "diagonal": diagonal, "bases": set(), "taken": False})
        runs[-1]["bases"] |= set(range(position, position + k))
    for run in runs:
        run["begin"], run["end"] = min(run["bases"]), max(run["bases"]) + 1
        run["covered"] = len(run["bases"])
    return runs


def gap_cost(gap):
    return max(1, gap.bit_length())


def pays(free, gap, scoring):
    gain = free * scoring.match + scoring.end_bonus
    return gain > scoring.gap_open + gap * scoring.gap_extend


def joined(anchor, run, span, length, scoring):
    """Bases that ``run`` adds to the chain over ``span`` of the read, the new span, and if that is sure."""
    shift = run["diagonal"] - anchor["diagonal"]
    begin, end = span
    if run["end"] > end and pays(length - end, abs(shift), scoring):
        gain = min(run["covered"], run["end"] - max(run["begin"], end + max(0, -shift))) - gap_cost(
            abs(shift)
        )
        if gain > 0:
            start = max(run["begin"], end + max(0, -shift))
            return gain, (begin, run["end"]), pays(length - start, abs(shift), scoring)
    if run["begin"] < begin and pays(begin, abs(shift), scoring):
        gain = min(run["covered"], min(run["end"], begin - max(0, shift)) - run["begin"]) - gap_cost(
            abs(shift)
        )
        if gain > 0:
            stop = min(run["end"], begin - max(0, shift))
            return gain, (run["begin"], end), pays(stop, abs(shift), scoring)
    return 0, span, False


def as_sequenced(strand, span, length):
    return {length - 1 - i for i in range(*span)} if strand else set(range(*span))


def chain_hits(hits, k, length, max_gap, max_candidates, min_ratio, min_part, scoring):
    """Candidates, each (strand, diagonal, low, high, anchor, covered)."""
    runs = runs_of(hits, k)
    candidates, floor, spanned = [], 0, set()
    while len(candidates) < max_candidates:
        free = [run for run in runs if not run["taken"]]
        if not free:
            break
        anchor = max(free, key=lambda run: run["covered"])
        if anchor["covered"] < floor:
            if max(min(spanned), length - 1 - max(spanned)) < min_part:
                break
            for run in free:
                mine = as_sequenced(run["strand"], (run["begin"], run["end"]), length)
                run["taken"] = 2 * len(mine & set(range(min(spanned), max(spanned) + 1))) > len(mine)
            floor = 0
            continue
        anchor["taken"] = True
        span, covered, reach = (anchor["begin"], anchor["end"]), anchor["covered"], {-1: 0, 1: 0}
        at = runs.index(anchor)
        for step, others in ((-1, runs[:at][::-1]), (1, runs[at + 1 :])):
            for run in others:
                shift = run["diagonal"] - anchor["diagonal"]
                if run["strand"] != anchor["strand"] or abs(shift) > max_gap:
                    break
                if run["taken"]:
                    continue
                gain, span, surely = joined(anchor, run, span, length, scoring)
                covered += gain
                if gain > 0:
                    reach[step] = shift
                run["taken"] = surely or abs(shift) <= length // 20
        floor = max(floor, min_ratio * covered)
        spanned |= as_sequenced(anchor["strand"], (anchor["begin"], anchor["end"]), length)
        candidates.append(
            (anchor["strand"], anchor["diagonal"], reach[-1], reach[1], anchor["begin"], covered)
        )
    return candidates

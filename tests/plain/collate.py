"""Mates as a plain reader matches them: a dictionary of who waits."""


def match_mates(reads):
    """For each read (name, group, kind) the index of its mate, -1 for none, -2 for single reads."""
    waiting, mates = {}, []
    for i, (name, group, kind) in enumerate(reads):
        if kind == 0:
            mates.append(-2)
            continue
        others = waiting.get((name, group, 3 - kind), [])
        if others:
            mates.append(others.pop(0))
            mates[mates[i]] = i
        else:
            mates.append(-1)
            waiting.setdefault((name, group, kind), []).append(i)
    return mates

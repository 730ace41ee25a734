"""Plain twin of the ungapped part of kernels/extension.py: every stretch is tried."""


def best_total(read, window, match, mismatch, end_bonus):
    """Best score, with bonuses for the read's ends, of any stretch of the diagonal; 0 if none is positive."""
    best = 0
    for start in range(len(read)):
        score = end_bonus if start == 0 else 0
        for end in range(start + 1, len(read) + 1):
            score += match if read[end - 1] == window[end - 1] else -mismatch
            best = max(best, score + (end_bonus if end == len(read) else 0))
    return best


def best_stretch(read, window, scoring):
    """(total, score of the best part, start, end) of the best stretch: of equals the one that reaches the
    read's end, then the one that ends first, then the one that starts last; all 0 if its score without
    bonuses is not positive."""
    best = (0, False, 0, 0, 0)
    for start in range(len(read)):
        score = 0
        for end in range(start + 1, len(read) + 1):
            score += scoring.match if read[end - 1] == window[end - 1] else -scoring.mismatch
            total = score + scoring.end_bonus * ((start == 0) + (end == len(read)))
            best = max(best, (total, end == len(read), -end, start, score))
    total, _, end, start, score = best
    if score <= 0:
        return 0, 0, 0, 0
    points = [scoring.match if a == b else -scoring.mismatch for a, b in zip(read, window, strict=True)]
    return total, best_part(points[start:-end]), start, -end


def best_part(points):
    """The greatest sum of consecutive points."""
    return max(sum(points[i:j]) for i in range(len(points)) for j in range(i + 1, len(points) + 1))


def choose_gapped(reads, most, ratio, exact_ratio):
    """Numbers of the candidates, (covered, score, exact) of each read, that are worth alignment with gaps."""
    chosen, first = [], 0
    for read in reads:
        part = exact_ratio if any(exact for _, _, exact in read) else ratio
        best_covered = max((covered for covered, _, _ in read), default=0)
        best_score = max((score for _, score, _ in read), default=0)
        inexact = [i for i, row in enumerate(read) if not row[2]]
        inexact = sorted(inexact, key=lambda i: -read[i][0])[:most]
        near = [i for i in inexact if read[i][0] >= part * best_covered or read[i][1] >= part * best_score]
        chosen += [first + i for i in sorted(near)]
        first += len(read)
    return chosen

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

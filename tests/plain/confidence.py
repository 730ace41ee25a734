"""Plain twin of genomehub.kernels.confidence: one row at a time, from the definitions."""


def supported(by_strand, reference, least, fraction):
    counts = [forward + reverse for forward, reverse in zip(*by_strand, strict=True)]
    if reference > 3:
        return False
    others = [count for base, count in enumerate(counts) if base != reference]
    return max(others) >= max(least, fraction * sum(counts))


def reference_likelihood(substitution, indel, with_indel, spanning, most):
    """(confidence, PLs): of the two comparisons that one counts whose second genotype is likelier."""
    without = max(spanning - with_indel, 0)
    of_indel = [without * one + with_indel * other for one, other in indel]
    of_base = [value - substitution[0] for value in substitution]
    chosen = of_indel if of_indel[1] > of_base[1] else of_base
    best = max(chosen)
    return -10 * chosen[1], [min(round(-10 * (value - best)), most) for value in chosen]

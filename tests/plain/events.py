"""Plain twins: events applied to a sequence, and normalised as bcftools norm does it."""


def apply(reference, events):
    """Sequence with (place, REF, ALT) applied, right to left."""
    sequence = reference
    for place, ref, alt in sorted(events, reverse=True):
        assert sequence[place : place + len(ref)] == ref
        sequence = sequence[:place] + alt + sequence[place + len(ref) :]
    return sequence


def normalise(reference, place, ref, alt):
    """Trim shared ends, and move left while the last bases are equal (Tan et al. 2015)."""
    while True:
        if ref and alt and ref[-1] == alt[-1] and (len(ref) > 1 or len(alt) > 1 or place > 0):
            ref, alt = ref[:-1], alt[:-1]
        elif not ref or not alt:
            place -= 1
            ref, alt = reference[place] + ref, reference[place] + alt
        else:
            break
        if (not ref or not alt) and place == 0:
            break
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        place, ref, alt = place + 1, ref[1:], alt[1:]
    return place, ref, alt

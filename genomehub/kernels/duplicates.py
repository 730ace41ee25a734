"""What picard MarkDuplicates looks at: both unclipped 5' ends of a template, their strands, base qualities,
and where on the flow cell it lay.

A *mark* is four words: the key of the first end, the key of the other end (ALONE for a read without a placed
mate), the rank (score, ordinal of the template, read group, orientation) and the location (tile, x, y, from
the read's name). Marks with the same keys duplicate each other. The key of a pair's other end is kept by
itself: lone reads that lie there are duplicates too.
"""

import numpy as np

from genomehub.kernels._jit import borrowing
from genomehub.kernels.vectors import load_word
from genomehub.types import CigarOp, Flag

#: In place of the key of a mate that is not placed.
ALONE = np.uint64(2**64 - 1)
#: Bits of a key: library, contig, position + BIAS, strand.
POSITION_BITS, CONTIG_BITS, LIBRARY_BITS = 33, 21, 9
#: Clipped bases may reach before the contig's start.
BIAS = 1 << 20
#: Bits of a rank below the score (best first): ordinal, read group, and whether strands are RF, not FR.
ORDINAL_BITS, GROUP_BITS = 36, 12
_ORDINAL_SHIFT = GROUP_BITS + 1
_SCORE_SHIFT = ORDINAL_BITS + _ORDINAL_SHIFT
#: Bits of a location: tile, x, y, each above its bias, so that locations sort as numbers.
PIXEL_BITS = 24
_TILE_BIAS, _PIXEL_BIAS = 1 << 15, 1 << (PIXEL_BITS - 1)
#: Location of a template whose name tells none: tile, x and y are -1, as in picard.
NO_LOCATION = np.uint64(((_TILE_BIAS - 1) << PIXEL_BITS | _PIXEL_BIAS - 1) << PIXEL_BITS | _PIXEL_BIAS - 1)
#: Sets above this size are not searched for optical duplicates (picard: MAX_OPTICAL_DUPLICATE_SET_SIZE).
MAX_OPTICAL_SET = 300_000
_COLON, _MINUS, _ZERO = 58, 45, 48
_NO_QUALITIES = 255  # SAM 1.6, section 4.2.3: of every base of a read without
_MAX_SCORE = 2 * 16383  # picard keeps a read's score in half of a signed 16-bit number

_UNMAPPED, _REVERSE = int(Flag.UNMAPPED), int(Flag.REVERSE)
_S, _H = int(CigarOp.S), int(CigarOp.H)
_REFERENCE_OPS = 0x18D  # M, D, N, =, X


@borrowing
def _end_key(row, library, alignments):
    """Key of a mapped row: library, contig, unclipped 5' end, strand."""
    cigars = alignments.cigars
    begin, end = alignments.cigar_offsets[row], alignments.cigar_offsets[row + 1]
    position = np.int64(alignments.start[row])
    is_reverse = np.int64(alignments.flag[row]) & _REVERSE != 0
    left = True  # of the first operation that is no clip
    for k in range(begin, end):
        op = np.int64(cigars[k] & np.uint32(15))
        length = np.int64(cigars[k] >> np.uint32(4))
        is_clip = op in (_S, _H)
        left = left and is_clip
        if is_reverse:
            if ((_REFERENCE_OPS >> op) & 1) or (is_clip and not left):
                position += length
        elif left:
            position -= length
    if is_reverse:
        position -= 1
    key = np.uint64(library)
    key = (key << np.uint64(CONTIG_BITS)) | np.uint64(alignments.contig_index[row])
    key = (key << np.uint64(POSITION_BITS)) | np.uint64(position + BIAS)
    return (key << np.uint64(1)) | np.uint64(is_reverse)


@borrowing
def _score(quals, start, end, min_quality):
    """Sum of the qualities of at least ``min_quality`` (below 128), eight at a time; 0 without qualities."""
    if start < end and quals[start] == _NO_QUALITIES:
        return np.int64(0)
    low_bytes = np.uint64(0x00FF00FF00FF00FF)
    tops = np.uint64(0x8080808080808080)
    lift = np.uint64(0x0101010101010101) * np.uint64(128 - min_quality)  # a quality that counts reaches 128
    total = 0
    i = start
    while i + 8 <= end:
        word = load_word(quals, i, 8)
        counts = (((word + lift) & tops) >> np.uint64(7)) * np.uint64(255)
        word &= counts
        pairs = (word & low_bytes) + (word >> np.uint64(8) & low_bytes)
        total += np.int64(pairs * np.uint64(0x0001000100010001) >> np.uint64(48))
        i += 8
    while i < end:
        if quals[i] >= min_quality:
            total += np.int64(quals[i])
        i += 1
    return min(total, _MAX_SCORE // 2)


@borrowing
def _number(text, start, end):
    """Number at ``start`` as picard reads it (sign, digits, anything else), and whether there is one."""
    at = start
    is_negative = at < end and text[at] == _MINUS
    if is_negative:
        at += 1
    value = 0
    n_digits = 0
    while at < end and _ZERO <= text[at] < _ZERO + 10 and n_digits < 12:
        value = 10 * value + np.int64(text[at]) - _ZERO
        n_digits += 1
        at += 1
    return (-value if is_negative else value), n_digits > 0


@borrowing
def location_of(names, start, end):
    """Location from a read name with 5 or 7 fields between colons, the last three being tile, x and y."""
    n_fields = 1
    for i in range(start, end):
        n_fields += names[i] == _COLON
    if n_fields not in (5, 7):
        return NO_LOCATION
    at = start
    for _ in range(n_fields - 3):
        while names[at] != _COLON:
            at += 1
        at += 1
    tile, has_tile = _number(names, at, end)
    while names[at] != _COLON:
        at += 1
    x, has_x = _number(names, at + 1, end)
    at += 1
    while names[at] != _COLON:
        at += 1
    y, has_y = _number(names, at + 1, end)
    x += _PIXEL_BIAS
    y += _PIXEL_BIAS
    if not (has_tile and has_x and has_y) or (x | y) >> PIXEL_BITS != 0:
        return NO_LOCATION
    word = np.uint64((tile + _TILE_BIAS) & 0xFFFF)  # picard keeps 16 bits of a tile
    return ((word << np.uint64(PIXEL_BITS) | np.uint64(x)) << np.uint64(PIXEL_BITS)) | np.uint64(y)


@borrowing
def template_marks(reads, alignments, first, library, min_quality, out):
    """Write the marks of a batch.

    Parameters
    ----------
    reads : ReadBatch; alignments : its AlignmentBatch
    first : (n_reads + 1,) int64, primary row of each read
    library : index of the library, below 2**LIBRARY_BITS - 1
    min_quality : Phred from which a base counts towards the score
    out : marks, (n_templates, 4) uint64; other_ends, (n_templates,) uint64, keys of pairs' other ends;
        examined, (4,) int64, to which pairs, lone mapped reads, unmapped reads, and pairs without location
        are added

    Returns
    -------
    number of marks, number of other ends
    """
    marks, other_ends, examined = out
    n_ends = reads.n_ends
    n = 0
    n_pairs = 0
    for template in range(reads.name_offsets.size - 1):
        score = 0
        n_mapped = 0
        low = ALONE
        high = ALONE
        for end in range(n_ends):
            read = template * n_ends + end
            row = first[read]
            if np.int64(alignments.flag[row]) & _UNMAPPED:
                continue
            n_mapped += 1
            score += _score(reads.quals, reads.offsets[read], reads.offsets[read + 1], min_quality)
            key = _end_key(row, library, alignments)
            is_low = key < low
            low, high = min(low, key), max(low, key) if n_mapped == 2 else ALONE
        examined[2] += n_ends - n_mapped
        if n_mapped == 0:
            continue
        rank = np.uint64(_MAX_SCORE - score) << np.uint64(_SCORE_SHIFT)
        rank |= np.uint64(reads.first_template + template) << np.uint64(_ORDINAL_SHIFT)
        rank |= np.uint64(reads.read_group) << np.uint64(1)
        location = location_of(reads.names, reads.name_offsets[template], reads.name_offsets[template + 1])
        examined[2 - n_mapped] += 1
        if n_mapped == 2:
            first_end, second_end = (high, low) if is_low else (low, high)  # as sequenced
            rank |= first_end & ~second_end & np.uint64(1)
            examined[3] += location == NO_LOCATION
            other_ends[n_pairs] = high
            n_pairs += 1
        marks[n, 0], marks[n, 1], marks[n, 2], marks[n, 3] = low, high, rank, location
        n += 1
    return n, n_pairs


@borrowing
def _precedes(marks, a, b):
    """Order of picard: by the other end, location, and then as read."""
    for word in (1, 3):
        if marks[a, word] != marks[b, word]:
            return marks[a, word] < marks[b, word]
    mask = (np.uint64(1) << np.uint64(_SCORE_SHIFT)) - np.uint64(1)
    return marks[a, 2] & mask < marks[b, 2] & mask


@borrowing
def _sort_group(marks, order, begin, end):
    """Shell sort of a group: marks of one key, mostly one or two."""
    gap = 1
    while gap < (end - begin) // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(begin + gap, end):
            item = order[i]
            j = i
            while j - gap >= begin and _precedes(marks, item, order[j - gap]):
                order[j] = order[j - gap]
                j -= gap
            order[j] = item
        gap //= 3


@borrowing
def _best(marks, order, begin, end):
    """Index into ``order`` of the mark that stays: the highest score, the first of equals."""
    best = begin
    for i in range(begin + 1, end):
        if marks[order[i], 2] >> np.uint64(_SCORE_SHIFT) < marks[order[best], 2] >> np.uint64(_SCORE_SHIFT):
            best = i
    return best


@borrowing
def _are_close(marks, a, b, distance):
    """Whether two templates lie within ``distance`` pixels of each other on one tile of one read group."""
    mask = np.uint64((1 << PIXEL_BITS) - 1)
    here, there = marks[a, 3], marks[b, 3]
    groups = (marks[a, 2] ^ marks[b, 2]) >> np.uint64(1) & np.uint64((1 << GROUP_BITS) - 1)
    if groups or (here ^ there) >> np.uint64(2 * PIXEL_BITS) or here == NO_LOCATION or there == NO_LOCATION:
        return False
    x = np.int64(here >> np.uint64(PIXEL_BITS) & mask) - np.int64(there >> np.uint64(PIXEL_BITS) & mask)
    y = np.int64(here & mask) - np.int64(there & mask)
    return abs(x) <= distance and abs(y) <= distance


@borrowing
def _optical_of_few(marks, members, n, keeper, distance, is_optical):
    """Two or three templates: those close to the one that stays, and one of two that are close together."""
    for i in range(n):
        is_near = keeper >= 0 and _are_close(marks, members[keeper], members[i], distance)
        is_optical[i] = is_near and i != keeper
    for i in range(n):
        for j in range(i + 1, n):
            if keeper in (i, j) or (is_optical[i] and is_optical[j]):
                continue
            if _are_close(marks, members[i], members[j], distance):
                is_optical[i if is_optical[j] else j] = True


@borrowing
def _root(parents, i):
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


@borrowing
def _optical_of_many(marks, members, n, keeper, distance, parents, is_optical):
    """Clusters of templates that are close: all but one of each, the one that stays or the first in order."""
    for i in range(n):
        parents[i] = i
    for i in range(n):
        if marks[members[i], 3] == NO_LOCATION:
            continue
        reach = marks[members[i], 3] + (np.uint64(distance + 1) << np.uint64(PIXEL_BITS))
        for j in range(i + 1, n):
            if marks[members[j], 3] >= reach:
                break
            if _are_close(marks, members[i], members[j], distance):
                a, b = _root(parents, i), _root(parents, j)
                parents[max(a, b)] = min(a, b)
    kept = _root(parents, keeper) if keeper >= 0 else -1
    for i in range(n):
        root = _root(parents, i)
        is_optical[i] = i != (keeper if root == kept else root)


@borrowing
def _find_optical(marks, order, span, best, distance, scratch):
    """Flag optical duplicates among the pairs ``span`` of one set in scratch; return how many there are.

    Pairs whose first reads lie on different ends come from different strands and are compared apart.
    ``scratch`` : members, parents, (n,) int64; flags of members; flags by place in ``order``, (n,) bool
    """
    members, parents, flags, is_optical = scratch
    begin, end = span
    n_optical = 0
    for orientation in range(2):
        n = 0
        keeper = -1
        for i in range(begin, end):
            if np.int64(marks[order[i], 2] & np.uint64(1)) == orientation:
                if i == best and marks[order[i], 3] != NO_LOCATION:
                    keeper = n
                members[n] = order[i]
                n += 1
        if n < 2 or n > MAX_OPTICAL_SET:
            for k in range(n):
                flags[k] = False
        elif n < 4:
            _optical_of_few(marks, members, n, keeper, distance, flags)
        else:
            _optical_of_many(marks, members, n, keeper, distance, parents, flags)
        k = 0
        for i in range(begin, end):
            if np.int64(marks[order[i], 2] & np.uint64(1)) == orientation:
                is_optical[i] = flags[k]
                n_optical += flags[k]
                k += 1
    return n_optical


@borrowing
def _count_set(set_sizes, size, n_optical):
    """Count a set of pairs by its size, its optical duplicates and one, and what is left without them."""
    last = set_sizes.shape[1]
    set_sizes[0, min(size, last) - 1] += 1
    if n_optical > 0:
        set_sizes[1, min(n_optical + 1, last) - 1] += 1
    if size > n_optical:
        set_sizes[2, min(size - n_optical, last) - 1] += 1


@borrowing
def find_duplicates(marks, order, other_ends, distance, scratch, out):
    """Decide which templates are duplicates, by picard's rules.

    Of pairs with the same ends the best one stays; a lone read is a duplicate if an end of any pair, or a
    better lone read, lies where it does. Duplicate pairs close to each other on the flow cell are optical.

    Parameters
    ----------
    marks : (n, 4) uint64
    order : (n,) int64, indices of marks in ascending order of their keys (rearranged within a key)
    other_ends : (n_pairs,) uint64, ascending
    distance : pixels within which duplicates are optical
    scratch : of _find_optical, for n marks
    out : ordinals, (n,) int64, receives the duplicate templates; optical, (n,) bool, whether they are;
        counts, (n_libraries, 3) int64, to which duplicate pairs, lone reads and optical pairs are added;
        set_sizes, (3, m) int64, to which sets of pairs are added (_count_set)

    Returns
    -------
    number of duplicate templates
    """
    ordinals, optical, counts, set_sizes = out
    is_optical = scratch[3]
    mask = (np.uint64(1) << np.uint64(ORDINAL_BITS)) - np.uint64(1)
    library_shift = np.uint64(CONTIG_BITS + POSITION_BITS + 1)
    n = 0
    begin = 0
    place = 0  # in other_ends
    while begin < order.size:
        key = marks[order[begin], 0]
        end = begin + 1
        while end < order.size and marks[order[end], 0] == key:
            end += 1
        if end - begin > 1:
            _sort_group(marks, order, begin, end)
        while place < other_ends.size and other_ends[place] < key:
            place += 1
        has_pair = marks[order[begin], 1] != ALONE  # lone reads are sorted last
        has_pair |= place < other_ends.size and other_ends[place] == key
        library = np.int64(key >> library_shift)
        while begin < end:
            opposite = marks[order[begin], 1]
            stop = begin + 1
            while stop < end and marks[order[stop], 1] == opposite:
                stop += 1
            is_alone = opposite == ALONE
            best = -1 if is_alone and has_pair else _best(marks, order, begin, stop)
            n_optical = 0
            if not is_alone:
                if stop - begin > 1:
                    n_optical = _find_optical(marks, order, (begin, stop), best, distance, scratch)
                    counts[library, 2] += n_optical
                _count_set(set_sizes, stop - begin, n_optical)
            for i in range(begin, stop):
                if i != best:
                    ordinals[n] = np.int64(marks[order[i], 2] >> np.uint64(_ORDINAL_SHIFT) & mask)
                    optical[n] = is_optical[i] and not is_alone
                    counts[library, np.int64(is_alone)] += 1
                    n += 1
            begin = stop
    return n

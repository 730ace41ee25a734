"""What picard MarkDuplicates looks at: both unclipped 5' ends of a template, their strands, base qualities.

A *mark* is three words: the key of an end, what stands opposite (the key of the mate's end, ALONE for a read
without a placed mate, or OTHER_END: the second end of a pair, which only outranks lone reads) and the rank
(best first: high score, then early template). Marks with the same key and opposite duplicate each other.
"""

import numpy as np

from genomehub.kernels._jit import borrowing
from genomehub.types import CigarOp, Flag

#: Opposite of a read without a placed mate, and of the second end of a pair.
ALONE = np.uint64(2**64 - 1)
OTHER_END = np.uint64(2**64 - 2)
#: Bits of a key: library, contig, position + BIAS, strand.
POSITION_BITS, CONTIG_BITS, LIBRARY_BITS = 33, 21, 9
#: Clipped bases may reach before the contig's start.
BIAS = 1 << 20
#: Bits of a rank below the score: the template's ordinal.
ORDINAL_BITS = 40
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
    total = 0
    for i in range(start, end):
        if quals[i] >= min_quality:
            total += np.int64(quals[i])
    return min(total, _MAX_SCORE // 2)


@borrowing
def template_marks(reads, alignments, first, library, min_quality, marks, examined):
    """Write the marks of a batch.

    Parameters
    ----------
    reads : ReadBatch; alignments : its AlignmentBatch
    first : (n_reads + 1,) int64, primary row of each read
    library : index of the library, below 2**LIBRARY_BITS - 1
    min_quality : Phred from which a base counts towards the score
    marks : (>= n_reads, 3) uint64, receives key, opposite, rank
    examined : (3,) int64, to which pairs, lone mapped reads and unmapped reads are added

    Returns
    -------
    number of marks: two of a pair, one of a lone mapped read
    """
    n_ends = reads.n_ends
    n = 0
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
            low, high = min(low, key), max(low, key) if n_mapped == 2 else ALONE
        examined[2] += n_ends - n_mapped
        if n_mapped == 0:
            continue
        rank = np.uint64(_MAX_SCORE - score) << np.uint64(ORDINAL_BITS)
        rank |= np.uint64(reads.first_template + template)
        marks[n, 0], marks[n, 1], marks[n, 2] = low, high, rank
        n += 1
        examined[2 - n_mapped] += 1
        if n_mapped == 2:
            marks[n, 0], marks[n, 1], marks[n, 2] = high, OTHER_END, rank
            n += 1
    return n


@borrowing
def _precedes(marks, a, b):
    if marks[a, 1] != marks[b, 1]:
        return marks[a, 1] < marks[b, 1]
    return marks[a, 2] < marks[b, 2]


@borrowing
def _sort_group(marks, order, begin, end):
    """Shell sort of a group (marks of one key, mostly one or two) by opposite and rank."""
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
def find_duplicates(marks, order, ordinals, counts, set_sizes):
    """Decide which templates are duplicates, by picard's rules.

    Of pairs with the same ends the best ranked stays; a lone read is a duplicate if an end of any pair, or a
    better ranked lone read, lies where it does.

    Parameters
    ----------
    marks : (n, 3) uint64
    order : (n,) int64, indices of marks in ascending order of their keys (rearranged within a key)
    ordinals : (n,) int64, receives the ordinals of duplicate templates
    counts : (n_libraries, 2) int64, to which duplicate pairs and lone reads are added
    set_sizes : (m,) int64, to which sets of pairs are added by their size, the last counting all larger ones

    Returns
    -------
    number of ordinals
    """
    mask = (np.uint64(1) << np.uint64(ORDINAL_BITS)) - np.uint64(1)
    library_shift = np.uint64(CONTIG_BITS + POSITION_BITS + 1)
    n = 0
    begin = 0
    while begin < order.size:
        key = marks[order[begin], 0]
        end = begin + 1
        while end < order.size and marks[order[end], 0] == key:
            end += 1
        if end - begin > 1:
            _sort_group(marks, order, begin, end)
        has_pair = marks[order[begin], 1] != ALONE  # lone reads are sorted last
        size = 0  # of the set of pairs, or of lone reads, so far
        for i in range(begin, end):
            opposite = marks[order[i], 1]
            if i > begin and opposite == marks[order[i - 1], 1]:
                size += 1
            else:
                size = 1
            if opposite == OTHER_END:
                continue
            is_alone = opposite == ALONE
            if size > 1 or (is_alone and has_pair):
                ordinals[n] = np.int64(marks[order[i], 2] & mask)
                counts[np.int64(key >> library_shift), np.int64(is_alone)] += 1
                n += 1
            is_last = i + 1 == end or marks[order[i + 1], 1] != opposite
            if is_last and not is_alone:
                set_sizes[min(size, set_sizes.size) - 1] += 1
        begin = end
    return n

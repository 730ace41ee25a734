"""FASTQ text to read batches: line ends 64 bytes at a time, then codes and qualities 64 bytes at a time.

Texts and outputs carry PADDING spare bytes at their end, so that vectors may read and write past a line; what
is written too much is overwritten by the next read.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.encode import ASCII_TO_NIBBLE, NO_BASE
from genomehub.kernels.vectors import (
    bit_and,
    bit_or,
    equal,
    greater,
    load,
    mask_bits,
    select,
    splat,
    store,
    subtract,
    trailing_zeros,
)

PADDING = 64
#: What the kernels find wrong with a record; formats/fastq.py makes sentences of it.
(
    GOOD,
    NO_AT_SIGN,
    NO_PLUS_SIGN,
    LENGTHS_DIFFER,
    NO_NAME,
    BAD_BASE,
    BAD_QUALITY,
    NAMES_DIFFER,
    BAD_NAME,
) = range(9)

_CR, _SPACE, _TAB, _DELETE = 13, 32, 9, 127
_AT, _PLUS, _SLASH, _ONE, _TWO, _DOT = ord("@"), ord("+"), ord("/"), ord("1"), ord("2"), ord(".")


class FastqText(NamedTuple):
    """Whole records of one FASTQ file.

    text : (n_bytes + PADDING,) uint8
    line_ends : (4 * n + 1,) int64; line i is text[line_ends[i] + 1 : line_ends[i + 1]], the newline excluded
    step, first : record i is the file's record i * step + first; 2, and 0 or 1, where mates interleave
    """

    text: np.ndarray
    line_ends: np.ndarray
    step: int = 1
    first: int = 0


@kernel
def find_lines(text, start, end, line_ends, n_lines):
    """Append the positions of newlines in ``text[start:end]`` to ``line_ends[n_lines:]`` until that is full.

    Returns
    -------
    n_lines : line ends now known
    scanned : where to go on
    """
    newline = splat(10, "u8", 64)
    room = line_ends.size - n_lines
    i = start
    while i < end:
        bits = mask_bits(equal(load(text, i, 64), newline))
        if end - i < 64:
            bits &= (np.uint64(1) << np.uint64(end - i)) - np.uint64(1)
        while bits != np.uint64(0):
            if room == 0:
                return n_lines, line_ends[n_lines - 1] + 1
            line_ends[n_lines] = i + np.int64(trailing_zeros(bits))
            n_lines += 1
            room -= 1
            bits &= bits - np.uint64(1)
        i += 64
    return n_lines, end


@inline
def line_of(chunk, record, number):
    """Start and end of line ``number`` (0 to 3) of a record, without its newline and carriage return."""
    index = 4 * (record * chunk.step + chunk.first) + number
    start = chunk.line_ends[index] + 1
    end = chunk.line_ends[index + 1]
    if end > start and chunk.text[end - 1] == _CR:
        end -= 1
    return start, end


@kernel
def check_records(chunk, n, end, n_ends, lengths):
    """Check the four-line form of ``n`` records; write the bases of record i to lengths[i * n_ends + end].

    Returns
    -------
    problem : GOOD or the first problem
    record : its index
    """
    text = chunk.text
    for i in range(n):
        start, stop = line_of(chunk, i, 0)
        if start == stop or text[start] != _AT:
            return NO_AT_SIGN, i
        start, stop = line_of(chunk, i, 1)
        length = stop - start
        start, stop = line_of(chunk, i, 2)
        if start == stop or text[start] != _PLUS:
            return NO_PLUS_SIGN, i
        start, stop = line_of(chunk, i, 3)
        if stop - start != length:
            return LENGTHS_DIFFER, i
        lengths[i * n_ends + end] = length
    return GOOD, n


@kernel
def copy_reads(chunk1, chunk2, n, n_ends, offsets, bases, quals):
    """Write codes and Phred qualities of ``n`` templates, mates side by side.

    Parameters
    ----------
    chunk1, chunk2 : FastqText of R1 and R2 (the same one for single reads), checked by check_records
    offsets : (n * n_ends + 1,) int64, starts of reads
    bases, quals : (offsets[-1] + PADDING,) uint8

    Returns
    -------
    problem, end, record : GOOD, or the first problem and the end (0: R1) and record it is in
    """
    for i in range(n):
        problem = _copy_read(chunk1, i, bases, quals, offsets[i * n_ends])
        if problem != GOOD:
            return problem, 0, i
        if n_ends == 2:
            problem = _copy_read(chunk2, i, bases, quals, offsets[i * n_ends + 1])
            if problem != GOOD:
                return problem, 1, i
    return GOOD, 0, n


@inline
def _copy_read(chunk, record, bases, quals, offset):
    start, end = line_of(chunk, record, 1)
    qual_start, _ = line_of(chunk, record, 3)
    i = 0
    while i < end - start:
        strange = _copy_bases(chunk.text, start + i, bases, offset + i)
        bad = _copy_quals(chunk.text, qual_start + i, quals, offset + i)
        if end - start - i < 64:
            inside = (np.uint64(1) << np.uint64(end - start - i)) - np.uint64(1)
            strange &= inside
            bad &= inside
        if bad != np.uint64(0):
            return BAD_QUALITY
        if strange != np.uint64(0) and not _all_ambiguous(chunk.text, start + i, strange):
            return BAD_BASE
        i += 64
    return GOOD


@inline
def _copy_bases(text, source, bases, target):
    """64 letters to codes; returns a bit for each that is none of A, C, G, T, N."""
    letters = bit_and(load(text, source, 64), splat(0xDF, "u8", 64))  # upper case
    is_a = equal(letters, splat(65, "u8", 64))
    is_c = equal(letters, splat(67, "u8", 64))
    is_g = equal(letters, splat(71, "u8", 64))
    is_t = equal(letters, splat(84, "u8", 64))
    codes = select(is_t, splat(3, "u8", 64), splat(4, "u8", 64))
    codes = select(is_g, splat(2, "u8", 64), codes)
    codes = select(is_c, splat(1, "u8", 64), codes)
    codes = select(is_a, splat(0, "u8", 64), codes)
    store(bases, target, codes)
    is_n = equal(letters, splat(78, "u8", 64))
    return ~mask_bits(bit_or(bit_or(bit_or(is_a, is_c), bit_or(is_g, is_t)), is_n))


@inline
def _copy_quals(text, source, quals, target):
    """64 characters to Phred; returns a bit for each outside '!' to '~'."""
    phred = subtract(load(text, source, 64), splat(33, "u8", 64))  # what lies below '!' wraps to above 93
    store(quals, target, phred)
    return mask_bits(greater(phred, splat(93, "u8", 64)))


@inline
def _all_ambiguous(text, start, bits):
    """Whether the marked letters are IUPAC codes or dots, which count as N."""
    while bits != np.uint64(0):
        letter = text[start + np.int64(trailing_zeros(bits))]
        if ASCII_TO_NIBBLE[letter] == NO_BASE and letter != _DOT:
            return False
        bits &= bits - np.uint64(1)
    return True


@inline
def _name(chunk, record):
    """Start and end of a read's name: without '@', comment and /1 or /2."""
    text = chunk.text
    start, line_end = line_of(chunk, record, 0)
    start += 1
    end = start
    while end < line_end and text[end] != _SPACE and text[end] != _TAB:
        end += 1
    if end - start > 2 and text[end - 2] == _SLASH and (text[end - 1] == _ONE or text[end - 1] == _TWO):
        end -= 2
    return start, end


@kernel
def copy_names(chunk, n, names, name_offsets):
    """Write the names of ``n`` records and their starts; returns as check_records."""
    position = 0
    for i in range(n):
        start, end = _name(chunk, i)
        if start == end:
            return NO_NAME, i
        name_offsets[i] = position
        is_good = True
        for k in range(start, end):
            letter = chunk.text[k]
            is_good &= _SPACE < letter < _DELETE
            names[position] = letter
            position += 1
        if not is_good:
            return BAD_NAME, i
    name_offsets[n] = position
    return GOOD, n


@kernel
def check_names(chunk, n, names, name_offsets):
    """Compare the names of ``n`` records with those of their mates; returns as check_records."""
    for i in range(n):
        start, end = _name(chunk, i)
        length = name_offsets[i + 1] - name_offsets[i]
        if end - start != length:
            return NAMES_DIFFER, i
        for k in range(length):
            if chunk.text[start + k] != names[name_offsets[i] + k]:
                return NAMES_DIFFER, i
    return GOOD, n

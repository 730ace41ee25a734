"""Comments of FASTQ records to tags as BAM encodes them (SAM 1.6, sections 1.5 and 4.2.4).

A comment is what follows a read's name: tags as SAM writes them, between tabs, as ``samtools fastq -T`` and
``bwa mem -C`` have them. Text (Z, H), single characters (A) and integers (i) are understood.
"""

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.fastq import line_of
from genomehub.kernels.vectors import store_word

#: What is wrong with a comment; formats/fastq.py makes sentences of it.
GOOD, NO_TAG, BAD_VALUE, OURS, TWICE = range(5)
#: Tags that the aligner writes itself, two letters each.
OUR_TAGS = np.frombuffer(b"ASDTMCMDMQNMPGRGSAXAXSpa", dtype=np.uint8).copy()

_SPACE, _TAB, _COLON, _MINUS, _PLUS = 32, 9, 58, 45, 43
_A, _H, _Z, _I = ord("A"), ord("H"), ord("Z"), ord("i")


@kernel
def copy_comments(chunk1, chunk2, n, n_ends, tags, tag_offsets):
    """Write the tags of ``n`` templates, mates side by side.

    Parameters
    ----------
    chunk1, chunk2 : FastqText of R1 and R2 (the same one for single reads), checked by check_records
    tags : uint8, twice as long as the name lines together
    tag_offsets : (n * n_ends + 1,) int64, receives the starts

    Returns
    -------
    problem, end, record, start, stop : GOOD, or the first problem, the end (0: R1) and record it is in, and
        where in the text the bad tag stands

    Notes
    -----
    Plain twin  tests/plain/comments.py
    """
    at = 0
    for read in range(n * n_ends):
        tag_offsets[read] = at
        chunk = chunk1 if read % n_ends == 0 else chunk2
        record = read // n_ends
        i, line_end = line_of(chunk, record, 0)
        while i < line_end and chunk.text[i] != _SPACE and chunk.text[i] != _TAB:
            i += 1
        while i < line_end:
            while i < line_end and (chunk.text[i] == _SPACE or chunk.text[i] == _TAB):
                i += 1
            if i == line_end:
                break
            stop = i
            while stop < line_end and chunk.text[stop] != _TAB:
                stop += 1
            problem, after = _put_tag(chunk.text, i, stop, tags, at)
            if problem == GOOD and _is_there(tags, tag_offsets[read], at, tags[at], tags[at + 1]):
                problem = TWICE
            if problem != GOOD:
                return problem, read % n_ends, record, i, stop
            i, at = stop, after
    tag_offsets[n * n_ends] = at
    return GOOD, 0, n, 0, 0


@inline
def _is_letter(c):
    return 65 <= c <= 90 or 97 <= c <= 122


@inline
def _is_digit(c):
    return 48 <= c <= 57


@inline
def _put_tag(text, start, stop, tags, at):
    """Write one tag; returns the problem and where the next goes."""
    if stop - start < 5 or text[start + 2] != _COLON or text[start + 4] != _COLON:
        return NO_TAG, at
    if not _is_letter(text[start]) or not (_is_letter(text[start + 1]) or _is_digit(text[start + 1])):
        return NO_TAG, at
    for k in range(0, OUR_TAGS.size, 2):
        if text[start] == OUR_TAGS[k] and text[start + 1] == OUR_TAGS[k + 1]:
            return OURS, at
    kind = text[start + 3]
    tags[at], tags[at + 1], tags[at + 2] = text[start], text[start + 1], kind
    if kind == _I:
        return _put_integer(text, start + 5, stop, tags, at + 3)
    if kind == _A:
        is_one = stop - start == 6 and 33 <= text[start + 5] <= 126
        tags[at + 3] = text[start + 5] if is_one else 0
        return (GOOD if is_one else BAD_VALUE), at + 4
    if kind != _Z and kind != _H:
        return NO_TAG, at
    at += 3
    for i in range(start + 5, stop):
        if text[i] < 32 or text[i] > 126 or (kind == _H and not _is_hexadecimal(text[i])):
            return BAD_VALUE, at
        tags[at] = text[i]
        at += 1
    tags[at] = 0
    return (BAD_VALUE if kind == _H and (stop - start - 5) % 2 else GOOD), at + 1


@inline
def _is_hexadecimal(c):
    return _is_digit(c) or 65 <= c <= 70


@inline
def _put_integer(text, start, stop, tags, at):
    is_signed = start < stop and (text[start] == _MINUS or text[start] == _PLUS)
    first = start + is_signed
    value, is_good = np.int64(0), 0 < stop - first <= 10
    for i in range(first, stop if is_good else first):
        is_good &= _is_digit(text[i])
        value = 10 * value + np.int64(text[i]) - 48
    if is_signed and text[start] == _MINUS:
        value = -value
    if not is_good or not -(1 << 31) <= value < 1 << 31:
        return BAD_VALUE, at
    store_word(tags, at, np.int32(value))
    return GOOD, at + 4


@inline
def _is_there(tags, start, end, first, second):
    """Whether one of the tags written before has this name."""
    i = start
    while i < end:
        if tags[i] == first and tags[i + 1] == second:
            return True
        kind = tags[i + 2]
        i += 3
        if kind == _A:
            i += 1
        elif kind == _I:
            i += 4
        else:
            while tags[i] != 0:
                i += 1
            i += 1
    return False

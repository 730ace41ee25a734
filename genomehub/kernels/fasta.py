"""FASTA text to letters, letters to the packed reference, letters to lines of a fixed width."""

import numpy as np

from genomehub.kernels._jit import kernel
from genomehub.kernels.encode import ASCII_TO_NIBBLE, NO_BASE

#: What a byte of a FASTA sequence line is.
_LETTER, _BLANK, _NEWLINE, _OTHER = 0, 1, 2, 3
_KIND = np.where(ASCII_TO_NIBBLE == NO_BASE, _OTHER, _LETTER).astype(np.uint8)
_KIND[[ord(" "), ord("\t"), ord("\r")]] = _BLANK
_KIND[ord("\n")] = _NEWLINE

_CASE = np.uint8(0xDF)  # clears the bit that makes an ASCII letter lower case


@kernel
def clean_lines(text, start, end, letters):
    """Copy the letters of sequence lines, upper case, up to the next header, stranger or end of the text.

    Parameters
    ----------
    text : (n,) uint8, FASTA text; text[start] stands within or at the start of a sequence line
    start, end : part of ``text`` to read
    letters : (>= end - start,) uint8, receives upper-case IUPAC letters

    Returns
    -------
    n_letters : letters written
    stop : index of the byte that is neither letter, blank nor newline, or ``end``
    n_newlines : line ends passed
    """
    n_letters = 0
    n_newlines = 0
    for i in range(start, end):
        byte = text[i]
        kind = _KIND[byte]
        letters[n_letters] = byte & _CASE
        if kind == _LETTER:
            n_letters += 1
        elif kind == _NEWLINE:
            n_newlines += 1
        elif kind == _OTHER:
            return n_letters, i, n_newlines
    return n_letters, end, n_newlines


@kernel
def pack_letters(letters, packed):
    """Pack upper-case IUPAC letters two a byte, the first in the low nibble; an odd last one goes with N.

    ``packed`` : ((n_letters + 1) // 2,) uint8
    """
    n = letters.size
    for i in range(n // 2):
        low = ASCII_TO_NIBBLE[letters[2 * i]]
        packed[i] = low | (ASCII_TO_NIBBLE[letters[2 * i + 1]] << np.uint8(4))
    if n & 1:
        packed[n // 2] = ASCII_TO_NIBBLE[letters[n - 1]] | np.uint8(0xF0)


@kernel
def wrap_lines(letters, column, width, out):
    """Copy ``letters`` with a newline after every ``width``-th; return the bytes written.

    ``column`` letters already stand on the current line; ``out`` has room for a newline per ``width``
    letters and one more.
    """
    n = 0
    for i in range(letters.size):
        out[n] = letters[i]
        n += 1
        column += 1
        if column == width:
            out[n] = np.uint8(10)
            n += 1
            column = 0
    return n

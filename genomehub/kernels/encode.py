"""Alphabets: ASCII, codes of reads, 4-bit codes of the packed reference, and how one becomes another.

Reads hold codes A 0, C 1, G 2, T 3, N 4. The reference is packed two bases a byte in BAM's 4-bit codes (a
bit per base, ambiguity codes their union) and unpacks to codes 0-3 or OTHER 5, so an N of a read never
equals an N of the reference. The tables are plain arrays: kernels index them, Python may too.
"""

import numpy as np

from genomehub.kernels._jit import borrowing, kernel
from genomehub.kernels.vectors import store_word
from genomehub.types import Base

#: BAM's alphabet: the character of each 4-bit code (SAM 1.6, section 4.2.3).
NIBBLE_LETTERS = b"=ACMGRSVTWYHKDBN"
#: Marks a byte that is no base in ASCII_TO_NIBBLE.
NO_BASE = 255


def _from_letters(letters: bytes, values: list[int], default: int) -> np.ndarray:
    table = np.full(256, default, dtype=np.uint8)
    for letter, value in zip(letters, values, strict=True):
        table[ord(chr(letter).upper())] = table[ord(chr(letter).lower())] = value
    return table


#: (256,) uint8: ASCII of either case -> code of a read; anything that is not A, C, G or T is N.
ASCII_TO_CODE = _from_letters(b"ACGT", [0, 1, 2, 3], Base.N)
#: (6,) uint8: code -> ASCII; N and OTHER are both written N.
CODE_TO_ASCII = np.frombuffer(b"ACGTNN", dtype=np.uint8).copy()
#: (6,) uint8: code -> BAM's 4-bit code.
CODE_TO_NIBBLE = np.array([1, 2, 4, 8, 15, 15], dtype=np.uint8)
#: (6,) uint8: code -> code of the complement.
COMPLEMENT = np.array([3, 2, 1, 0, 4, 5], dtype=np.uint8)
#: (256,) uint8: ASCII of either case (IUPAC) -> 4-bit code, NO_BASE for anything else.
ASCII_TO_NIBBLE = _from_letters(NIBBLE_LETTERS[1:], list(range(1, 16)), NO_BASE)
#: (16,) uint8: 4-bit code -> upper-case IUPAC.
NIBBLE_TO_ASCII = np.frombuffer(NIBBLE_LETTERS, dtype=np.uint8).copy()
#: (16,) uint8: 4-bit code -> code of the reference, OTHER for all that is not one base.
NIBBLE_TO_CODE = np.full(16, Base.OTHER, dtype=np.uint8)
NIBBLE_TO_CODE[[1, 2, 4, 8]] = [0, 1, 2, 3]

# One byte of the packed reference is two codes: low nibble first, as the bytes lie in memory.
_BYTE = np.arange(256)
_BYTE_TO_CODES = NIBBLE_TO_CODE[_BYTE & 15].astype(np.uint16) | (
    NIBBLE_TO_CODE[_BYTE >> 4].astype(np.uint16) << np.uint16(8)
)
_BYTE_TO_ASCII = NIBBLE_TO_ASCII[_BYTE & 15].astype(np.uint16) | (
    NIBBLE_TO_ASCII[_BYTE >> 4].astype(np.uint16) << np.uint16(8)
)


@borrowing
def _unpack(packed, start, end, pairs, out, at):
    if end <= start:
        return
    i, n = at, at + end - start
    if start & 1:
        out[i] = np.uint8(pairs[packed[start >> 1]] >> np.uint16(8))
        i += 1
    byte = (start + 1) >> 1
    while i + 2 <= n:
        store_word(out, i, pairs[packed[byte]])
        i += 2
        byte += 1
    if i < n:
        out[i] = np.uint8(pairs[packed[byte]] & np.uint16(255))


@kernel
def unpack_window(packed, start, end, out):
    """Write the codes of ``packed[start:end]`` (global coordinates, in bases) to ``out[: end - start]``.

    Parameters
    ----------
    packed : (n_bytes,) uint8, PackedReference.packed
    start, end : 0-based, half-open, 0 <= start, end <= 2 * n_bytes; nothing is written if end <= start
    out : (>= end - start,) uint8, receives 0-3 or 5 (Base.OTHER)

    Notes
    -----
    Raises      nothing and checks nothing; 2 bases a table look-up (about 2 GB of codes a second)
    """
    _unpack(packed, start, end, _BYTE_TO_CODES, out, 0)


@borrowing
def unpack_at(packed, start, end, out, at):
    """Like unpack_window, but to ``out`` from ``at`` on."""
    _unpack(packed, start, end, _BYTE_TO_CODES, out, at)


@kernel
def unpack_text(packed, start, end, out):
    """Like unpack_window, but upper-case IUPAC letters (ASCII)."""
    _unpack(packed, start, end, _BYTE_TO_ASCII, out, 0)


@borrowing
def code_at(packed, position):
    """Code (0-3 or 5) of one base at a global position."""
    return NIBBLE_TO_CODE[(packed[position >> 1] >> np.uint8((position & 1) << 2)) & np.uint8(15)]


@kernel
def reverse_complement(codes, out):
    """Write the reverse complement of ``codes`` (0-5; N and OTHER stay) to ``out`` of the same length.

    The two arrays may not overlap.
    """
    last = codes.size - 1
    for i in range(codes.size):
        out[i] = COMPLEMENT[codes[last - i]]


@kernel
def reverse(values, out):
    """Write ``values`` backwards to ``out`` of the same length and dtype; the two may not overlap."""
    last = values.size - 1
    for i in range(values.size):
        out[i] = values[last - i]


@kernel
def encode_ascii(text, table, out):
    """Write ``table[text]`` to ``out``: uint8 ASCII through one of this module's 256-entry tables."""
    for i in range(text.size):
        out[i] = table[text[i]]

"""Alphabets and the packed reference, against plain look-ups."""

import numpy as np
import pytest

from genomehub.kernels import encode
from genomehub.kernels.fasta import pack_letters, wrap_lines

LETTERS = np.frombuffer(b"ACGTNRYSWKMBDHVACGTA", dtype=np.uint8)


def packed():
    out = np.empty((len(LETTERS) + 1) // 2, dtype=np.uint8)
    pack_letters(LETTERS, out)
    out.flags.writeable = False  # as memory-mapped
    return out


@pytest.mark.parametrize("start", range(6))
@pytest.mark.parametrize("length", [0, 1, 2, 3, 8, 14])
def test_unpack__odd_and_even_windows(start, length):
    codes = np.full(length + 3, 99, dtype=np.uint8)
    text = codes.copy()
    encode.unpack_window(packed(), start, start + length, codes)
    encode.unpack_text(packed(), start, start + length, text)
    expected = LETTERS[start : start + length]
    assert text[:length].tobytes() == expected.tobytes()
    assert codes[:length].tolist() == [b"ACGT".find(bytes([c])) % 6 for c in expected]  # -1 becomes 5, OTHER
    assert (codes[length:] == 99).all()


def test_unpack_window__end_before_start():
    out = np.full(2, 99, dtype=np.uint8)
    encode.unpack_window(packed(), 5, 3, out)
    assert out.tolist() == [99, 99]


def test_pack_letters__odd_length_ends_with_n():
    out = np.empty(2, dtype=np.uint8)
    pack_letters(np.frombuffer(b"ACG", dtype=np.uint8), out)
    assert out.tolist() == [0x21, 0xF4]


def test_code_at():
    assert [int(encode.code_at(packed(), i)) for i in range(6)] == [0, 1, 2, 3, 5, 5]


def test_reverse_complement__keeps_unknown():
    codes = np.array([0, 1, 2, 3, 4, 5], dtype=np.uint8)
    out = np.empty_like(codes)
    encode.reverse_complement(codes, out)
    assert out.tolist() == [5, 4, 0, 1, 2, 3]
    again = np.empty_like(codes)
    encode.reverse_complement(out, again)
    assert again.tolist() == codes.tolist()


def test_tables__letters_of_either_case():
    upper = np.frombuffer(b"ACGTNX", dtype=np.uint8)
    assert encode.ASCII_TO_CODE[upper].tolist() == [0, 1, 2, 3, 4, 4]
    assert encode.ASCII_TO_CODE[upper | 0x20].tolist() == [0, 1, 2, 3, 4, 4]
    assert encode.ASCII_TO_NIBBLE[ord("x")] == encode.NO_BASE
    assert encode.NIBBLE_TO_ASCII[encode.CODE_TO_NIBBLE].tobytes() == b"ACGTNN"


@pytest.mark.parametrize(("column", "expected"), [(0, b"ACG\nTNR\nY"), (2, b"A\nCGT\nNRY\n")])
def test_wrap_lines(column, expected):
    out = np.empty(12, dtype=np.uint8)
    n = wrap_lines(LETTERS[:7], column, 3, out)
    assert out[:n].tobytes() == expected


def test_encode_ascii_and_reverse():
    out = np.empty(4, dtype=np.uint8)
    encode.encode_ascii(np.frombuffer(b"GATC", dtype=np.uint8), encode.ASCII_TO_CODE, out)
    assert out.tolist() == [2, 0, 3, 1]
    back = np.empty_like(out)
    encode.reverse(out, back)
    assert back.tolist() == [1, 3, 0, 2]

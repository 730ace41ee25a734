"""Sets of numbers of data sets as bytes, a block of 4,096 numbers at a time, whichever way is shorter.

A block's numbers count from its first. Up to 255 of them are kept as they are, two bytes each, ascending;
more as one bit for each number of the block (512 bytes). The length tells which. Sets of the same form can be
put one behind the other, by the database as well, and are then read at once.
"""

from collections.abc import Iterable, Sequence

import numpy as np

#: Numbers of a block.
BLOCK = 4096
#: Bytes of a block that is kept as bits; any other has fewer.
BITS_BYTES = BLOCK // 8
_NUMBER = np.dtype("<u2")


def encode(numbers: Iterable[int]) -> bytes:
    """Return numbers within a block as bytes.

    >>> encode({7, 1}), len(encode(range(256)))
    (b'\\x01\\x00\\x07\\x00', 512)
    """
    within = np.array(sorted(numbers), _NUMBER)
    if within.nbytes < BITS_BYTES:
        return within.tobytes()
    bits = np.zeros(BLOCK, bool)
    bits[within] = True
    return np.packbits(bits).tobytes()


def decode(kept: bytes) -> set[int]:
    """Return the numbers of one block.

    >>> decode(encode({7, 1})) == {1, 7}, decode(encode(range(300))) == set(range(300))
    (True, True)
    """
    return set(_within(kept, len(kept) == BITS_BYTES).tolist())


def joined(blocks: Sequence[tuple[int, bool, bytes]]) -> np.ndarray:
    """Return the numbers of blocks.

    Parameters
    ----------
    blocks : number of the block; whether bits follow; bytes of one set or, one behind the other, of several

    Returns
    -------
    (n,) int64; a number that several of a block's sets have may come several times
    """
    parts = [block * BLOCK + _within(kept, of_bits).astype(np.int64) for block, of_bits, kept in blocks]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _within(kept: bytes, of_bits: bool) -> np.ndarray:
    if not of_bits:
        return np.frombuffer(kept, _NUMBER)
    sets = np.frombuffer(kept, np.uint8).reshape(-1, BITS_BYTES)
    return np.flatnonzero(np.unpackbits(np.bitwise_or.reduce(sets, axis=0)))

"""An index of bwa-mem2's format from one of bwa's, for the bindings of bwa-mem3, which build none.

    bwa index genome.fa
    python benchmarks/bwa_mem2_index.py genome.fa       adds genome.fa.bwt.2bit.64 and genome.fa.0123

Both hold the Burrows-Wheeler transform of the same text: all contigs, then their reverse complement, then a
sentinel. bwa keeps it with a count every 128 rows; bwa-mem2 keeps for each 64 rows the counts of A, C, G, T
before them and four words that mark where each stands, and a suffix-array entry every 8 rows, which one walk
backwards through the text gives. For each base it takes some 0.2 microseconds and 3.3 bytes of memory.
"""

import sys
from pathlib import Path

import numba
import numpy as np

_BWA_ROWS, _BWA_WORDS, _BWA_COUNTS = 128, 16, 8  # of a block: rows, 32-bit words, and those that are counts
_ROWS, _SAMPLING = 64, 8


@numba.njit(cache=True)
def mark_rows(words, primary, n_rows, blocks):
    """Fill bwa-mem2's blocks.

    Parameters
    ----------
    words : (n_words,) uint32, bwa's blocks; the row of the sentinel, ``primary``, has no base there
    blocks : (n_rows // 64 + 1, 8) uint64, out: counts of A, C, G, T before the block, then the rows of each
    """
    counts = np.zeros(4, np.uint64)
    for row in range(blocks.shape[0] * _ROWS):
        block, bit = row // _ROWS, row % _ROWS
        if bit == 0:
            blocks[block, :4] = counts
        if row >= n_rows or row == primary:
            continue
        k = row - (row > primary)
        word = words[k // _BWA_ROWS * _BWA_WORDS + _BWA_COUNTS + k % _BWA_ROWS // 16]
        base = (word >> np.uint32(2 * (15 - k % 16))) & np.uint32(3)
        blocks[block, 4 + base] |= np.uint64(1) << np.uint64(_ROWS - 1 - bit)
        counts[base] += np.uint64(1)


@numba.njit(cache=True)
def sample_suffixes(blocks, primary, starts, n_rows, high, low):
    """Walk from the end of the text to its beginning and keep the place of every 8th row.

    Parameters
    ----------
    blocks : as mark_rows leaves them
    starts : (4,) int64, first row of the suffixes that begin with each base
    high, low : (n_rows // 8 + 1,) int8 and uint32, out: places of rows 0, 8, 16, ... in the text
    """
    row = 0
    for place in range(n_rows - 1, -1, -1):
        if row % _SAMPLING == 0:
            high[row // _SAMPLING] = place >> 32
            low[row // _SAMPLING] = place & 0xFFFFFFFF
        if row == primary:
            return
        block, bit = row // _ROWS, row % _ROWS
        base = 0
        while not (blocks[block, 4 + base] >> np.uint64(_ROWS - 1 - bit)) & np.uint64(1):
            base += 1
        before = blocks[block, 4 + base] >> np.uint64(_ROWS - 1 - bit) >> np.uint64(1)
        n_before = 0
        while before:
            before &= before - np.uint64(1)
            n_before += 1
        row = starts[base] + np.int64(blocks[block, base]) + n_before


def convert(prefix: str) -> None:
    """Write bwa-mem2's two files beside bwa's; the index is there when both are whole."""
    head = np.fromfile(f"{prefix}.bwt", np.int64, 5)
    primary, ends = int(head[0]), head[1:]  # ends: of the bases A, C, G, T among the sorted suffixes
    n_rows = int(ends[3]) + 1
    _write_text(prefix, (n_rows - 1) // 2)
    words = np.asarray(np.memmap(f"{prefix}.bwt", np.uint32, "r", offset=40))
    blocks = np.zeros((n_rows // _ROWS + 1, 8), np.uint64)
    mark_rows(words, primary, n_rows, blocks)
    starts = np.concatenate([[0], ends[:3]]).astype(np.int64) + 1
    high = np.zeros(n_rows // _SAMPLING + 1, np.int8)
    low = np.zeros(n_rows // _SAMPLING + 1, np.uint32)
    sample_suffixes(blocks, primary, starts, n_rows, high, low)
    partial = Path(f"{prefix}.bwt.2bit.64.part")
    with partial.open("wb") as out:
        for array in (np.array([n_rows, 0, *ends], np.int64), blocks, high, low, np.array([primary])):
            out.write(np.ascontiguousarray(array).data)
    partial.rename(partial.with_suffix(""))


def _write_text(prefix: str, n_bases: int) -> None:
    """Write the text, a byte a base: forward, then its reverse complement."""
    packed = np.fromfile(f"{prefix}.pac", np.uint8)[: (n_bases + 3) // 4]
    bases = np.stack([packed >> shift & 3 for shift in (6, 4, 2, 0)], axis=1).reshape(-1)[:n_bases]
    with Path(f"{prefix}.0123").open("wb") as out:
        out.write(bases.data)
        out.write(np.ascontiguousarray(3 - bases[::-1]).data)


if __name__ == "__main__":
    convert(*sys.argv[1:])

"""The index of bwa-mem2 and bwa-mem3 for a small genome: their bindings need one and make none.

The layout is that of FMI_search::build_fm_index in bwa-mem2 2.2.1; what bwa itself has made (.pac, .ann,
.amb) stands beside it already.
"""

from pathlib import Path

import numpy as np

_BLOCK = 64  # bases between checkpoints
_SAMPLING = 8  # suffixes between stored ones
_SENTINEL, _BEYOND = 4, 6


def suffix_array(codes):
    """Starts of the suffixes of a text in their order, the empty one first (prefix doubling)."""
    n = codes.size
    rank, step = codes.astype(np.int64) + 1, 1
    while True:
        following = np.concatenate([rank[step:], np.zeros(min(step, n), np.int64)])[:n]
        order = np.lexsort((following, rank))
        changes = (np.diff(rank[order]) != 0) | (np.diff(following[order]) != 0)
        rank = np.empty(n, np.int64)
        rank[order] = np.concatenate([[1], 1 + np.cumsum(changes)])
        if rank.max() == n:
            return np.concatenate([[n], order]).astype(np.int64)
        step *= 2


def both_strands(pac):
    """Codes of a .pac file and then of their reverse complement."""
    raw = np.frombuffer(Path(pac).read_bytes(), np.uint8)
    length = (raw.size - 2) * 4 + int(raw[-1]) if raw[-1] else (raw.size - 2) * 4
    packed = raw[: (length + 3) // 4]
    codes = ((packed[:, None] >> np.array([6, 4, 2, 0], np.uint8)) & 3).ravel()[:length]
    return np.concatenate([codes, 3 - codes[::-1]]).astype(np.uint8)


def write_index(prefix):
    """Write PREFIX.0123 and PREFIX.bwt.2bit.64 beside PREFIX.pac."""
    codes = both_strands(f"{prefix}.pac")
    Path(f"{prefix}.0123").write_bytes(codes.tobytes())
    suffixes = suffix_array(codes)
    n = suffixes.size
    bwt = np.full(-(-n // _BLOCK) * _BLOCK, _BEYOND, np.uint8)
    bwt[:n] = np.where(suffixes == 0, _SENTINEL, codes[suffixes - 1])
    one_hot = bwt.reshape(-1, _BLOCK)[:, None, :] == np.arange(4)[None, :, None]
    counts = np.cumsum(one_hot.sum(axis=2), axis=0)
    checkpoints = np.zeros((n // _BLOCK + 1, 8), np.uint64)
    rows = one_hot.shape[0]
    checkpoints[1:rows, :4] = counts[: rows - 1]
    checkpoints[:rows, 4:] = np.packbits(one_hot, axis=2).view(">u8")[:, :, 0]
    samples = np.zeros(n // _SAMPLING + 1, np.uint64)
    samples[: -(-n // _SAMPLING)] = suffixes[::_SAMPLING]
    totals = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=4))])
    with Path(f"{prefix}.bwt.2bit.64").open("wb") as file:
        for part in (
            np.array([n, *totals], np.int64),
            checkpoints,
            (samples >> np.uint64(32)).astype(np.int8),
            (samples & np.uint64(0xFFFFFFFF)).astype(np.uint32),
            np.flatnonzero(suffixes == 0).astype(np.int64),
        ):
            file.write(part.tobytes())

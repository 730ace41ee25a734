"""References and reads made by hand or simulated, as the mapper takes them."""

import functools
import gzip
from pathlib import Path

import numpy as np

from genomehub.kernels.encode import ASCII_TO_NIBBLE, CODE_TO_NIBBLE
from genomehub.types import PackedReference, ReadBatch

PADDING = 512
SLICE = Path(__file__).parents[2] / "reference_data" / "b37.20_9.5-10.5M.fa.gz"


def pack_reference(contigs, alt=()):
    """PackedReference of arrays of codes (anything above 3 becomes N), read-only as a memory-mapped one;
    ``alt`` are the indices of contigs that are no part of the primary assembly."""
    parts, offsets, position = [np.full(PADDING, 15, np.uint8)], [], PADDING
    for codes in contigs:
        padding = PADDING + len(codes) % 2
        parts += [CODE_TO_NIBBLE[np.minimum(codes, 4)], np.full(padding, 15, np.uint8)]
        offsets.append(position)
        position += len(codes) + padding
    nibbles = np.concatenate(parts)
    arrays = (
        (nibbles[0::2] | (nibbles[1::2] << 4)).astype(np.uint8),
        np.array(offsets, np.int64),
        np.array([len(codes) for codes in contigs], np.int64),
        np.array([i in alt for i in range(len(contigs))], np.bool_),
    )
    for array in arrays:
        array.flags.writeable = False
    return PackedReference(*arrays)


def make_batch(reads, n_ends=1, first_template=0):
    """ReadBatch of arrays of codes, all of quality 30, named by their ordinal."""
    names = [f"read{first_template + i}".encode() for i in range(len(reads) // n_ends)]
    bases = np.concatenate([np.asarray(read, np.uint8) for read in reads] or [np.empty(0, np.uint8)])
    return ReadBatch(
        bases=bases,
        quals=np.full(bases.size, 30, np.uint8),
        offsets=np.cumsum([0, *map(len, reads)]).astype(np.int64),
        names=np.frombuffer(b"".join(names), np.uint8),
        name_offsets=np.cumsum([0, *map(len, names)]).astype(np.int64),
        n_ends=n_ends,
        first_template=first_template,
        read_group=0,
    )


def random_codes(rng, n):
    """Bases by chance."""
    return rng.integers(0, 4, n).astype(np.uint8)


def reverse_complement(codes):
    """Of codes 0 to 3; N stays."""
    return np.where(codes < 4, 3 - codes.astype(np.int64), codes)[::-1].astype(np.uint8)


@functools.cache
def real_slice(start, end):
    """Codes of the reference slice of chromosome 20, 0-based within its million bases."""
    lines = gzip.decompress(SLICE.read_bytes()).split(b"\n")[1:]
    text = b"".join(lines)[9_500_000 + start : 9_500_000 + end].upper()
    nibbles = ASCII_TO_NIBBLE[np.frombuffer(text, np.uint8)]
    table = np.full(16, 4, np.uint8)
    table[[1, 2, 4, 8]] = [0, 1, 2, 3]
    return table[nibbles]


def mutate(rng, codes, error_rate, indel=0):
    """Substitute bases by chance; delete (indel < 0) or insert (> 0) that many bases in the middle third."""
    out = codes.copy()
    wrong = rng.random(out.size) < error_rate
    out[wrong] = (out[wrong] + rng.integers(1, 4, int(wrong.sum()))) % 4
    at = out.size // 3 + int(rng.integers(0, out.size // 3))
    if indel < 0:
        out = np.delete(out, np.arange(at, at - indel))
    elif indel > 0:
        out = np.insert(out, at, random_codes(rng, indel))
    return out


def cigar_text(words):
    """CIGAR as SAM writes it, * for none."""
    return "".join(f"{word >> 4}{'MIDNSHP=X'[word & 15]}" for word in words) or "*"

"""An index made from parts equals the plain one, and holds what samtools' own index holds."""

import gzip
import struct

import numpy as np
import pysam
import pytest
from builders.bam_index import index_contents
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import bam_index as plain

from genomehub.formats import bai, bgzf
from genomehub.formats.bam import header_bytes
from genomehub.kernels.bam_index import Scheme, bin_of
from genomehub.types import CigarOp, Contig, Flag

RECORD = st.tuples(
    st.sampled_from([0, 0, 0, 2, 3]),
    st.one_of(st.integers(0, 40_000), st.integers(0, 2_000_000), st.integers(0, 2**29 - 400_000)),
    st.sampled_from([0, 1, 50, 150, 150, 20_000, 300_000]),
    st.booleans(),
)
SCHEMES = [Scheme(14, 5, is_csi=False), Scheme(14, 6, is_csi=True), Scheme(14, 9, is_csi=True)]


def record_bytes(contig, start, span, is_mapped, size):
    """A BAM record; ``size`` bytes of noise in a tag make it as long as wanted."""
    cigar = (
        [span << 4 | CigarOp.D]
        if span % 2
        else [span // 2 << 4 | CigarOp.M, (span + 1) // 2 << 4 | CigarOp.N]
    )
    cigar = cigar if span else []
    n = sum(op >> 4 for op in cigar if op & 15 == CigarOp.M)
    body = struct.pack(
        "<iiBBHHHiiii", contig, start, 2, 60, 0, len(cigar), 0 if is_mapped else Flag.UNMAPPED, n, -1, -1, 0
    )
    noise = np.random.default_rng(start + 1).integers(33, 126, size, dtype=np.uint8).tobytes()
    body += b"r\0" + struct.pack(f"<{len(cigar)}I", *cigar) + b"\x11" * ((n + 1) // 2) + b"\xff" * n
    body += b"XXZ" + noise + b"\0"
    return struct.pack("<i", len(body)) + body


def written(records, contigs, scheme, n_parts, size, path=None):
    """Index of a BAM file of ``records`` finished in ``n_parts`` parts, and the records' virtual offsets."""
    header = b"".join(bgzf.compress(np.frombuffer(header_bytes("", contigs), np.uint8), 1))
    stream, builder, offsets = [header], bai.IndexBuilder(len(contigs), scheme), []
    for part in np.array_split(np.arange(len(records)), n_parts):
        texts = [record_bytes(*records[i], size) for i in part]
        if not texts:
            continue
        data = np.frombuffer(b"".join(texts) + bytes(64), np.uint8)
        blocks = bgzf.compress(data[:-64], 1)
        starts = np.append(0, np.cumsum([len(block) for block in blocks]))
        begin, middle = sum(map(len, stream)), len(texts) // 2
        border = sum(map(len, texts[:middle]))
        walked = [
            bai.walk(data, 0, border, 0, middle, scheme),
            bai.walk(data, border, len(data) - 64, border, len(texts) - middle, scheme),
        ]
        builder.add(bai.join(walked, [len(block) for block in blocks]), begin)
        at = 0
        for text in texts:
            offsets.append((begin + int(starts[at // bgzf.BLOCK_SIZE])) << 16 | at % bgzf.BLOCK_SIZE)
            at += len(text)
        stream += blocks
    end = sum(map(len, stream))
    if path is not None:
        path.write_bytes(b"".join([*stream, bgzf.EOF_BLOCK]))
    return builder.index(end), [*offsets, end << 16]


def in_order(records):
    return sorted(records, key=lambda r: (r[0], r[1]))


@settings(max_examples=60, deadline=None)
@given(
    records=st.lists(RECORD, max_size=60),
    n_unplaced=st.integers(0, 3),
    scheme=st.sampled_from(SCHEMES),
    n_parts=st.integers(1, 4),
    size=st.sampled_from([1, 30_000, 90_000]),
)
def test_index__equals_plain(records, n_unplaced, scheme, n_parts, size):
    records = in_order(records) + [(-1, -1, 0, False)] * n_unplaced
    contigs = [Contig(name, 2**29, "", "") for name in "abcde"]
    found, offsets = written(records, contigs, scheme, n_parts, size)
    rows = [(*r, offsets[i], offsets[i + 1]) for i, r in enumerate(records)]
    expected = plain.index(rows, len(contigs), *scheme)
    if scheme.is_csi:
        head = b"CSI\1" + struct.pack("<iii", scheme.min_shift, scheme.depth, 0)
        assert gzip.decompress(found) == head + expected
    else:
        assert found == b"BAI\1" + expected


@given(start=st.integers(0, 2**32), span=st.integers(1, 2**20), depth=st.integers(5, 9))
def test_bin_of__equals_plain(start, span, depth):
    assert bin_of(start, start + span, 14, depth) == plain.bin_of(start, start + span, 14, depth)


@pytest.mark.parametrize("length", [2**29, 2**29 + 1, 3 * 2**30 // 2])
@pytest.mark.parametrize("n_unplaced", [0, 5])
@pytest.mark.parametrize("size", [1, 5_000])
def test_index__holds_what_samtools_finds(tmp_path, length, n_unplaced, size):
    rng = np.random.default_rng(length % 1000 + size)
    starts = np.concatenate([rng.integers(0, 3_000_000, 1500), rng.integers(0, length - 400_000, 500)])
    records = [
        (int(c), int(s), int(rng.choice([0, 100, 150, 20_000])), bool(rng.integers(0, 9)))
        for c, s in zip(rng.choice([0, 0, 0, 2], 2000), starts, strict=True)
    ]
    records = in_order(records) + [(-1, -1, 0, False)] * n_unplaced
    contigs = [Contig(name, length, "", "") for name in "abcd"]
    scheme = bai.scheme_of(contigs)
    path = tmp_path / "x.bam"
    found, _ = written(records, contigs, scheme, 7, size, path)
    options = ["-c"] if scheme.is_csi else []
    pysam.index(*options, "-o", str(tmp_path / "theirs"), str(path))
    theirs = (tmp_path / "theirs").read_bytes()
    if scheme.is_csi:
        found, theirs = gzip.decompress(found), gzip.decompress(theirs)
    assert index_contents(found, scheme.is_csi) == index_contents(theirs, scheme.is_csi)
    assert len(found) == len(theirs)


def test_index__of_no_records():
    contigs = [Contig("a", 1000, "", "")]
    found, _ = written([], contigs, bai.scheme_of(contigs), 1, 1)
    assert found == b"BAI\1" + struct.pack("<iiiQ", 1, 0, 0, 0)

"""Bins: cut, spilled, sorted and compressed, whatever the size of buffers, slices and parts."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from genomehub.formats.bam import EncodedBatch
from genomehub.kernels.bam_index import Scheme
from genomehub.kernels.spill import PADDING, TAG_BYTES, UNPLACED, DuplicateBits
from genomehub.store import alignments
from genomehub.store.alignments import (
    BinJob,
    BinLayout,
    BinStore,
    bin_jobs,
    cut_records,
    cut_rows,
    finish_bin,
    gather_jobs,
    is_deep,
    sorted_order,
    split_bin,
)
from genomehub.types import PackedReference

CONTIG_OFFSETS = np.array([512, 6000], dtype=np.int64)
BASES = PackedReference(
    np.zeros(10, dtype=np.uint8),
    CONTIG_OFFSETS,
    np.array([4000, 3000], dtype=np.int64),
    np.zeros(2, np.bool_),
)
LAYOUT = BinLayout.of(BASES, 1000)


def record(ordinal, contig, start, size, flag=0):
    body = np.zeros(size, dtype=np.uint8)
    body[:4].view(np.int32)[0] = size - 4
    body[4:12].view(np.int32)[:] = contig, start
    body[18:20].view(np.uint16)[0] = flag
    body[36:] = ordinal % 251
    return np.concatenate([np.array([ordinal], dtype=np.uint64).view(np.uint8), body])


def random_records(n, seed):
    rng = np.random.default_rng(seed)
    rows = []
    for ordinal in range(n):
        contig = int(rng.choice([-1, 0, 0, 1]))
        start = -1 if contig < 0 else int(rng.integers(0, 3000))
        flag = 4 if contig < 0 else int(rng.choice([0, 16, 4]))
        rows.append((contig, start, flag, record(ordinal, contig, start, int(rng.integers(37, 300)), flag)))
    return rows


def encoded(rows):
    keys = np.array([CONTIG_OFFSETS[c] + s if c >= 0 else UNPLACED for c, s, _, _ in rows], dtype=np.int64)
    order = np.argsort(keys, kind="stable")
    data = [rows[i][3] for i in order]
    offsets = np.concatenate([[0], np.cumsum([len(d) for d in data])]).astype(np.int64)
    return EncodedBatch(np.concatenate(data), offsets, keys[order])


def expected_records(rows, duplicates, tags=()):
    """Records in order; ``tags`` : of templates, as bytes."""
    places = sorted(range(len(rows)), key=lambda i: (rows[i][0] < 0, rows[i][0], rows[i][1]))
    out = []
    for i in places:
        body = rows[i][3][8:].copy()
        tag = b""
        if i in duplicates and not rows[i][2] & 4:
            body[18:20].view(np.uint16)[0] |= 1024
            tag = tags[i] if tags else b""
            body[:4].view(np.int32)[0] += len(tag)
        out.append(body.tobytes() + tag)
    return out


def bits_of(n, chosen):
    bits = np.zeros(n // 8 + 1, dtype=np.uint8)
    for ordinal in chosen:
        bits[ordinal >> 3] |= 1 << (ordinal & 7)
    return bits


def spilled(folder, rows, buffer_bytes):
    store = BinStore(folder, "records", buffer_bytes)
    for begin in range(0, len(rows), 170):
        store.add(cut_records(encoded(rows[begin : begin + 170]), LAYOUT))
    store.seal()
    return bin_jobs(store, LAYOUT)


SCHEME = Scheme(14, 5, is_csi=False)
NO_BITS = np.empty(0, dtype=np.uint8)


@pytest.mark.parametrize("buffer_bytes", [0, 5_000, 1 << 30])
@pytest.mark.parametrize(
    ("slice_bytes", "part_bytes"), [(2 << 20, 256 << 20), (1000, 5000), (100_000, 7000), (300, 700)]
)
def test_finish_bin__whole_file_in_order(tmp_path, monkeypatch, buffer_bytes, slice_bytes, part_bytes):
    monkeypatch.setattr(alignments, "_SLICE_BYTES", slice_bytes)
    monkeypatch.setattr(alignments, "_PART_BYTES", part_bytes)
    rows = random_records(600, 3)
    duplicates = set(range(0, 600, 7))
    found = DuplicateBits(bits_of(600, duplicates), NO_BITS, tags_all=False, tag_bytes=0)
    whole = spilled(tmp_path, rows, buffer_bytes)
    jobs = []
    for job in whole:
        jobs += split_bin(job, LAYOUT) if is_deep(job) else [job]
    assert (len(jobs) > len(whole)) == (part_bytes < 1 << 20)
    finished = [finish_bin(job, CONTIG_OFFSETS, found, SCHEME, 1) for job in jobs]
    blocks = [block for one in finished for block in one.blocks]
    assert b"".join(map(gzip.decompress, blocks)) == b"".join(expected_records(rows, duplicates))
    counted = sum(int((one.index_part.runs[:, 2] >> 32).sum()) for one in finished)
    assert counted == sum(flag & 4 == 0 for _, _, flag, _ in rows)


def test_split_bin__more_at_one_position_than_a_part_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(alignments, "_SLICE_BYTES", 3000)
    monkeypatch.setattr(alignments, "_PART_BYTES", 4000)
    rng = np.random.default_rng(5)
    rows = [
        (0, start, 0, record(ordinal, 0, start, int(rng.integers(37, 300))))
        for ordinal, start in enumerate(rng.choice([10, 200, 200, 200, 480], 300).tolist())
    ]
    (job,) = spilled(tmp_path, rows, 0)
    parts = split_bin(job, LAYOUT)
    sizes = [Path(part.path).stat().st_size - PADDING for part in parts]
    assert max(sizes) < 4000 + 308
    assert sum(sizes) == sum(len(row[3]) for row in rows)
    assert sum(part.n_records for part in parts) == 300
    none = DuplicateBits(bits_of(300, ()), NO_BITS, tags_all=False, tag_bytes=0)
    blocks = [b for part in parts for b in finish_bin(part, CONTIG_OFFSETS, none, SCHEME, 1).blocks]
    assert b"".join(map(gzip.decompress, blocks)) == b"".join(expected_records(rows, ()))
    assert not (tmp_path / "0000000.records").exists()


@pytest.mark.parametrize("tags_all", [False, True])
def test_finish_bin__tags_of_duplicates(tmp_path, monkeypatch, tags_all):
    monkeypatch.setattr(alignments, "_SLICE_BYTES", 1000)
    rows = random_records(200, 4)
    duplicates, optical = set(range(0, 200, 3)), set(range(0, 200, 9))
    found = DuplicateBits(
        bits_of(200, duplicates), bits_of(200, optical), tags_all=tags_all, tag_bytes=TAG_BYTES
    )
    other = b"DTZLB\0" if tags_all else b""
    tags = [b"DTZSQ\0" if i in optical else other for i in range(200)]
    finished = [finish_bin(job, CONTIG_OFFSETS, found, SCHEME, 1) for job in spilled(tmp_path, rows, 0)]
    blocks = [block for one in finished for block in one.blocks]
    expected = expected_records(rows, duplicates, tags)
    assert b"".join(map(gzip.decompress, blocks)) == b"".join(expected)


@pytest.mark.parametrize("buffer_bytes", [0, 100, 1 << 20])
def test_bin_store__many_pieces_and_short_writes(tmp_path, monkeypatch, buffer_bytes):
    monkeypatch.setattr(alignments, "_PIECES_PER_CALL", 2)
    monkeypatch.setattr(os, "writev", lambda descriptor, views: os.write(descriptor, views[0][:5]))
    rng = np.random.default_rng(8)
    store = BinStore(tmp_path, "rows", buffer_bytes)
    expected = {}
    for _ in range(20):
        rows, places = rng.integers(0, 99, (7, 3)).astype(np.uint64), rng.integers(0, 3000, 7)
        store.add(cut_rows(rows, places, LAYOUT))
        for row, number in zip(rows, LAYOUT.bins(places).tolist(), strict=True):
            expected[number] = expected.get(number, b"") + row.tobytes()
    store.seal()
    assert {number: store.load(number).tobytes() for number in store.counts} == expected
    assert store.counts == {number: len(data) // 24 for number, data in expected.items()}


def test_cut_rows__keeps_order_within_bins():
    rows = np.arange(12, dtype=np.uint64).reshape(6, 2)
    pieces = cut_rows(rows, np.array([2500, -3, 2100, 10**9, 40, 2999]), LAYOUT)
    assert pieces.bins.tolist() == [0, 2, LAYOUT.n_bins - 1]
    assert pieces.counts.tolist() == [2, 3, 1]
    assert pieces.ends.tolist() == [32, 80, 96]
    assert pieces.data.view(np.uint64)[::2].tolist() == [2, 8, 0, 4, 10, 6]
    assert len(cut_rows(rows[:0], np.empty(0, dtype=np.int64), LAYOUT).bins) == 0


def test_bin_layout__last_base_and_unplaced_are_apart():
    last = CONTIG_OFFSETS[-1] + 2999
    bins = LAYOUT.bins(np.array([0, 999, 1000, last, UNPLACED]))
    assert bins.tolist() == [0, 0, 1, last // 1000, LAYOUT.n_bins - 1]
    assert bins[3] < bins[4]


def test_sorted_order__stable():
    keys = np.array([5, 3, 5, 3, 4], dtype=np.int64) + 1000
    assert sorted_order(keys, 1000).tolist() == [1, 3, 4, 0, 2]
    assert sorted_order(np.full(3, UNPLACED), 0).tolist() == [0, 1, 2]
    assert sorted_order(keys[:0], 0).tolist() == []


def test_gather_jobs__few_records_share_a_task():
    jobs = [BinJob("", n, i) for i, n in enumerate([10, 49_990, 1, 60_000, 5, 5])]
    assert [[job.n_records for job in some] for some in gather_jobs(jobs)] == [
        [10, 49_990], [1], [60_000], [5, 5],
    ]  # fmt: skip

"""Seeds and the seed index: equal to their plain twins, the same on both strands."""

import numpy as np
from builders.reads import pack_reference, random_codes, reverse_complement
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import seeds as plain

from genomehub.align.index import build_seed_index, seed_shape
from genomehub.config import IndexConfig
from genomehub.kernels.seeds import CHUNK, SeedShape, extract_syncmers, partner, seed_scratch
from genomehub.kernels.sorting import sort_spread, sort_words

sequences = st.lists(st.sampled_from([0, 1, 2, 3] * 8 + [4]), max_size=120)


def syncmers(codes, k, s):
    codes = np.array(codes, np.uint8)
    hashes, places = np.empty(codes.size + 1, np.uint64), np.empty(codes.size + 1, np.int64)
    n = extract_syncmers(
        codes, 0, codes.size, SeedShape(k, s, 1, 2), seed_scratch(codes.size), hashes, places
    )
    return [(int(h), int(p) >> 1, int(p) & 1) for h, p in zip(hashes[:n], places[:n], strict=True)]


@settings(max_examples=150, deadline=None)
@given(sequences, st.sampled_from([(20, 16), (5, 3), (7, 5), (31, 25), (8, 4)]))
def test_extract_syncmers__equals_plain(codes, shape):
    assert syncmers(codes, *shape) == plain.syncmers(codes, *shape)


@settings(max_examples=100, deadline=None)
@given(sequences)
def test_extract_syncmers__same_on_both_strands(codes):
    forward = syncmers(codes, 9, 5)
    backward = syncmers(reverse_complement(np.array(codes, np.uint8)), 9, 5)
    assert sorted((h, len(codes) - 9 - p, 1 - t) for h, p, t in backward) == sorted(forward)


def test_extract_syncmers__shorter_than_a_kmer():
    assert syncmers([0, 1, 2], 20, 16) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(1, 60)), min_size=1, max_size=14))
def test_partner__equals_plain(pieces):
    starts = np.cumsum([gap for _, gap in pieces])
    seeds = [(word, int(start), 0) for (word, _), start in zip(pieces, starts, strict=True)]
    hashes = np.array([seed[0] for seed in seeds], np.uint64)
    places = np.array([seed[1] << 1 for seed in seeds], np.int64)
    shape = SeedShape(20, 16, 2, 5)
    for i in range(len(seeds)):
        for step in (1, -1):
            bits = partner(hashes, places, 0, len(seeds), i, step, shape)
            assert bits == plain.partner(seeds, i, step, 2, 5)


@settings(max_examples=30, deadline=None)
@given(st.lists(sequences, min_size=1, max_size=3), st.booleans())
def test_build_seed_index__equals_plain(contigs, repeated):
    contigs = [codes * (3 if repeated else 1) for codes in contigs]
    bases = pack_reference([np.array(codes, np.uint8) for codes in contigs])
    index = build_seed_index(bases, IndexConfig(9, 5, 1, 3))
    entries, starts = plain.index(contigs, bases.contig_offsets.tolist(), 9, 5, 1, 3, index.bucket_bits)
    assert index.entries.tolist() == entries
    assert index.buckets.tolist() == starts


def test_build_seed_index__chunks_join():
    """Seeds and their partners do not notice where one chunk of the reference ends."""
    codes = random_codes(np.random.default_rng(5), 2 * CHUNK + 100)
    index = build_seed_index(pack_reference([codes]))
    shape = seed_shape(index)
    hashes, places = np.empty(codes.size, np.uint64), np.empty(codes.size, np.int64)
    n = extract_syncmers(codes, 0, codes.size, shape, seed_scratch(codes.size), hashes, places)
    linked = [int(partner(hashes, places, 0, n, i, 1, shape)) for i in range(n)]
    whole = sorted(zip((places[:n] >> 1).tolist(), linked, strict=True))
    found = [(int(e & 0xFFFFFFFF) - 512, int(e >> 33) & 0xFFFF) for e in index.entries.tolist()]
    assert sorted(found) == whole


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=300), st.integers(0, 5))
def test_sort_words__as_sorted(values, begin):
    words = np.array(values, np.uint64)
    begin = min(begin, len(values))
    sort_words(words, begin, len(values))
    assert words.tolist() == values[:begin] + sorted(values[begin:])


def test_sort_words__long_and_hostile():
    n = 20_000
    for words in (
        np.arange(n), np.arange(n)[::-1], np.zeros(n), np.arange(n) % 7,
        np.minimum(np.arange(n), n - np.arange(n)), np.random.default_rng(1).integers(0, 2**60, n),
    ):  # fmt: skip
        ours = words.astype(np.uint64)
        sort_words(ours, 0, n)
        assert np.array_equal(ours, np.sort(words.astype(np.uint64)))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda top, base, near: (top << 50) + base + near,
            st.integers(0, 1),
            st.sampled_from([0, 5, 2**49]),  # many fall together, or into a few places far apart
            st.one_of(st.integers(0, 40), st.integers(0, 2**48)),
        ),
        min_size=1,
        max_size=200,
    )
)
def test_sort_spread__as_sorted(values):
    words = np.array(values, np.uint64)
    n = len(values)
    sort_spread(words, n, 50, np.empty_like(words), np.full(4 * n + 1, 7, np.int32))
    assert words.tolist() == sorted(values)

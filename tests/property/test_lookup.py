"""Look-ups: what probes settle, and which entries partners leave, equal the plain twins."""

import numpy as np
import pytest
from builders.reads import make_batch, mutate, pack_reference, random_codes, reverse_complement
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import lookup as plain
from plain import seeds as plain_seeds

from genomehub.align.chains import chain_reads, orient_reads, scoring_of
from genomehub.align.index import build_seed_index, frozen, seed_shape
from genomehub.config import AlignConfig
from genomehub.kernels import lookup
from genomehub.kernels.chaining import hit_diagonal, hit_position, place_of_diagonal
from genomehub.kernels.seeds import seed_scratch

SCORING = scoring_of(AlignConfig())
K, S = 20, 16


def repetitive_codes():
    """3 kbp with a copy of 400 bp, one of 300 bp that is 3 % different, and a tandem repeat."""
    rng = np.random.default_rng(11)
    codes = random_codes(rng, 3000)
    codes[1200:1600] = codes[200:600]
    codes[2000:2300] = mutate(rng, codes[700:1000], 0.03)
    codes[2600:2780] = np.tile(codes[2600:2630], 6)
    return codes


CODES = repetitive_codes()
BASES = frozen(pack_reference([CODES]))
INDEX = frozen(build_seed_index(BASES))
GENOME = lookup.Genome(INDEX, seed_shape(INDEX), BASES, False)
OFFSET = int(BASES.contig_offsets[0])
PLACES = plain.places_of([CODES.tolist()], [OFFSET], K, S)
PLAIN_GENOME = [5] * OFFSET + CODES.tolist() + [5] * 600
reads_of_the_genome = st.builds(
    lambda seed, start, length, rate, reverse, cut: one_read(seed, start, length, rate, reverse, cut),
    st.integers(0, 10**6),
    st.integers(0, 2750),
    st.integers(30, 250),
    st.sampled_from([0.0, 0.01, 0.05]),
    st.booleans(),
    st.sampled_from([None, None, 700]),
)


def one_read(seed, start, length, rate, reverse, cut):
    """A read with mismatches; with ``cut`` its second half comes from there."""
    read = mutate(np.random.default_rng(seed), CODES[start : start + length], rate)
    if cut is not None:
        half = read.size // 2
        read[half:] = CODES[cut : cut + read.size - half]
    return reverse_complement(read) if reverse else read


def settled(reads):
    batch = make_batch(reads)
    oriented = orient_reads(batch)
    longest = oriented.longest
    seeds = lookup.tile_of_seeds(longest)
    out = lookup.Settled(
        np.zeros(lookup.TILE, np.int64), np.zeros(lookup.TILE, np.uint64), np.empty(longest + 64, np.uint8)
    )
    lookup.look_up_tile(
        lookup.OrientedReads(oriented.strands, oriented.offsets), 0, len(reads), GENOME, SCORING,
        lookup.probes_needed(longest, SCORING), seed_scratch(longest), seeds, out,
    )  # fmt: skip
    return out, seeds


@pytest.mark.parametrize("match", [1, 2])
def test_probes_needed__equals_plain(match):
    scoring = SCORING._replace(match=match)
    needed = lookup.probes_needed(300, scoring)
    assert needed.tolist() == [plain.probes_needed(length, scoring) for length in range(301)]
    assert needed[[100, 150]].tolist() == ([3, 4] if match == 1 else needed[[100, 150]].tolist())


@settings(max_examples=150, deadline=None)
@given(st.lists(reads_of_the_genome, min_size=1, max_size=4))
def test_look_up_tile__settles_what_plain_settles(reads):
    out, seeds = settled(reads)
    for i, read in enumerate(reads):
        expected = plain.settle(read.tolist(), PLACES, PLAIN_GENOME, K, S, SCORING)
        if expected is None:
            assert out.n_agreeing[i] == 0
            assert (seeds.begin[seeds.offsets[i] : seeds.offsets[i + 1]] >= 0).all(), "all are looked up"
        else:
            strand, diagonal, low, n = expected
            place = place_of_diagonal(hit_diagonal(out.hit[i]))
            assert (*place, hit_position(out.hit[i]), out.n_agreeing[i]) == (strand, diagonal, low, n)


@settings(max_examples=60, deadline=None)
@given(reads_of_the_genome)
def test_chain_reads__settled_reads_lie_on_their_best_chain(read):
    """What is settled is what all seeds of the read say, too."""
    out, _ = settled([read])
    if out.n_agreeing[0] == 0:
        return
    unreachable = AlignConfig(mismatch=0)  # no number of mismatches is sure: every seed is looked up
    oriented = orient_reads(make_batch([read]))
    whole, _ = chain_reads(oriented, INDEX, BASES, unreachable)
    quick, unused = chain_reads(oriented, INDEX, BASES, AlignConfig())
    assert quick.strand.size == 1
    assert (quick.strand[0], quick.diagonal[0]) == (whole.strand[0], whole.diagonal[0])
    assert unused[0] == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2900), st.booleans())
def test_find_links__equals_plain(start, reverse):
    """Every seed of a stretch of the genome, taken for a frequent one."""
    read = CODES[start : start + 200]
    read = reverse_complement(read) if reverse else read
    _, seeds = settled([read[:29], read])  # the first is too short for probes: nothing is left to chance
    first, last = int(seeds.offsets[1]), int(seeds.offsets[2])
    hashes = seeds.hashes[first:last].tolist()
    plain_read = plain_seeds.syncmers(read.tolist(), K, S)
    assert hashes == [seed[0] for seed in plain_read]
    entries = INDEX.entries.tolist()
    for i in range(first, last):
        if seeds.begin[i] < 0:
            seeds.begin[i] = seeds.end[i] = 0
        seeds.frequency[i] = seeds.end[i] - seeds.begin[i]
    links = lookup.links_of_read(200)
    for row in range(2 * (last - first)):  # left by another read: what the seed's first entry would match
        links.word[row] = INDEX.entries[seeds.begin[first + row // 2]] >> np.uint64(33)
    lookup.find_links(INDEX.entries, seeds, first, last, GENOME.shape, 1 << 40, links)
    for i in range(first, last):
        own = [(e, entries[e] >> 33 & 0xFFFF) for e in range(seeds.begin[i], seeds.end[i])]
        for side, step in enumerate((1, -1)):
            row = 2 * (i - first) + side
            found = list(range(links.begin[row], links.end[row]))
            assert found == plain.links(plain_read, i - first, step, own, 3, 9)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2900), st.integers(-50, 3100), st.integers(0, 400), st.integers(0, 1), st.integers(0, 1)
)
def test_narrow_spans__equals_plain(start, low, width, strand, side):
    """Of the entries of each link, those on one strand within bounds; every third seed wants nothing."""
    _, seeds = settled([CODES[start : start + 29], CODES[start : start + 200]])
    first, last = int(seeds.offsets[1]), int(seeds.offsets[2])
    for i in range(first, last):
        if seeds.begin[i] < 0:
            seeds.begin[i] = seeds.end[i] = 0
        seeds.frequency[i] = seeds.end[i] - seeds.begin[i]
    links, spans = lookup.links_of_read(200), lookup.spans_of_read(200)
    lookup.find_links(INDEX.entries, seeds, first, last, GENOME.shape, 1 << 40, links)
    low, high = max(low, 0), max(low + width, 0)
    n = last - first
    for i in range(n):
        if i % 3:
            lookup.want_span(links, 2 * i + side, strand, low, high, spans, i)
        else:
            lookup.want_nothing(spans, i)
    lookup.narrow_spans(INDEX.entries, spans, n, links.active)
    for i in range(n):
        linked = range(links.begin[2 * i + side], links.end[2 * i + side]) if i % 3 else ()
        words = [(e, int(INDEX.entries[e])) for e in linked]
        inside = [e for e, w in words if w >> 32 & 1 == strand and low <= w & 0xFFFFFFFF <= high]
        assert list(range(spans.begin[i], spans.end[i])) == inside

"""Tails of reads: kernels and plain twins agree, and clipped tails lose no base."""

import numpy as np
from builders.reads import make_batch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import trimming as plain

from genomehub.align import trimming
from genomehub.config import ReadConfig
from genomehub.kernels import trimming as kernels
from genomehub.types import AlignmentBatch, Flag

ADAPTERS = [adapter.decode() for adapter in trimming.ADAPTERS]
BASES = st.text("ACGT", max_size=120)


def codes(text):
    return np.array(["ACGTN".index(c) for c in text], np.uint8)


@st.composite
def templates(draw):
    """Mates of a template of any length, read through into adapters, with tails of G and mistakes."""
    inside = draw(BASES)
    lengths = draw(st.tuples(st.integers(0, 130), st.integers(0, 130)))
    mates = []
    for end, length in enumerate(lengths):
        read = inside if end == 0 else inside[::-1].translate(plain.COMPLEMENT)
        read = (read + draw(st.sampled_from(ADAPTERS)) + "G" * 200)[:length]
        for place in draw(st.lists(st.integers(0, 129), max_size=6)):
            read = (
                read[:place] + draw(st.sampled_from("ACGTN")) + read[place + 1 :]
                if place < len(read)
                else read
            )
        mates.append(read)
    return mates


@settings(max_examples=300, deadline=None)
@given(
    found=st.lists(st.one_of(templates(), st.tuples(BASES, BASES).map(list)), min_size=1, max_size=3),
    n_ends=st.integers(1, 2), adapters=st.booleans(), least=st.sampled_from([0, 1, 5, 10]),
)  # fmt: skip
def test_trim__equals_plain(found, n_ends, adapters, least):
    found = [mates[:n_ends] for mates in found]
    batch = make_batch([codes(read) for mates in found for read in mates], n_ends)
    trimmed = trimming.trim(batch, ReadConfig(trim_adapters=adapters, trim_poly_g=least))
    expected = [n for mates in found for n in plain.keep_lengths(mates, adapters, least, ADAPTERS)]
    assert np.diff(trimmed.batch.offsets).tolist() == expected
    assert (trimmed.tails + np.diff(trimmed.batch.offsets)).tolist() == np.diff(batch.offsets).tolist()
    reads = [read for mates in found for read in mates]
    kept = "".join(read[:n] for read, n in zip(reads, expected, strict=True))
    assert "".join("ACGTN"[c] for c in trimmed.batch.bases) == kept
    assert trimmed.counts[[kernels.ADAPTER_BASES, kernels.POLY_G_BASES]].sum() == trimmed.tails.sum()


def test_trim__short_template_of_a_pair_and_repeats():
    """A template of 80 bp in reads of 100; a repeat with an insert longer than the reads is left alone."""
    rng = np.random.default_rng(1)
    inside = "".join(rng.choice(list("ACGT"), 80))
    other = inside[::-1].translate(plain.COMPLEMENT)
    short = [inside + ADAPTERS[0][:20], other + ADAPTERS[1][:20]]
    long = ["".join(rng.choice(list("ACGT"), 100)) for _ in range(2)]
    batch = make_batch([codes(read) for read in (*short, *long)], 2)
    trimmed = trimming.trim(batch, ReadConfig(trim_adapters=True))
    assert trimmed.tails.tolist() == [20, 20, 0, 0]
    assert trimmed.counts.tolist() == [2, 40, 0, 0]


CIGAR = st.lists(st.tuples(st.integers(1, 9), st.sampled_from("MID")), max_size=3)
CLIPS = st.sampled_from([None, "S", "H"])


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(CIGAR, CLIPS, CLIPS, st.integers(0, 3), st.booleans()), min_size=1, max_size=4)
)
def test_clip_tails__equals_plain(rows):
    cigars = []
    for inner, left, right, _, _ in rows:
        cigars.append(
            [(2, left)] * (left is not None) + inner + [(3, right)] * (right is not None) if inner else []
        )
    words = [n << 4 | "MIDNSH".index(op) for cigar in cigars for n, op in cigar]
    n, empty = len(rows), np.zeros(len(rows), np.int32)
    alignments = AlignmentBatch(
        *[empty] * 5,
        np.array(words, np.uint32),
        np.cumsum([0, *map(len, cigars)]).astype(np.int64),
        *[empty] * 6,
    )._replace(
        read_index=np.arange(n, dtype=np.int32),
        flag=np.array([Flag.REVERSE if row[4] else 0 for row in rows], np.uint16),
    )
    clipped = trimming.clip_tails(alignments, np.array([row[3] for row in rows], np.int64))
    expected = [plain.clip_tail(c, row[3], row[4]) for c, row in zip(cigars, rows, strict=True)]
    found = [
        [(int(w) >> 4, "MIDNSH"[int(w) & 15]) for w in clipped.cigars[a:b]]
        for a, b in zip(clipped.cigar_offsets[:-1], clipped.cigar_offsets[1:], strict=True)
    ]
    assert found == expected

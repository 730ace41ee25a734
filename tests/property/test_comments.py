"""Comments to tags: kernel and plain twin agree on any line."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import comments as plain

from genomehub.kernels import comments as kernels
from genomehub.kernels.fastq import PADDING, FastqText

WORD = st.one_of(
    st.sampled_from(["BX:Z:ACGT-1", "RX:Z:", "CB:Z:a b", "XX:i:5", "XX:i:-2147483648", "YY:i:2147483648"]),
    st.sampled_from(["XC:A:x", "XC:A:", "XH:H:1AE3", "XH:H:1A0", "RG:Z:a", "1:N:0:ACGT", "XX:f:1.5", "BX:Z"]),
    st.builds(
        "{}:{}:{}".format,
        st.sampled_from(["AA", "B1", "1A", "a"]),
        st.sampled_from("AHZif"),
        st.text("0Az -+", max_size=5),
    ),
    st.text("ABXZi:019 +-", max_size=9),
)
LINE = st.builds(
    "@r{}{}".format, st.sampled_from(["", " ", "\t", " \t"]), st.lists(WORD, max_size=4).map("\t".join)
)


def text_of(lines):
    text = "".join(f"{line}\nA\n+\nI\n" for line in lines).encode()
    data = np.frombuffer(text + bytes(PADDING), np.uint8).copy()
    ends = np.concatenate([[-1], np.flatnonzero(data == 10)]).astype(np.int64)
    return FastqText(data, ends)


@settings(max_examples=300, deadline=None)
@given(lines=st.lists(st.tuples(LINE, LINE), min_size=1, max_size=3), n_ends=st.integers(1, 2))
def test_copy_comments__equals_plain(lines, n_ends):
    chunks = [text_of([pair[end] for pair in lines]) for end in (0, 1)]
    expected = [plain.tags_of(line) for pair in lines for line in pair[:n_ends]]
    tags, offsets = (
        np.empty(2 * chunks[0].text.size + 2 * chunks[1].text.size, np.uint8),
        np.empty(len(lines) * n_ends + 1, np.int64),
    )
    problem, end, record, _, _ = kernels.copy_comments(
        chunks[0], chunks[n_ends - 1], len(lines), n_ends, tags, offsets
    )
    if None in expected:
        assert problem != kernels.GOOD
        assert record * n_ends + end == expected.index(None)
    else:
        assert problem == kernels.GOOD
        assert [tags[a:b].tobytes() for a, b in itertools.pairwise(offsets)] == expected

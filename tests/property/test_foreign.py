"""kernels/foreign.py: records written by htslib are taken apart as their plain twin does."""

import numpy as np
import pysam
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain import foreign as plain

from genomehub.align.foreign import read_batch, read_columns
from genomehub.errors import InputError
from genomehub.kernels import foreign
from genomehub.pipeline.other_aligners import record_bytes

HEADER = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "a", "LN": 500}, {"SN": "b", "LN": 90}]})
GROUPS = ("one", "two", "t")
TAGS = st.one_of(
    st.tuples(st.just("AS"), st.integers(-(2**31), 2**31 - 1), st.sampled_from("i")),
    st.tuples(st.sampled_from(["AS", "XS", "NM"]), st.integers(0, 100), st.sampled_from("CSI")),
    st.tuples(st.just("XS"), st.floats(0, 9, width=32), st.just("f")),
    st.tuples(st.just("RG"), st.sampled_from([*GROUPS, "o", "three"]), st.just("Z")),
    st.tuples(st.just("XB"), st.just([1, 2, 300]), st.sampled_from([None])),
    st.tuples(st.just("XC"), st.just("q"), st.just("A")),
)
OPERATIONS = st.lists(st.tuples(st.sampled_from([0, 1, 2, 4, 5, 7, 8]), st.integers(1, 9)), max_size=5)


@st.composite
def segments(draw):
    segment = pysam.AlignedSegment(HEADER)
    segment.query_name = draw(st.sampled_from(["r", "r1", "r12", "x" * 200]))
    segment.flag = draw(st.integers(0, 0xFFF))
    segment.reference_id = draw(st.integers(-1, 1))
    segment.reference_start = draw(st.integers(-1, 90))
    segment.mapping_quality = draw(st.integers(0, 255))
    segment.template_length = draw(st.integers(-(2**31) + 1, 2**31 - 1))
    segment.query_sequence = draw(st.text("ACGTNRY", max_size=30))
    if segment.query_sequence:
        n = len(segment.query_sequence)
        segment.query_qualities = pysam.qualitystring_to_array(draw(st.text("!5I~", min_size=n, max_size=n)))
    segment.cigartuples = draw(OPERATIONS)
    for name, value, kind in draw(st.lists(TAGS, max_size=4)):
        segment.set_tag(name, value, kind)
    return segment


@settings(max_examples=150, deadline=None)
@given(st.lists(segments(), min_size=1, max_size=6), st.randoms(use_true_random=False), st.integers(0, 30))
def test_foreign__equals_plain_twin(records, random, cut):
    data = record_bytes(records, HEADER)
    starts = foreign.record_starts(data)
    assert starts.tolist() == plain.record_starts(data)
    assert starts[-1] == data.size
    assert foreign.record_starts(data[: data.size - cut]).tolist() == plain.record_starts(
        data[: data.size - cut]
    )
    numbers = foreign.number_templates(data, starts).tolist()
    assert numbers == plain.number_templates(data, starts.tolist())
    columns = read_columns(data, starts, "x", GROUPS)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert rows == plain.read_columns(data, starts.tolist(), [group.encode() for group in GROUPS])

    order = np.array(random.sample(range(len(records)), len(records)), np.int64)
    keeps = np.array([random.random() < 0.5 for _ in order], np.bool_)
    offsets, cigars = np.empty(order.size + 1, np.int64), np.empty(int(columns.n_ops.sum()), np.uint32)
    foreign.copy_cigars(data, starts, order, keeps, offsets, cigars)
    found = [cigars[a:b].tolist() for a, b in zip(offsets[:-1], offsets[1:], strict=True)]  # noqa: RUF007
    assert found == plain.copy_cigars(data, starts.tolist(), order.tolist(), keeps.tolist())

    lengths = np.array([random.choice([0, 5, int(n)]) for n in columns.n_bases[order]], np.int64)
    room = np.array([random.choice([5, 90, 500]) for _ in order], np.int64)
    spans = np.empty(order.size, np.int64)
    checked = foreign.check_rows(cigars[: offsets[-1]], offsets, lengths, columns.start[order], room, spans)
    assert checked == plain.check_rows(found, lengths, columns.start[order].tolist(), room.tolist())

    reads = read_batch(data, starts, order, columns.n_bases[order], 1, 0, 0, "x")
    expected = plain.copy_reads(data, starts.tolist(), order.tolist())
    for i, (codes, quals) in enumerate(expected):
        span = slice(reads.offsets[i], reads.offsets[i + 1])
        assert (reads.bases[span].tolist(), reads.quals[span].tolist()) == (codes, quals)
        name = reads.names[reads.name_offsets[i] : reads.name_offsets[i + 1]].tobytes().decode()
        assert name == records[order[i]].query_name
    copied = foreign.copy_records(data, starts, order).tobytes()
    assert copied == b"".join(data[starts[i] : starts[i + 1]].tobytes() for i in order)


def record_with_tags(tags):
    """A record of no bases with some bytes as its tags."""
    segment = pysam.AlignedSegment(HEADER)
    segment.query_name, segment.flag = "r", 4
    data = record_bytes([segment], HEADER).tobytes()
    return np.frombuffer((len(data) - 4 + len(tags)).to_bytes(4, "little") + data[4:] + tags, np.uint8).copy()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=24), st.integers(0, 3))
@example(b"ASC\x05XBBI\xff\xff\xff\xff", 0)
@example(b"ASC\x05XXZabc", 0)
@example(b"XBBz\0\0\0\0", 0)
@example(b"AS?\0", 0)
@example(b"AS", 0)
def test_read_columns__any_bytes_as_tags_are_read_or_refused(tags, cut):
    """Never beyond the record: what follows it would be read as part of a tag that does not end."""
    whole = b"ASC\x05XXZabc\0XBBS\x01\0\0\0\x01\0"
    good = whole[: [4, 11, len(whole)][min(cut, 2)]]
    data = record_with_tags(good + tags)
    starts = foreign.record_starts(data)
    try:
        expected = plain.read_tags(good + tags)
    except Exception:
        with pytest.raises(InputError, match='x: the record of read "r" has damaged tags'):
            read_columns(data, starts, "x")
    else:
        kind, score = expected["AS"]
        columns = read_columns(data, starts, "x")
        assert columns.score.tolist() == [score if kind in "cCsSiI" else 0]

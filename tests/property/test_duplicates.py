"""Duplicate marking equals the plain rules, however marks are cut into bins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import duplicates as plain

from genomehub.align import duplicates
from genomehub.align.duplicates import Marks, decide, places, template_marks
from genomehub.errors import ConfigError
from genomehub.kernels.duplicates import NO_LOCATION, PIXEL_BITS, location_of
from genomehub.types import AlignmentBatch, CigarOp, Flag, ReadBatch

CIGARS = ["10M", "3S7M", "7M3S", "2H3S5M", "5M3S2H", "4M2D6M", "4M2I4M", "2S3M3D5M"]
READ = st.fixed_dictionaries(
    {
        "contig": st.sampled_from([0, 0, 0, 1, None]),
        "start": st.integers(0, 6),
        "cigar": st.sampled_from(CIGARS),
        "reverse": st.booleans(),
        "quality": st.sampled_from([2, 14, 15, 30, 255]),
    }
)
PLACE = st.tuples(st.sampled_from([1101, 1101, 2301]), st.integers(0, 12), st.integers(0, 12))
NAME = st.one_of(PLACE.map(lambda place: "M:1:F:2:{}:{}:{}".format(*place)), st.just("M:1:F:2:1101:7"))


def parsed(cigar):
    operations, number = [], ""
    for letter in cigar:
        if letter.isdigit():
            number += letter
        else:
            operations.append((int(number), letter))
            number = ""
    return operations


def query_length(cigar):
    return sum(length for length, op in parsed(cigar) if op in "MIS=XH")


def batch_of(templates, n_ends, first_template=0, texts=None, group=0):
    reads = [read for template in templates for read in template]
    lengths = [query_length(read["cigar"]) for read in reads]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    quals = np.repeat([read["quality"] for read in reads], lengths).astype(np.uint8)
    texts = [text.encode() for text in texts or [""] * len(templates)]
    name_offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
    batch = ReadBatch(
        np.zeros_like(quals),
        quals,
        offsets,
        np.frombuffer(b"".join(texts), np.uint8),
        name_offsets,
        n_ends,
        first_template,
        group,
    )
    flags = [
        (Flag.UNMAPPED if read["contig"] is None else 0) | (Flag.REVERSE if read["reverse"] else 0)
        for read in reads
    ]
    cigars = [
        [length << 4 | CigarOp[op] for length, op in parsed(read["cigar"])]
        if read["contig"] is not None
        else []
        for read in reads
    ]
    n = len(reads)
    filler = np.zeros(n, dtype=np.int32)
    alignments = AlignmentBatch(
        read_index=np.arange(n, dtype=np.int32),
        flag=np.array(flags, dtype=np.uint16),
        contig_index=np.array([-1 if r["contig"] is None else r["contig"] for r in reads], dtype=np.int32),
        start=np.array([r["start"] for r in reads], dtype=np.int32),
        mapping_quality=filler.astype(np.uint8),
        cigars=np.array([op for cigar in cigars for op in cigar], dtype=np.uint32),
        cigar_offsets=np.concatenate([[0], np.cumsum([len(c) for c in cigars])]).astype(np.int64),
        mate_contig_index=filler, mate_start=filler, template_length=filler,
        score=filler, second_score=filler, alt_score=filler,
    )  # fmt: skip
    return batch, alignments


def rows_of(templates, libraries, groups=None, names=None):
    n = len(templates)
    return [
        (
            library,
            group,
            name,
            [
                {
                    **read,
                    "cigar": parsed(read["cigar"]),
                    "quals": [read["quality"]] * query_length(read["cigar"]),
                }
                for read in template
            ],
        )
        for template, library, group, name in zip(
            templates, libraries, groups or [0] * n, names or [""] * n, strict=True
        )
    ]


def expected(templates, libraries):
    return plain.duplicates(rows_of(templates, libraries))


def joined(*marks):
    none = Marks(np.empty((0, 4), np.uint64), np.empty(0, np.uint64), np.zeros(4, np.int64))
    return [np.concatenate(arrays) for arrays in list(zip(none, *marks, strict=True))[:2]]


@settings(max_examples=200, deadline=None)
@given(templates=st.lists(st.tuples(READ, READ), min_size=1, max_size=12))
def test_decide__pairs_equal_plain_rules(templates):
    marks, other_ends, examined = template_marks(*batch_of(templates, 2), 0, 15)
    found = decide(marks, other_ends, 1, 100)
    assert set(found.ordinals.tolist()) == expected(templates, [0] * len(templates))
    assert len(found.ordinals) == found.counts[:, :2].sum()
    assert not found.optical.any()
    mapped = [sum(read["contig"] is not None for read in template) for template in templates]
    n_pairs = mapped.count(2)
    assert examined.tolist() == [n_pairs, mapped.count(1), 2 * len(mapped) - sum(mapped), n_pairs]
    assert (found.set_sizes[0] * np.arange(1, found.set_sizes.shape[1] + 1)).sum() == n_pairs


@settings(max_examples=100, deadline=None)
@given(templates=st.lists(st.tuples(READ), min_size=1, max_size=12))
def test_decide__single_reads_equal_plain_rules(templates):
    found = decide(*joined(template_marks(*batch_of(templates, 1), 0, 15)), 1, 100)
    assert set(found.ordinals.tolist()) == expected(templates, [0] * len(templates))


FEW_ENDS = st.fixed_dictionaries(
    {
        "contig": st.just(0), "start": st.integers(0, 1), "cigar": st.just("10M"), "reverse": st.booleans(),
        "quality": st.sampled_from([15, 30]),
    }
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.tuples(st.tuples(FEW_ENDS, FEW_ENDS), NAME, st.integers(0, 1)), min_size=1, max_size=25),
    distance=st.integers(0, 6),
)
def test_decide__optical_duplicates_equal_plain_rules(rows, distance):
    marks = [
        template_marks(*batch_of([template], 2, i, [name], group), 0, 15)
        for i, (template, name, group) in enumerate(rows)
    ]
    found = decide(*joined(*marks), 1, distance)
    templates, names, groups = map(list, zip(*rows, strict=True))
    plain_rows = rows_of(templates, [0] * len(rows), groups, names)
    assert set(found.ordinals.tolist()) == plain.duplicates(plain_rows)
    optical = plain.optical(plain_rows, distance)
    assert set(found.ordinals[found.optical].tolist()) == optical
    assert found.counts[0].tolist() == [len(found.ordinals), 0, len(optical)]
    sizes = np.arange(1, found.set_sizes.shape[1] + 1)
    n_sets = found.set_sizes[0].sum()
    assert (found.set_sizes[2] * sizes).sum() == len(rows) - len(optical)
    assert n_sets == len(rows) - len(found.ordinals)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("HWI:1:FC:3:1101:12:34", (1101, 12, 34)),
        ("HWI:3:21:12:34#ACGT", (21, 12, 34)),
        ("HWI:3:21:-2:34_x", (21, -2, 34)),
        ("HWI:1:FC:3:1101:12", (-1, -1, -1)),
        ("HWI:1:FC:3:1101:12:x", (-1, -1, -1)),
        ("HWI:1:FC:3:1101::3", (-1, -1, -1)),
        ("HWI:1:FC:3:1101:12:9000000", (-1, -1, -1)),  # beyond what a mark holds
        ("", (-1, -1, -1)),
    ],
)
def test_location_of(name, place):
    text = np.frombuffer(f"@{name}+".encode(), np.uint8)
    word = int(location_of(text, 1, len(text) - 1))
    mask = (1 << PIXEL_BITS) - 1
    found = (word >> 2 * PIXEL_BITS) - 2**15, (word >> PIXEL_BITS & mask) - 2**23, (word & mask) - 2**23
    assert found == place
    assert (word == NO_LOCATION) == (place == (-1, -1, -1))
    if len(name) < 24:
        assert plain.location(name) == place


@settings(max_examples=60, deadline=None)
@given(first=st.lists(st.tuples(READ, READ), max_size=8), second=st.lists(st.tuples(READ, READ), max_size=8))
def test_decide__batches_and_libraries(first, second):
    marks = [
        template_marks(*batch_of(templates, 2, ordinal), library, 15)
        for templates, ordinal, library in ((first, 0, 0), (second, len(first), 3))
        if templates
    ]
    found = decide(*joined(*marks), 4, 100)
    libraries = [0] * len(first) + [3] * len(second)
    assert set(found.ordinals.tolist()) == expected(first + second, libraries)


def test_decide__many_of_one_key():
    read = {"contig": 0, "start": 5, "cigar": "10M", "reverse": False}
    templates = [({**read, "quality": 15 + (7 * i) % 20},) for i in range(500)]
    found = decide(*joined(template_marks(*batch_of(templates, 1), 0, 15)), 1, 100)
    assert set(found.ordinals.tolist()) == expected(templates, [0] * 500)
    assert len(found.ordinals) == 499


def test_places__equal_keys_share_a_place_and_clips_may_reach_before_the_contig():
    templates = [({"contig": 1, "start": 1, "cigar": "3S7M", "reverse": False, "quality": 30},)]
    marks = template_marks(*batch_of(templates, 1), 0, 15).marks
    assert places(marks[:, 0], np.array([512, 2000])).tolist() == [1998]


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ((511, 1, 1), "511 libraries are more than the 510"),
        ((1, 2**21 + 1, 1), "contigs are more than the 2097152"),
        ((1, 1, 4097), "4097 read groups are more than the 4096"),
    ],
)
def test_check_limits(counts, sentence):
    with pytest.raises(ConfigError, match=sentence):
        duplicates.check_limits(*counts)
    duplicates.check_limits(510, 2**21, 4096)

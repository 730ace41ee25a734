"""Duplicate marking equals the plain rules, however marks are cut into bins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import duplicates as plain

from genomehub.align import duplicates
from genomehub.align.duplicates import decide, places, template_marks
from genomehub.errors import ConfigError
from genomehub.types import AlignmentBatch, CigarOp, Flag, ReadBatch

CIGARS = ["10M", "3S7M", "7M3S", "2H3S5M", "5M3S2H", "4M2D6M", "4M2I4M", "2S3M3D5M"]
READ = st.fixed_dictionaries(
    {
        "contig": st.sampled_from([0, 0, 0, 1, None]),
        "start": st.integers(0, 6),
        "cigar": st.sampled_from(CIGARS),
        "reverse": st.booleans(),
        "quality": st.sampled_from([2, 14, 15, 30]),
    }
)


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


def batch_of(templates, n_ends, first_template=0):
    reads = [read for template in templates for read in template]
    lengths = [query_length(read["cigar"]) for read in reads]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    quals = np.repeat([read["quality"] for read in reads], lengths).astype(np.uint8)
    names = np.arange(len(templates) + 1, dtype=np.int64)
    batch = ReadBatch(
        np.zeros_like(quals),
        quals,
        offsets,
        np.zeros(len(templates), np.uint8),
        names,
        n_ends,
        first_template,
        0,
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
        score=filler, second_score=filler,
    )  # fmt: skip
    return batch, alignments


def expected(templates, libraries):
    rows = [
        (
            library,
            [
                {
                    **read,
                    "cigar": parsed(read["cigar"]),
                    "quals": [read["quality"]] * query_length(read["cigar"]),
                }
                for read in template
            ],
        )
        for template, library in zip(templates, libraries, strict=True)
    ]
    return plain.duplicates(rows)


@settings(max_examples=200, deadline=None)
@given(templates=st.lists(st.tuples(READ, READ), min_size=1, max_size=12))
def test_decide__pairs_equal_plain_rules(templates):
    marks, examined = template_marks(*batch_of(templates, 2), 0, 15)
    found = decide(marks, 1)
    assert set(found.ordinals.tolist()) == expected(templates, [0] * len(templates))
    assert len(found.ordinals) == found.counts.sum()
    mapped = [sum(read["contig"] is not None for read in template) for template in templates]
    assert examined.tolist() == [mapped.count(2), mapped.count(1), 2 * len(mapped) - sum(mapped)]
    assert (found.set_sizes * np.arange(1, len(found.set_sizes) + 1)).sum() == mapped.count(2)


@settings(max_examples=100, deadline=None)
@given(templates=st.lists(st.tuples(READ), min_size=1, max_size=12))
def test_decide__single_reads_equal_plain_rules(templates):
    found = decide(template_marks(*batch_of(templates, 1), 0, 15).marks, 1)
    assert set(found.ordinals.tolist()) == expected(templates, [0] * len(templates))


@settings(max_examples=60, deadline=None)
@given(first=st.lists(st.tuples(READ, READ), max_size=8), second=st.lists(st.tuples(READ, READ), max_size=8))
def test_decide__batches_and_libraries(first, second):
    marks = [
        template_marks(*batch_of(templates, 2, ordinal), library, 15).marks
        for templates, ordinal, library in ((first, 0, 0), (second, len(first), 3))
        if templates
    ]
    found = decide(np.concatenate([np.empty((0, 3), dtype=np.uint64), *marks]), 4)
    libraries = [0] * len(first) + [3] * len(second)
    assert set(found.ordinals.tolist()) == expected(first + second, libraries)


def test_decide__many_of_one_key():
    read = {"contig": 0, "start": 5, "cigar": "10M", "reverse": False}
    templates = [({**read, "quality": 15 + (7 * i) % 20},) for i in range(500)]
    found = decide(template_marks(*batch_of(templates, 1), 0, 15).marks, 1)
    assert set(found.ordinals.tolist()) == expected(templates, [0] * 500)
    assert len(found.ordinals) == 499


def test_places__equal_keys_share_a_place_and_clips_may_reach_before_the_contig():
    templates = [({"contig": 1, "start": 1, "cigar": "3S7M", "reverse": False, "quality": 30},)]
    marks = template_marks(*batch_of(templates, 1), 0, 15).marks
    assert places(marks, np.array([512, 2000])).tolist() == [1998]


@pytest.mark.parametrize(
    ("n_libraries", "n_contigs", "sentence"),
    [(511, 1, "511 libraries are more than the 510"), (1, 2**21 + 1, "contigs are more than the 2097152")],
)
def test_check_limits(n_libraries, n_contigs, sentence):
    with pytest.raises(ConfigError, match=sentence):
        duplicates.check_limits(n_libraries, n_contigs)
    duplicates.check_limits(510, 2**21)

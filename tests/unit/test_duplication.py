"""Duplicate metrics: picard's arithmetic and picard's form."""

import numpy as np
import pytest

from genomehub.align.duplication import (
    LibraryDuplication,
    estimate_library_size,
    metrics_text,
)
from genomehub.config import SortConfig
from genomehub.errors import ConfigError

LIBRARY = LibraryDuplication("L", 123, 25_716, 25, 123, 23, 99, 4)
CLEAN = LibraryDuplication("M", 0, 10, 0, 0, 0, 0, 0)


def test_library_duplication__as_picard_counts():
    assert LIBRARY.duplicate_reads == 23 + 2 * 99
    assert LIBRARY.fraction == pytest.approx(
        0.004287, abs=5e-7
    )  # PERCENT_DUPLICATION of picard on this slice


def test_estimated_library_size__picard_value():
    # picard on 25,716 pairs with 99 duplicates, 4 of them optical, which it leaves out of the pairs drawn
    assert LIBRARY.estimated_library_size == 3_470_934


@pytest.mark.parametrize(("pairs", "duplicates"), [(0, 0), (10, 0), (10, 10)])
def test_estimate_library_size__nothing_to_tell_by(pairs, duplicates):
    assert estimate_library_size(pairs, duplicates) is None


def test_return_on_sequencing__without_duplicates_all_is_new():
    assert CLEAN.return_on_sequencing(3.0) == 3.0


def set_sizes():
    sizes = np.zeros((3, 1000), dtype=np.int64)
    sizes[0, :2] = 25_518, 99
    sizes[1, 1] = 4
    sizes[2, :2] = 25_522, 95
    return sizes


def test_metrics_text__table_and_histogram():
    sizes = set_sizes()
    sizes[0, 300] = 1
    lines = metrics_text([LIBRARY], sizes).splitlines()
    table = lines.index("## METRICS CLASS\tpicard.sam.DuplicationMetrics")
    row = dict(zip(lines[table + 1].split("\t"), lines[table + 2].split("\t"), strict=True))
    assert row["READ_PAIRS_EXAMINED"] == "25716"
    assert row["READ_PAIR_OPTICAL_DUPLICATES"] == "4"
    assert row["PERCENT_DUPLICATION"] == "0.004287"
    assert row["ESTIMATED_LIBRARY_SIZE"] == "3470934"
    histogram = lines.index("BIN\tCoverageMult\tall_sets\toptical_sets\tnon_optical_sets")
    assert lines[histogram + 1].split("\t")[::2] == ["1.0", "25518", "25522"]
    assert lines[histogram + 2].split("\t")[::2] == ["2.0", "99", "95"]
    assert lines[histogram + 101] == "301.0\t0\t1\t0\t0"
    assert len(lines) - histogram == 103


def test_metrics_text__several_libraries_or_no_duplicates():
    lines = metrics_text([LIBRARY, CLEAN], set_sizes()).splitlines()
    assert lines[-4:-1] == [
        "set_size\tall_sets\toptical_sets\tnon_optical_sets",
        "1.0\t25518\t0\t25522",
        "2.0\t99\t4\t95",
    ]
    text = metrics_text([CLEAN], np.zeros((3, 10), dtype=np.int64))
    assert "HISTOGRAM" not in text
    assert "M\t0\t10\t0\t0\t0\t0\t0\t0\t\n" in text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"optical_distance": -1}, "optical_distance -1: is counted in pixels, 0 to 1048575. Use 100"),
        ({"optical_distance": 2**20}, "optical_distance 1048576: is counted in pixels"),
        (
            {"duplicate_tags": "some"},
            'duplicate_tags "some": is none of none, optical, all. Name one of them',
        ),
    ],
)
def test_sort_config__out_of_range(fields, sentence):
    with pytest.raises(ConfigError, match=sentence):
        SortConfig(**fields)

"""Duplicate metrics: picard's arithmetic and picard's form."""

import numpy as np
import pytest

from genomehub.align.duplication import (
    LibraryDuplication,
    estimate_library_size,
    metrics_text,
    return_on_sequencing,
)

LIBRARY = LibraryDuplication("L", 123, 25_716, 25, 123, 23, 99)


def test_library_duplication__as_picard_counts():
    assert LIBRARY.duplicate_reads == 23 + 2 * 99
    assert LIBRARY.fraction == pytest.approx(
        0.004287, abs=5e-7
    )  # PERCENT_DUPLICATION of picard on this slice


def test_estimate_library_size__picard_value():
    # picard on 25,716 pairs with 99 duplicates, 4 of them optical, which it leaves out of the pairs drawn
    assert estimate_library_size(25_716 - 4, 99 - 4) == 3_470_934


@pytest.mark.parametrize(("pairs", "duplicates"), [(0, 0), (10, 0), (10, 10)])
def test_estimate_library_size__nothing_to_tell_by(pairs, duplicates):
    assert estimate_library_size(pairs, duplicates) is None


def test_return_on_sequencing__without_duplicates_all_is_new():
    assert return_on_sequencing(10, 0, 3.0) == 3.0


def test_metrics_text__table_and_histogram():
    sizes = np.zeros(1000, dtype=np.int64)
    sizes[:2] = 25_518, 99
    lines = metrics_text([LIBRARY], sizes).splitlines()
    table = lines.index("## METRICS CLASS\tpicard.sam.DuplicationMetrics")
    row = dict(zip(lines[table + 1].split("\t"), lines[table + 2].split("\t"), strict=True))
    assert row["READ_PAIRS_EXAMINED"] == "25716"
    assert row["PERCENT_DUPLICATION"] == "0.004287"
    assert int(row["ESTIMATED_LIBRARY_SIZE"]) > 3_000_000
    histogram = lines.index("BIN\tCoverageMult\tall_sets")
    assert lines[histogram + 1].split("\t")[::2] == ["1.0", "25518"]
    assert lines[histogram + 2].split("\t")[::2] == ["2.0", "99"]
    assert len(lines) - histogram == 102


def test_metrics_text__several_libraries_or_no_duplicates():
    clean = LibraryDuplication("M", 0, 10, 0, 0, 0, 0)
    assert "HISTOGRAM" not in metrics_text([LIBRARY, clean], np.zeros(10, dtype=np.int64))
    text = metrics_text([clean], np.zeros(10, dtype=np.int64))
    assert "HISTOGRAM" not in text
    assert "M\t0\t10\t0\t0\t0\t0\t0\t0.000000\t\n" in text

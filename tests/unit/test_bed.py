"""BED: intervals sorted and joined, names resolved, and the line that is wrong named."""

import gzip

import pytest
from builders import alignment_files

from genomehub.errors import InputError, NotFoundError
from genomehub.formats.bed import merge_intervals, read_bed, text_lines
from genomehub.types import Interval


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    sequences = {"1": "ACGT" * 250, "chr2": "ACGT" * 100}
    return alignment_files.make_reference(tmp_path_factory.mktemp("reference") / "ref", sequences)


def write(tmp_path, text):
    path = tmp_path / "x.bed"
    path.write_text(text)
    return path


def test_read__sorted_joined_and_renamed(tmp_path, reference):
    text = "#c\ntrack name=x\nbrowser y\n2\t5\t10\tname\t0\t+\n1 7 9\nchr1\t0\t5\r\n\n1\t5\t7\n"
    with pytest.raises(InputError, match='contigs "1" and "chr1" are the same contig'):
        read_bed(write(tmp_path, text), reference)
    assert read_bed(write(tmp_path, text.replace("chr1", "1")), reference) == [
        Interval(0, 0, 9),
        Interval(1, 5, 10),
    ]


def test_read__gzip(tmp_path, reference):
    path = tmp_path / "x.bed.gz"
    path.write_bytes(gzip.compress(b"1\t3\t4"))
    assert read_bed(path, reference) == [Interval(0, 3, 4)]


def test_read__unknown_contigs_are_left_out(tmp_path, reference):
    assert read_bed(write(tmp_path, "1\t1\t2\nX\t1\t9999999\n"), reference) == [Interval(0, 1, 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no interval"),
        ("# only a comment\n", "holds no interval"),
        ("1\t1\n", r"x.bed, line 1: '1\\t1' was seen; BED needs contig, start, end"),
        ("1\t1\t2\n1\tx\t5\n", "x.bed, line 2: "),
        ("1\t5\t4\n", "line 1: start 5 and end 4; BED needs 0 <= start <= end"),
        ("1\t-1\t4\n", "line 1: start -1 and end 4"),
        ("1\t1\t1001\n", r"line 1: 1:1-1001 ends beyond the contig \(1,000 bp in the reference\)"),
        ("X\t1\t2\n", "none of its contigs"),
    ],
)
def test_read__malformed(tmp_path, reference, text, message):
    with pytest.raises(InputError, match=message):
        read_bed(write(tmp_path, text), reference)


def test_read__no_text(tmp_path, reference):
    path = tmp_path / "x.bed"
    path.write_bytes(b"1\t1\t2\n\xff\xfe\x00")
    with pytest.raises(InputError, match="is not text; a BED file was expected"):
        read_bed(path, reference)


def test_read__missing(tmp_path, reference):
    with pytest.raises(NotFoundError, match="no such BED file"):
        read_bed(tmp_path / "y.bed", reference)


def test_merge__touching_nested_and_empty():
    given = [Interval(0, 5, 9), Interval(0, 9, 9), Interval(1, 0, 3), Interval(0, 6, 7), Interval(0, 9, 12)]
    assert merge_intervals(given) == [Interval(0, 5, 12), Interval(1, 0, 3)]


def test_text_lines__characters_across_reads(tmp_path, monkeypatch):
    monkeypatch.setattr("genomehub.formats.bed._READ_SIZE", 3)
    path = write(tmp_path, "aé\nßßß\nlast")
    assert list(text_lines(path, "file")) == [(1, "aé"), (2, "ßßß"), (3, "last")]

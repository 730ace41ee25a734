"""The CRAM header is replaced and nothing else."""

import io

import pysam
import pytest
from builders import alignment_files as build

from genomehub.formats import cram_header

SEQUENCES = {"1": build.random_sequence(5000, 1)}


@pytest.mark.parametrize("extra", [0, 10, 200, 20_000])
def test_replace_header__text_of_any_size(tmp_path, extra):
    reference = build.make_reference(tmp_path / "ref", SEQUENCES)
    head = build.header(SEQUENCES)
    reads = build.random_reads(head, 40, 1, SEQUENCES)
    old, new = tmp_path / "old.cram", tmp_path / "new.cram"
    with pysam.AlignmentFile(str(old), "wc", header=head, reference_filename=str(reference.fasta)) as file:
        for read in reads:
            file.write(read)
    text = str(head) + "@CO\t" + "x" * extra + "\n"
    cram_header.replace_header(old, new, text)
    fasta = str(reference.fasta)
    with (
        pysam.AlignmentFile(str(old), reference_filename=fasta) as a,
        pysam.AlignmentFile(str(new), reference_filename=fasta) as b,
    ):
        assert "UR:" in str(a.header)
        assert str(b.header) == text
        assert [str(r) for r in a.fetch(until_eof=True)] == [str(r) for r in b.fetch(until_eof=True)]


def test_itf8__too_large():
    with pytest.raises(ValueError, match="does not fit"):
        cram_header.itf8(1 << 28)


def test_skip_container__too_many_landmarks():
    with pytest.raises(ValueError, match="more than 127 landmarks"):
        cram_header._skip_container(io.BytesIO(b"\0\0\0\0" + b"\0" * 7 + b"\x80"))


@pytest.mark.parametrize(
    ("first", "most", "skipped"),
    [(0x7F, 4, 0), (0x80, 4, 1), (0xF0, 4, 4), (0xFF, 4, 4), (0xFF, 8, 8), (0xFE, 8, 7)],
)
def test_skip_number__lengths(first, most, skipped):
    handle = io.BytesIO(bytes([first]) + b"\0" * 10)
    cram_header._skip_number(handle, most)
    assert handle.tell() == 1 + skipped

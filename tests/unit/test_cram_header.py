"""Pieces become one CRAM file with another header, and nothing else changes."""

import io

import pysam
import pytest
from builders import alignment_files as build

from genomehub.formats import cram_header

SEQUENCES = {"1": build.random_sequence(5000, 1)}


def write_cram(path, head, reads, fasta):
    with pysam.AlignmentFile(str(path), "wc", header=head, reference_filename=fasta) as file:
        for read in reads:
            file.write(read)


@pytest.mark.parametrize("extra", [0, 10, 200, 20_000])
@pytest.mark.parametrize("n_pieces", [0, 1, 3])
def test_join_pieces__header_of_any_size(tmp_path, n_pieces, extra):
    fasta = str(build.make_reference(tmp_path / "ref", SEQUENCES).fasta)
    head = build.header(SEQUENCES)
    reads = build.random_reads(head, 40, 1, SEQUENCES)
    pieces = [tmp_path / f"{i}.cram" for i in range(n_pieces)]
    for i, piece in enumerate(pieces):
        write_cram(piece, head, reads[i::n_pieces], fasta)
        assert piece.read_bytes().endswith(cram_header.EOF_CONTAINER)
        assert b"UR:" in piece.read_bytes() or "UR:" in str(pysam.AlignmentFile(str(piece)).header)
    text = str(head) + "@CO\t" + "x" * extra + "\n"
    cram_header.join_pieces(pieces, tmp_path / "new.cram", text)
    pysam.quickcheck(str(tmp_path / "new.cram"))
    with pysam.AlignmentFile(str(tmp_path / "new.cram"), reference_filename=fasta) as file:
        assert str(file.header) == text
        found = [str(r) for r in file.fetch(until_eof=True)]
    expected = []
    for piece in pieces:
        with pysam.AlignmentFile(str(piece), reference_filename=fasta) as file:
            expected += [str(r) for r in file.fetch(until_eof=True)]
    assert found == expected


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

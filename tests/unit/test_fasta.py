"""FASTA: every shape people have, piece borders anywhere, one sentence for each fault."""

import gzip
import itertools

import numpy as np
import pytest

from genomehub.errors import InputError, NotFoundError
from genomehub.formats.bgzf import EOF_BLOCK, compress
from genomehub.formats.fasta import read_fasta

TEXT = b">one first contig\nACGT\nacgtnRYk\n>two\nTT\n"
CONTIGS = {"one": "ACGTACGTNRYK", "two": "TT"}


def contigs(path, piece_bytes=1 << 20):
    groups = itertools.groupby(read_fasta(path, piece_bytes), key=lambda piece: piece[0])
    return {name: b"".join(letters.tobytes() for _, letters in group).decode() for name, group in groups}


def bgzipped(data):
    return b"".join(compress(np.frombuffer(data, dtype=np.uint8), 1)) + EOF_BLOCK


@pytest.mark.parametrize("piece_bytes", [3, 7, 1 << 20])
@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        TEXT[:-1],
        TEXT + b"\n\n",
        b"\n" + TEXT,
        TEXT.replace(b"\n", b"\r\n"),
        gzip.compress(TEXT),
        gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]),
        bgzipped(TEXT),
    ],
    ids=["plain", "no-last-newline", "blank-end", "blank-start", "crlf", "gzip", "two-members", "bgzip"],
)
def test_read_fasta__shapes(tmp_path, data, piece_bytes):
    path = tmp_path / "genome.fa"
    path.write_bytes(data)
    assert contigs(path, piece_bytes) == CONTIGS


@pytest.mark.parametrize("piece_bytes", [3, 1 << 20])
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "genome.fa: holds no sequence"),
        (b"\n \n", "genome.fa: holds no sequence"),
        (b"ACGT\n", "line 1: starts with 'A'"),
        (b"\x89PNG", "line 1: starts with byte 0x89"),
        (b">a\nAC\n>a\nGT\n", 'line 3, contig "a": this name was used before'),
        (b">a\nAC\n>b\n>c\nAC\n", 'contig "b": the contig has no bases'),
        (b">a\nAC\n>b", 'contig "b": the contig has no bases'),
        (b">a\nAC\nA!\n", "line 3, contig \"a\": '!' is no base"),
        (b">a\nACU\n", "line 2, contig \"a\": 'U' is no base"),
        (b">a\nA>C\n", "line 2, contig \"a\": '>' is no base"),
        (b">\nAC\n", "line 1: '' gives no contig name"),
        (b">a,b\nAC\n", "line 1: 'a,b' gives no contig name"),
    ],
)
def test_read_fasta__faults(tmp_path, data, sentence, piece_bytes):
    path = tmp_path / "genome.fa"
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
        contigs(path, piece_bytes)
    assert sentence in str(error.value)


def test_read_fasta__truncated_gzip(tmp_path):
    path = tmp_path / "genome.fa.gz"
    path.write_bytes(gzip.compress(TEXT)[:-9])
    with pytest.raises(InputError, match=r"genome\.fa\.gz: the compressed data ends before"):
        contigs(path)


def test_read_fasta__damaged_gzip(tmp_path):
    data = bytearray(gzip.compress(TEXT))
    data[-6] ^= 1  # of the CRC
    path = tmp_path / "genome.fa.gz"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"genome\.fa\.gz: the compressed data is damaged"):
        contigs(path)


def test_read_fasta__missing(tmp_path):
    with pytest.raises(NotFoundError, match="no such FASTA file"):
        contigs(tmp_path / "nothing.fa")

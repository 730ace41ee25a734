"""FASTQ: batches equal a plain parser's records; each fault is named by file, record and read."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import fastq as plain

from genomehub.errors import ConfigError, InputError, NotFoundError
from genomehub.formats import fastq
from genomehub.formats.fastq import Lane, default_read_group, read_batches
from genomehub.types import ReadBatch, ReadGroup

GROUP = ReadGroup("g", "s", "l")
ONE = "@r1/1 comment\nACGTN\n+\nIIIII\n"


def decoded(batches: list[ReadBatch]) -> list[tuple[str, str, str]]:
    """(name, bases, qualities) of each read, mates side by side."""
    found = []
    for batch in batches:
        for read in range(len(batch.offsets) - 1):
            t = read // batch.n_ends
            name = batch.names[batch.name_offsets[t] : batch.name_offsets[t + 1]].tobytes().decode()
            span = slice(batch.offsets[read], batch.offsets[read + 1])
            bases = "".join("ACGTN"[code] for code in batch.bases[span])
            found.append((name, bases, "".join(chr(q + 33) for q in batch.quals[span])))
    return found


def lane(folder, *texts):
    paths = []
    for i, text in enumerate(texts):
        paths.append(folder / f"R{i + 1}.fq")
        paths[-1].write_bytes(text if isinstance(text, bytes) else text.encode("latin-1"))
    return Lane(GROUP, *map(str, paths))


@pytest.mark.parametrize(
    "data",
    [
        ONE,
        ONE[:-1],
        ONE + "\n\n",
        ONE + "\n" * 4,
        ONE.replace("\n", "\r\n"),
        gzip.compress(ONE.encode()),
        gzip.compress(ONE[:20].encode()) + gzip.compress(ONE[20:].encode()),
    ],
    ids=["plain", "no-last-newline", "blank-end", "four-blank", "crlf", "gzip", "two-members"],
)
def test_read_batches__shapes(tmp_path, data):
    assert decoded(list(read_batches(lane(tmp_path, data), 10))) == [("r1", "ACGTN", "IIIII")]


def test_read_batches__letters(tmp_path):
    batch = next(read_batches(lane(tmp_path, "@r\nacgtnRYKMSWBDHV.\n+\n" + "!" * 15 + "~\n"), 10))
    assert batch.bases.tolist() == [0, 1, 2, 3] + [4] * 12
    assert batch.quals.tolist() == [0] * 15 + [93]


def test_read_batches__empty_read(tmp_path):
    text = "@a\n\n+\n\n@b\nAC\n+\nII\n@c\n\n+\n\n"
    found = decoded(list(read_batches(lane(tmp_path, text), 2)))
    assert found == [("a", "", ""), ("b", "AC", "II"), ("c", "", "")]


def test_read_batches__fixed_sizes_and_ordinals(tmp_path):
    text = "".join(f"@r{i}\nACGT\n+\nIIII\n" for i in range(10))
    batches = list(read_batches(lane(tmp_path, text, text), 4, first_template=100, read_group=3))
    assert [len(b.name_offsets) - 1 for b in batches] == [4, 4, 2]
    assert [b.first_template for b in batches] == [100, 104, 108]
    assert all(b.read_group == 3 and b.n_ends == 2 for b in batches)


MATE = st.lists(
    st.tuples(st.sampled_from("ACGTN"), st.characters(min_codepoint=33, max_codepoint=126)), max_size=150
)
TEMPLATES = st.lists(
    st.tuples(st.text("abcXYZ:019", min_size=1, max_size=70), MATE, MATE), min_size=1, max_size=12
)


def text_of(templates, end, newline):
    records = []
    for name, *mates in templates:
        bases = "".join(base for base, _ in mates[end])
        quals = "".join(qual for _, qual in mates[end])
        records.append(newline.join([f"@{name}/{end + 1} x", bases, "+", quals]))
    return newline.join(records) + newline


@settings(max_examples=60, deadline=None)
@given(templates=TEMPLATES, n=st.integers(1, 5), newline=st.sampled_from(["\n", "\r\n"]), small=st.booleans())
def test_read_batches__equals_plain_parser(tmp_path_factory, templates, n, newline, small):
    texts = [text_of(templates, end, newline) for end in (0, 1)]
    read_bytes, fastq._READ_BYTES = fastq._READ_BYTES, 64 if small else 1 << 16
    try:
        found = decoded(list(read_batches(lane(tmp_path_factory.mktemp("fastq"), *texts), n)))
    finally:
        fastq._READ_BYTES = read_bytes
    mates = [plain.records(text, len(templates)) for text in texts]
    assert found == [read for pair in zip(*mates, strict=True) for read in pair]


def interleave(*texts):
    records = [[text[i : i + 4] for i in range(0, len(text), 4)] for text in (t.splitlines() for t in texts)]
    return "\n".join(line for pair in zip(*records, strict=True) for record in pair for line in record) + "\n"


@settings(max_examples=60, deadline=None)
@given(templates=TEMPLATES, n=st.integers(1, 5))
def test_read_batches__interleaved_equals_two_files(tmp_path_factory, templates, n):
    texts = [text_of(templates, end, "\n") for end in (0, 1)]
    folder = tmp_path_factory.mktemp("fastq")
    expected = list(read_batches(lane(folder, *texts), n))
    (folder / "both.fq").write_text(interleave(*texts))
    found = list(read_batches(Lane(GROUP, str(folder / "both.fq"), interleaved=True), n))
    assert decoded(found) == decoded(expected)
    assert [batch.first_template for batch in found] == [batch.first_template for batch in expected]
    assert all(batch.n_ends == 2 for batch in found)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (ONE * 5, "R1.fq: ends after 5 reads, and an interleaved file holds an even number"),
        (ONE * 3 + "@x\nA\n+\nI\n", 'record 4 (read "x"): the read before it is named "r1"'),
        (ONE * 3 + "@r1\nAC\n+\nI\n", 'record 4 (read "r1"): 2 bases but 1 qualities'),
        (ONE * 4 + "@r1\nAJ\n+\nII\n" + ONE, "record 5 (read \"r1\"): the bases hold 'J'"),
    ],
)
@pytest.mark.parametrize("n", [1, 10])
def test_read_batches__interleaved_faults(tmp_path, text, sentence, n):
    with pytest.raises(InputError, match=re.escape(sentence)):
        list(read_batches(lane(tmp_path, text)._replace(interleaved=True), n))


def test_read_batches__comments(tmp_path):
    texts = [
        "@a/1 BX:Z:AC-1\tXN:i:7\nA\n+\nI\n@b\nA\n+\nI\n",
        "@a/2\nA\n+\nI\n@b\tRX:Z:GG\nA\n+\nI\n",
    ]
    for batch in (
        next(read_batches(lane(tmp_path, *texts), 10, comments=True)),
        next(read_batches(lane(tmp_path, interleave(*texts))._replace(interleaved=True), 10, comments=True)),
    ):
        assert batch.tags.tobytes() == b"BXZAC-1\0XNi\7\0\0\0RXZGG\0"
        assert batch.tag_offsets.tolist() == [0, 15, 15, 15, 21]


@pytest.mark.parametrize(
    ("comment", "sentence"),
    [
        ("1:N:0:ACGT", "holds '1:N:0:ACGT', but --comments takes tags as SAM writes them"),
        ("BX:Z:A\tXF:f:1", "holds 'XF:f:1', but --comments takes"),
        ("XI:i:1x", "holds 'XI:i:1x', whose value is none of its type"),
        ("RG:Z:a", "holds 'RG:Z:a', a tag that genomehub writes itself"),
        ("BX:Z:A\tBX:Z:B", "holds 'BX:Z:B', a tag that stands there twice"),
    ],
)
def test_read_batches__comments_that_are_no_tags(tmp_path, comment, sentence):
    text = ONE.replace(" comment", "") + f"@r {comment}\nA\n+\nI\n"
    with pytest.raises(InputError, match=re.escape(f'record 2 (read "r"): the comment {sentence}')):
        list(read_batches(lane(tmp_path, text), 10, comments=True))


@pytest.mark.parametrize("n", [1, 2, 10])
def test_read_batches__blank_lines_lose_no_reads(tmp_path, n):
    """Four blank lines are no record: what follows them is not the end of the file."""
    assert len(decoded(list(read_batches(lane(tmp_path, ONE + "\n" * 40), n)))) == 1
    for text in (ONE + "\n" * 4 + ONE, ONE * 2 + "\n" * 8 + ONE, "\n" * 8 + ONE):
        with pytest.raises(InputError, match="starts with ''"):
            list(read_batches(lane(tmp_path, text), n))


def test_read_batches__too_much_text_for_a_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(fastq, "_MAX_TEXT_BYTES", 100)
    monkeypatch.setattr(fastq, "_READ_BYTES", 64)
    with pytest.raises(InputError, match="bytes from record 1 on hold too few line ends"):
        list(read_batches(lane(tmp_path, "@" + "x" * 1000), 1))


FAULTS = [
    ("", "R1.fq: holds no reads"),
    ("\n\n", "R1.fq: holds no reads"),
    ("hello\nworld\n", "record 1: starts with 'hello', but a FASTQ record starts with '@'"),
    (b"\x89PNG\r\n\x1a\n", "record 1: starts with '\\x89PNG'"),
    (">a\nACGT\n", "record 1: starts with '>a'"),
    (ONE + "@r2\nAC\n", 'record 2 (read "r2"): the file ends after 2 of the record\'s 4 lines'),
    (ONE + "@r2\nACG\n+\nII\n", 'record 2 (read "r2"): 3 bases but 2 qualities; FASTQ needs one per base'),
    (ONE + "@r2\nAJG\n+\nIII\n", "record 2 (read \"r2\"): the bases hold 'J'"),
    (ONE + "@r2\nA G\n+\nIII\n", "record 2 (read \"r2\"): the bases hold ' '"),
    (ONE + "@r2\nACG\n+\nI I\n", "record 2 (read \"r2\"): the qualities hold ' '"),
    (ONE + "@r2\nACG\n+\nI\x7fI\n", "record 2 (read \"r2\"): the qualities hold '\\x7f'"),
    (ONE + "@\nA\n+\nI\n", "record 2: has no name after '@'"),
    (ONE + "@r2\nA\n-\nI\n", "record 2 (read \"r2\"): the third line is '-', but FASTQ needs '+' there"),
    (ONE + ONE[1:], "record 2: starts with 'r1/1 comment'"),
    (ONE + "@r\x1b2\nA\n+\nI\n", "record 2 (read \"r\\x1b2\"): the name holds '\\x1b'; SAM allows printable"),
    (ONE + "@r\0\nA\n+\nI\n", "the name holds '\\x00'; SAM allows printable ASCII"),
    (ONE + "@r\xe9\nA\n+\nI\n", "the name holds '\xe9'; SAM allows printable ASCII"),
    (ONE + "@" + "x" * 255 + "\nA\n+\nI\n", "the name is longer than 254 characters"),
]


@pytest.mark.parametrize(("data", "sentence"), FAULTS)
@pytest.mark.parametrize("n", [1, 10])
def test_read_batches__faults(tmp_path, data, sentence, n):
    with pytest.raises(InputError, match=re.escape(sentence)):
        list(read_batches(lane(tmp_path, data), n))


def test_read_batches__fault_in_a_later_batch_counts_records(tmp_path):
    text = ONE * 7 + "@bad\nACG\n+\nII\n"
    with pytest.raises(InputError, match=r'record 8 \(read "bad"\): 3 bases but 2 qualities'):
        list(read_batches(lane(tmp_path, text), 3))


def test_read_batches__fault_in_the_mate(tmp_path):
    with pytest.raises(InputError, match=r'R2\.fq, record 2 \(read "r1/1"\): the bases hold'):
        list(read_batches(lane(tmp_path, ONE * 2, ONE + ONE.replace("A", "J", 1)), 10))


@pytest.mark.parametrize(("n1", "n2", "shorter", "n"), [(5, 4, "R2", 4), (4, 5, "R1", 4), (3, 4, "R1", 3)])
def test_read_batches__mates_of_different_number(tmp_path, n1, n2, shorter, n):
    with pytest.raises(InputError, match=rf"{shorter}\.fq: ends after {n} reads, but .* goes on"):
        list(read_batches(lane(tmp_path, ONE * n1, ONE * n2), 3))


def test_read_batches__mates_of_different_names(tmp_path):
    other = ONE * 3 + ONE.replace("r1/1", "r2/2")
    with pytest.raises(
        InputError, match=r'R2\.fq, record 4 \(read "r2/2"\): its mate in .*R1\.fq is named "r1"'
    ):
        list(read_batches(lane(tmp_path, ONE * 4, other), 10))


def test_read_batches__the_same_file_twice(tmp_path):
    path = lane(tmp_path, ONE).reads1
    with pytest.raises(ConfigError, match="is given as R1 and as R2"):
        list(read_batches(Lane(GROUP, path, path), 10))


def test_read_batches__truncated_gzip(tmp_path):
    with pytest.raises(InputError, match=r"R1\.fq: the compressed data ends before its end-of-stream mark"):
        list(read_batches(lane(tmp_path, gzip.compress(ONE.encode() * 1000)[:-9]), 10))


def test_read_batches__missing_file(tmp_path):
    with pytest.raises(NotFoundError, match="no such FASTQ file"):
        list(read_batches(Lane(GROUP, str(tmp_path / "none.fq")), 10))


@pytest.mark.parametrize(
    ("name", "identifier", "unit"),
    [
        ("A00:22:HFLT3DSXX:2:1101:1:2 1:N:0:ACGT", "HFLT3DSXX.2", "HFLT3DSXX.2"),
        ("HWUSI-EAS100R:6:73:941:1973#0/1", "HWUSI-EAS100R.6", "HWUSI-EAS100R.6"),
        ("SRR001.1", "NA1", ""),
    ],
)
def test_default_read_group(tmp_path, name, identifier, unit):
    path = lane(tmp_path, ONE.replace("r1/1 comment", name)).reads1
    group = default_read_group(path, "NA1", "lib", "ILLUMINA")
    assert group == ReadGroup(identifier, "NA1", "lib", "ILLUMINA", unit)


def test_read_batches__real_reads():
    path = "reference_data/na12878/NA12878_R1.fastq.gz"
    batches = list(read_batches(Lane(GROUP, path), 1000))
    expected = plain.records(gzip.decompress(Path(path).read_bytes()).decode(), 25_839)
    assert decoded(batches) == expected
    assert np.all(np.concatenate([b.bases for b in batches]) <= 4)

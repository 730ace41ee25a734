"""Alignments to BAM records: read back by pysam field by field, NM and MD from a plain walk."""

import numpy as np
import pysam
import pytest
from builders import alignment_files as build
from hypothesis import given, settings
from hypothesis import strategies as st

from genomehub.formats import bam, bgzf
from genomehub.kernels.records import PREFIX
from genomehub.kernels.spill import UNPLACED
from genomehub.types import AlignmentBatch, CigarOp, Flag, ReadBatch, ReadGroup

GROUP = ReadGroup("lane1", "NA1", "libA", "ILLUMINA", "")
SEQUENCES = {
    "one": build.random_sequence(400, 1) + "NNRY" + build.random_sequence(600, 2),
    "two": "ACGT" * 200,
}
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return build.make_reference(tmp_path_factory.mktemp("reference") / "ref", SEQUENCES)


class Row:
    """One alignment in words; ``bases`` as sequenced, ``cigar`` on the reference strand."""

    def __init__(self, flag, contig, start, cigar, mapq=60, mate=(-1, -1), tlen=0, score=(0, 0), alt=0):
        self.flag, self.contig, self.start, self.cigar = flag, contig, start, cigar
        self.mapq, self.mate, self.tlen, self.score = mapq, mate, tlen, score
        self.alt_score = alt


def segment(cigar):
    read = pysam.AlignedSegment()
    read.cigarstring = cigar or None
    return read


def batch_of(reads, rows, n_ends, names, first_template=0):
    """reads: (bases, quals) each; rows: for each read its rows, the primary first."""
    lengths = [len(bases) for bases, _ in reads]
    read_batch = ReadBatch(
        bases=np.array(["ACGTN".index(c) for bases, _ in reads for c in bases], dtype=np.uint8),
        quals=np.array([q for _, quals in reads for q in quals], dtype=np.uint8),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        names=np.frombuffer("".join(names).encode(), dtype=np.uint8).copy(),
        name_offsets=np.concatenate([[0], np.cumsum([len(name) for name in names])]).astype(np.int64),
        n_ends=n_ends,
        first_template=first_template,
        read_group=0,
    )
    flat = [row for mine in rows for row in mine]
    cigars = [[n << 4 | op for op, n in segment(row.cigar).cigartuples or []] for row in flat]

    def column(values, dtype=np.int32):
        return np.array(values, dtype=dtype)

    return read_batch, AlignmentBatch(
        read_index=column([i for i, mine in enumerate(rows) for _ in mine]),
        flag=column([row.flag for row in flat], np.uint16),
        contig_index=column([row.contig for row in flat]),
        start=column([row.start for row in flat]),
        mapping_quality=column([row.mapq for row in flat], np.uint8),
        cigars=column([op for cigar in cigars for op in cigar], np.uint32),
        cigar_offsets=column([0, *np.cumsum([len(cigar) for cigar in cigars])], np.int64),
        mate_contig_index=column([row.mate[0] for row in flat]),
        mate_start=column([row.mate[1] for row in flat]),
        template_length=column([row.tlen for row in flat]),
        score=column([row.score[0] for row in flat]),
        second_score=column([row.score[1] for row in flat]),
        alt_score=column([row.alt_score for row in flat]),
    )


def written(reference, reads, alignments, path):
    texts = bam.record_texts(reference.contigs, GROUP)
    encoded = bam.encode_batch(reads, alignments, reference.bases, texts)
    records = [
        encoded.data[start + PREFIX : end]
        for start, end in zip(encoded.offsets[:-1], encoded.offsets[1:], strict=True)
    ]
    head = bam.header_bytes(bam.header_text(reference.contigs, [GROUP]), reference.contigs)
    data = np.concatenate([np.frombuffer(head, dtype=np.uint8), *records])
    path.write_bytes(b"".join(bgzf.compress(data, 1)) + bgzf.EOF_BLOCK)
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return encoded, list(file.fetch(until_eof=True))


def plain_difference(bases, cigar, text, start):
    """(NM, MD) by walking the alignment base by base."""
    md, run, edits, i, j = "", 0, 0, 0, start
    for op, length in segment(cigar).cigartuples:
        if op in (0, 7, 8):
            for _ in range(length):
                if bases[i] == text[j] and bases[i] in "ACGT":
                    run += 1
                else:
                    md, run, edits = f"{md}{run}{text[j]}", 0, edits + 1
                i, j = i + 1, j + 1
        elif op == 1:
            i, edits = i + length, edits + length
        elif op == 2:
            md, run, edits, j = f"{md}{run}^{text[j : j + length]}", 0, edits + length, j + length
        elif op == 3:
            j += length
        elif op == 4:
            i += length
    return edits, f"{md}{run}"


@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 101, 150])
@pytest.mark.parametrize("flag", [0, Flag.REVERSE])
def test_encode_batch__single_read_of_any_length(reference, tmp_path, length, flag):
    rng = np.random.default_rng(length)
    bases = "".join(rng.choice(list("ACGTN"), length))
    quals = rng.integers(0, 94, length).tolist()
    row = Row(int(flag), 0, 350, f"{length}M", mapq=37, score=(length, 300))
    reads, alignments = batch_of([(bases, quals)], [[row]], 1, ["read/x:1"], first_template=7)
    encoded, (record,) = written(reference, reads, alignments, tmp_path / "x.bam")
    shown = bases.translate(COMPLEMENT)[::-1] if flag else bases
    assert record.query_name == "read/x:1"
    assert record.query_sequence == shown
    assert list(record.query_qualities) == (quals[::-1] if flag else quals)
    edits, md = plain_difference(shown, row.cigar, SEQUENCES["one"], 350)
    assert dict(record.get_tags()) == {"NM": edits, "MD": md, "AS": length, "XS": 300, "RG": "lane1"}
    assert int(encoded.data[:8].view(np.uint64)[0]) == 7
    assert encoded.keys[0] == reference.bases.contig_offsets[0] + 350


CIGARS = [
    "20M",
    "3S17M",
    "17M3S",
    "5M2D15M",
    "5M3I12M",
    "2S4M1D4M2I8M",
    "8=1X11=",
    "5H20M",
    "20M4H",
    "3M5N17M",
]


@settings(max_examples=150, deadline=None)
@given(
    cigars=st.lists(st.sampled_from(CIGARS), min_size=1, max_size=5),
    seed=st.integers(0, 1000),
    similar=st.booleans(),
)
def test_encode_batch__difference_equals_plain_walk(reference, tmp_path_factory, cigars, seed, similar):
    rng = np.random.default_rng(seed)
    text = SEQUENCES["one"]
    reads, rows = [], []
    for cigar in cigars:
        start = int(rng.integers(380, 420))
        sequenced = sum(length for op, length in segment(cigar).cigartuples if op in (0, 1, 4, 5, 7, 8))
        bases = text[start : start + sequenced] if similar else "".join(rng.choice(list("ACGTN"), sequenced))
        bases = bases.translate(str.maketrans("RY", "NN"))
        reverse = bool(rng.integers(2))
        reads.append((bases.translate(COMPLEMENT)[::-1] if reverse else bases, [30] * sequenced))
        rows.append([Row(16 if reverse else 0, 0, start, cigar)])
    batch, alignments = batch_of(reads, rows, 1, [f"r{i}" for i in range(len(reads))])
    _, records = written(reference, batch, alignments, tmp_path_factory.mktemp("bam") / "x.bam")
    assert [r.reference_start for r in records] == sorted(row.start for (row,) in rows)
    for record in records:
        (row,) = rows[int(record.query_name[1:])]
        edits, md = plain_difference(record.query_sequence, row.cigar, text, row.start)
        assert (record.get_tag("NM"), record.get_tag("MD")) == (edits, md)
        assert record.cigarstring == row.cigar
        assert record.query_length == record.infer_query_length()


def test_encode_batch__pair_with_mate_tags(reference, tmp_path):
    rows = [
        [Row(99, 0, 100, "10M", 50, mate=(0, 200), tlen=110, score=(10, 0))],
        [Row(147, 0, 200, "2S8M", 40, mate=(0, 100), tlen=-110, score=(8, 70_000))],
    ]
    reads, alignments = batch_of([("A" * 10, [30] * 10)] * 2, rows, 2, ["pair"])
    _, (first, second) = written(reference, reads, alignments, tmp_path / "x.bam")
    assert (first.get_tag("MC"), first.get_tag("MQ")) == ("2S8M", 40)
    assert (second.get_tag("MC"), second.get_tag("MQ")) == ("10M", 50)
    assert second.get_tag("XS") == 70_000
    assert (first.next_reference_id, first.next_reference_start, first.template_length) == (0, 200, 110)


def test_encode_batch__unmapped_mate_and_unplaced_pair(reference, tmp_path):
    rows = [
        [Row(73, 0, 100, "10M", 50, mate=(0, 100))],
        [Row(133, 0, 100, "", 0, mate=(0, 100))],
        [Row(77, -1, -1, "", 0)],
        [Row(141, -1, -1, "", 0)],
    ]
    reads, alignments = batch_of([("A" * 10, [30] * 10)] * 4, rows, 2, ["half", "none"])
    encoded, records = written(reference, reads, alignments, tmp_path / "x.bam")
    assert [record.flag for record in records] == [73, 133, 77, 141]
    assert not records[0].has_tag("MC")
    assert dict(records[1].get_tags()) == {"MC": "10M", "MQ": 50, "RG": "lane1"}
    assert dict(records[2].get_tags()) == {"RG": "lane1"}
    assert (encoded.keys[2:] == UNPLACED).all()
    assert [record.bin for record in records] == [4681, 4681, 4680, 4680]


def test_encode_batch__supplementary_rows_name_each_other(reference, tmp_path):
    rows = [
        [
            Row(0, 0, 100, "12M18S", 60),
            Row(2064, 1, 40, "12S18M", 17),
            Row(2048, 0, 300, "20H10M", 3),
        ]
    ]
    reads, alignments = batch_of([("ACGTT" * 6, [30] * 30)], rows, 1, ["split"])
    _, records = written(reference, reads, alignments, tmp_path / "x.bam")
    by_start = {record.reference_start: record for record in records}

    def entry(start, strand):
        record = by_start[start]
        cigar = record.cigarstring.replace("H", "S")
        return f"{record.reference_name},{start + 1},{strand},{cigar},{record.mapping_quality},"

    places = [entry(100, "+"), entry(40, "-"), entry(300, "+")]
    for i, start in enumerate((100, 40, 300)):
        parts = by_start[start].get_tag("SA").rstrip(";").split(";")
        assert [part.rsplit(",", 1)[0] + "," for part in parts] == [p for k, p in enumerate(places) if k != i]
    numbers = [int(part.rsplit(",", 1)[1]) for part in by_start[100].get_tag("SA").rstrip(";").split(";")]
    assert numbers == [by_start[40].get_tag("NM"), by_start[300].get_tag("NM")]


def test_encode_batch__other_places_go_to_xa_and_are_no_records(reference, tmp_path):
    bases = SEQUENCES["two"][40:60]
    rows = [
        [
            Row(65, 1, 40, "20M", 0, score=(20, 20)),
            Row(256 + 65, 1, 44, "18M2S"),
            Row(256 + 65 + 16, 0, 300, "5M2D15M"),
            Row(2048 + 65, 0, 10, "12H8M", 0),
            Row(256 + 65, 0, 500, "20M"),
        ],
        [Row(129, 1, 40, "20M", 0), Row(256 + 129, 1, 48, "20M")],
    ]
    reads, alignments = batch_of([(bases, [30] * 20)] * 2, rows, 2, ["x"])
    encoded, records = written(reference, reads, alignments, tmp_path / "x.bam")
    assert encoded.keys.size == len(records) == 3
    by_flag = {record.flag: record for record in records}

    def edits(shown, row):
        return plain_difference(shown, row.cigar, SEQUENCES[("one", "two")[row.contig]], row.start)[0]

    turned = bases.translate(COMPLEMENT)[::-1]
    first, second = rows[0][1], rows[0][2]
    assert by_flag[65].get_tag("XA") == (
        f"two,+45,18M2S,{edits(bases, first)};one,-301,5M2D15M,{edits(turned, second)};"
    )
    assert by_flag[2048 + 65].get_tag("XA") == f"one,+501,20M,{edits(bases, rows[0][4])};"
    assert by_flag[129].get_tag("XA") == "two,+49,20M,0;"
    assert not by_flag[129].has_tag("SA")
    assert by_flag[65].get_tag("SA").startswith("one,11,+,12S8M,0,")


def test_encode_batch__ratio_to_the_better_alt_alignment(reference, tmp_path):
    rows = [[Row(0, 0, 100, "20M", 60, score=(20, 0), alt=23), Row(2048, 1, 40, "20M", 60, score=(23, 20))]]
    reads, alignments = batch_of([("ACGTA" * 4, [30] * 20)], rows, 1, ["x"])
    _, records = written(reference, reads, alignments, tmp_path / "x.bam")
    by_flag = {record.flag: record for record in records}
    assert by_flag[0].get_tag("pa") == pytest.approx(0.870, abs=1e-7)
    assert not by_flag[2048].has_tag("pa")


def test_header_text__alt_contigs(reference):
    one, two = reference.contigs
    lines = bam.header_text([one, two._replace(is_alt=True)], [GROUP]).splitlines()
    assert lines[1] == f"@SQ\tSN:one\tLN:1004\tM5:{one.md5}"
    assert lines[2] == f"@SQ\tSN:two\tLN:800\tAH:*\tM5:{two.md5}"


def test_encode_batch__many_supplementary_rows_fit_their_buffer(reference, tmp_path):
    many = [Row(0 if i == 0 else 2048, i % 2, 10 * i, "5S10M5S", 60) for i in range(20)]
    rows = [many, [Row(128 + 1, 0, 500, "20M", 60)]]
    reads, alignments = batch_of([("ACGTA" * 4, [30] * 20)] * 2, rows, 2, ["x"])
    _, records = written(reference, reads, alignments, tmp_path / "x.bam")
    assert len(records) == 21
    assert sum(record.has_tag("SA") for record in records) == 20


def test_header_text__what_it_says_and_what_not(reference):
    text = bam.header_text(reference.contigs, [GROUP, GROUP._replace(id="b", platform_unit="F.1")])
    lines = text.splitlines()
    assert lines[0] == "@HD\tVN:1.6\tSO:coordinate"
    assert lines[1] == f"@SQ\tSN:one\tLN:1004\tM5:{reference.contigs[0].md5}"
    assert lines[3] == "@RG\tID:lane1\tSM:NA1\tLB:libA\tPL:ILLUMINA"
    assert lines[4].endswith("PU:F.1")
    assert "CL:" not in text
    assert "UR:" not in text


@pytest.mark.parametrize(
    ("name", "length", "suffix"),
    [("x.bam", 2**29, ".bai"), ("x.bam", 2**29 + 1, ".csi"), ("x.cram", 2**30, ".crai")],
)
def test_index_suffix(tmp_path, reference, name, length, suffix):
    contig = reference.contigs[0]._replace(length=length)
    assert bam.index_suffix(tmp_path / name, [contig]) == suffix


def test_convert_to_cram__of_what_is_no_bam(tmp_path):
    (tmp_path / "x.bam").write_bytes(b"no bam")
    with pytest.raises(bam.ResourceError, match=r"x\.cram: htslib could not write or index it"):
        bam.convert_to_cram(tmp_path / "x.bam", tmp_path / "x.cram", tmp_path / "genome.fa.gz", 5)


def test_index_cram__of_what_is_no_cram(tmp_path):
    (tmp_path / "x.cram").write_bytes(b"no cram")
    with pytest.raises(bam.ResourceError, match=r"x\.cram: htslib could not write or index it"):
        bam.index_cram(tmp_path / "x.cram", tmp_path / "x.cram.crai")


def test_cigar_operations__numbers_as_pysam():
    assert [int(op) for op in CigarOp] == list(range(9))

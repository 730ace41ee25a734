"""BAM and CRAM as reads: as pysam gives them back, mates together however far apart, faults told."""

import random
import struct

import numpy as np
import pysam
import pytest
from builders import alignment_files as build
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import collate as plain

from genomehub.errors import InputError
from genomehub.formats import alignment_bam, alignment_reads
from genomehub.formats.alignment_reads import MateCounts, alignment_kind, open_lane, read_batches
from genomehub.formats.cram_check import check_cram
from genomehub.kernels import collate
from genomehub.types import Flag, ReadGroup

SEQUENCES = {"1": build.random_sequence(60_000, 1), "2": build.random_sequence(5_000, 2)}
SPARE = ReadGroup("NA1", "NA1", "lib", "ILLUMINA", "")
KEPT = ("BC", "BX", "CB", "MI", "OX", "QX", "RX", "UB")
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return build.make_reference(tmp_path_factory.mktemp("reference") / "ref", SEQUENCES)


def reads_of(path, reference, folder, n=100):
    """[(read group, name, [(bases, quals, tags, QC fail) of each end])], and the counts."""
    lane, counts, found = open_lane(str(path), SPARE), MateCounts(), []
    groups = range(len(lane.read_groups))
    n_done = 7
    for batch in read_batches(lane, n, 7, groups, reference, folder, counts):
        assert batch.first_template == n_done
        n_done += len(batch.name_offsets) - 1
        assert len(batch.name_offsets) - 1 <= n
        for t in range(len(batch.name_offsets) - 1):
            name = batch.names[batch.name_offsets[t] : batch.name_offsets[t + 1]].tobytes().decode()
            ends = []
            for read in range(t * batch.n_ends, (t + 1) * batch.n_ends):
                span = slice(batch.offsets[read], batch.offsets[read + 1])
                tags = batch.tags[batch.tag_offsets[read] : batch.tag_offsets[read + 1]].tobytes()
                bases = "".join("ACGTN"[c] for c in batch.bases[span])
                ends.append((bases, tuple(batch.quals[span].tolist()), tags, int(batch.kept_flags[read])))
            found.append((lane.read_groups[batch.read_group].id, name, ends))
    assert list(folder.iterdir()) == []
    return found, counts


def expected_of(records):
    """The same from pysam's records, without order."""
    rows = []
    for read in records:
        if read.is_secondary or read.is_supplementary:
            continue
        bases = "".join(c if c in "ACGT" else "N" for c in read.query_sequence or "")
        quals = tuple(read.query_qualities) if read.query_qualities is not None else (255,) * len(bases)
        if read.is_reverse:
            bases, quals = bases[::-1].translate(COMPLEMENT), quals[::-1]
        tags = b"".join(
            tag.encode() + b"Z" + value.encode() + b"\0" for tag, value in read.get_tags() if tag in KEPT
        )
        group = read.get_tag("RG") if read.has_tag("RG") else ""
        group = group if group in ("lane1", "lane2") else SPARE.id
        kind = (1 if read.is_read1 else 2) if read.is_paired and read.is_read1 != read.is_read2 else 0
        rows.append((read.query_name, group, kind, (bases, quals, tags, read.flag & Flag.QC_FAIL)))
    mates = plain.match_mates([row[:3] for row in rows])
    found = []
    for i, mate in enumerate(mates):
        if mate < 0:
            found.append((rows[i][1], rows[i][0], [rows[i][3]]))
        elif rows[i][2] == 1:
            found.append((rows[i][1], rows[i][0], [rows[i][3], rows[mate][3]]))
    return found


def records_of(seed, n=400):
    """Records with every kind of flag and tag, one read group a name, some with barcodes."""
    head = build.header(SEQUENCES)
    reads, rng = build.random_reads(head, n, seed, SEQUENCES), random.Random(seed)
    for read in reads:
        read.query_name = f"t{rng.randrange(n // 2)}"
        group = ("lane1", "lane2", "other", None)[hash_of(read.query_name) % 4]
        read.set_tag("RG", group)
        if rng.random() < 0.5:
            read.set_tag("BX", f"ACGT-{rng.randrange(9)}")
        if rng.random() < 0.3:
            read.set_tag("RX", "ACG")
    return head, reads


def hash_of(name):
    return int(name[1:])


@pytest.mark.parametrize("order", ["coordinate", "queryname", "shuffled"])
@pytest.mark.parametrize("kind", ["bam", "cram"])
@pytest.mark.parametrize("spills", [False, True])
def test_read_batches__equals_pysam(tmp_path, reference, monkeypatch, order, kind, spills):
    head, reads = records_of(seed=5)
    if order == "queryname":
        reads.sort(key=lambda read: (read.query_name, read.flag & 0xC0))
    elif order == "shuffled":
        random.Random(1).shuffle(reads)
    write = build.write_bam if kind == "bam" else lambda *a, index: build.write_cram(*a, reference, index)
    path = write(tmp_path / f"reads.{kind}", head, reads, index=None)
    if spills:
        monkeypatch.setattr(alignment_reads, "_WAITING_BYTES", 2000)
        monkeypatch.setattr(alignment_bam, "_PIECE_BYTES", 1)
    (tmp_path / "spill").mkdir()
    found, counts = reads_of(path, reference, tmp_path / "spill", n=7)
    expected = expected_of(
        pysam.AlignmentFile(str(path), reference_filename=str(reference.fasta)).fetch(until_eof=True)
    )
    assert sorted(found) == sorted(expected)
    if kind == "bam":
        assert (counts.spilled > 0) == spills
    assert counts.orphans == sum(len(ends) == 1 for _, _, ends in expected) - n_single(reads)
    assert counts.hard_clipped == sum(
        "H" in (read.cigarstring or "") for read in reads if not read.flag & 0x900
    )


def n_single(reads):
    primary = [read for read in reads if not read.flag & 0x900]
    return sum(not read.is_paired or read.is_read1 == read.is_read2 for read in primary)


def test_read_batches__order_does_not_depend_on_batches(tmp_path, reference):
    head, reads = records_of(seed=6)
    for read in reads:
        read.set_tag("RG", "lane1")
    path = build.write_bam(tmp_path / "reads.bam", head, reads, index=None)
    (tmp_path / "spill").mkdir()
    orders = [
        [found for found in reads_of(path, reference, tmp_path / "spill", n)[0] if len(found[2]) == 2]
        for n in (3, 1000)
    ]
    assert orders[0] == orders[1]


READS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-1, 1), st.integers(0, 2)), max_size=30)


@settings(max_examples=200, deadline=None)
@given(reads=READS)
def test_match_mates__equals_plain(reads):
    records = [bytes(12) + b"\2" + bytes(23) + name.encode() + b"\0" for name, _, _ in reads]
    data = np.frombuffer(b"".join(records) or b"\0", np.uint8).copy()
    rows = collate.ReadRows(
        np.arange(len(reads), dtype=np.int64) * 38,
        np.array([ord(name) + (group + 1) * 2**60 for name, group, _ in reads], np.uint64),
        np.array([group for _, group, _ in reads], np.int32),
        np.array([kind for _, _, kind in reads], np.uint8),
    )
    mates = np.empty(len(reads), np.int64)
    assert collate.match_mates(data, rows, mates) == -1
    found, expected = mates.tolist(), plain.match_mates(reads)
    assert [m < 0 for m in found] == [m < 0 for m in expected]
    for i, mate in enumerate(found):
        if mate >= 0:
            assert found[mate] == i
            assert reads[i][:2] == reads[mate][:2]
            assert reads[i][2] != reads[mate][2]


def test_unaligned_bam_without_contigs_and_read_groups(tmp_path, reference):
    head = pysam.AlignmentHeader.from_dict({"HD": {"VN": "1.6", "SO": "unsorted", "GO": "query"}})
    with pysam.AlignmentFile(str(tmp_path / "u.bam"), "wb", header=head) as out:
        for name in ("a", "b"):
            for flag in (77, 141 | 0x200):
                read = pysam.AlignedSegment(head)
                read.query_name, read.flag, read.query_sequence = name, flag, "ACGTN"
                read.query_qualities = pysam.qualitystring_to_array("ABCDE")
                out.write(read)
    (tmp_path / "spill").mkdir()
    found, counts = reads_of(tmp_path / "u.bam", reference, tmp_path / "spill")
    quals = tuple(range(32, 37))
    ends = [("ACGTN", quals, b"", 0), ("ACGTN", quals, b"", 0x200)]
    assert found == [("NA1", "a", ends), ("NA1", "b", ends)]
    assert counts == MateCounts()


def test_open_lane__read_groups(tmp_path):
    head = build.header(
        SEQUENCES, read_groups=[{"ID": "x", "SM": "other", "PU": "F.1"}, {"ID": "NA1", "LB": "b"}]
    )
    path = build.write_bam(tmp_path / "a.bam", head, [], index=None)
    lane = open_lane(str(path), SPARE)
    assert lane.header_groups == (
        ReadGroup("x", "NA1", "lib", "ILLUMINA", "F.1"),
        ReadGroup("NA1", "NA1", "b", "ILLUMINA", ""),
    )
    assert lane.spare_group == lane.header_groups[1]


def test_alignment_kind(tmp_path):
    for name, content in {"a.fq": b"@r\nA\n+\nI\n", "b.fq": b"@HDX\n", "c": b""}.items():
        (tmp_path / name).write_bytes(content)
        assert alignment_kind(str(tmp_path / name)) is None
    (tmp_path / "a.sam").write_bytes(b"@HD\tVN:1.6\n")
    with pytest.raises(InputError, match=r"a\.sam: is SAM text; .* Convert it: samtools view -b"):
        alignment_kind(str(tmp_path / "a.sam"))


def check(path, reference, tmp_path, match):
    (tmp_path / "spill").mkdir(exist_ok=True)
    with pytest.raises(InputError, match=match) as caught:
        reads_of(path, reference, tmp_path / "spill")
    assert "\n" not in str(caught.value)


def changed(path, reference, change):
    """A BAM whose inflated bytes were changed from the first record on."""
    head, reads = records_of(seed=8, n=60)
    build.write_bam(path, head, reads, index=None)
    raw = bytearray(pysam.BGZFile(str(path), "rb").read())
    start = alignment_bam.header_end(bytes(raw))
    records = raw[start:]
    with pysam.BGZFile(str(path), "wb") as out:
        out.write(bytes(raw[:start] + (change(records) or records)))
    return path


def set_name(record, name):
    length = record[12]
    record[36 : 36 + length] = name.ljust(length, b"\0")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda r: struct.pack_into("<i", r, 20, 1 << 20), "damaged record"),
        (lambda r: struct.pack_into("<i", r, 0, 1 << 29), "in the middle of a record"),
        (lambda r: struct.pack_into("<i", r, 0, -5), "damaged record"),
        (lambda r: struct.pack_into("<i", r, 4, 9), "damaged record"),
        (lambda r: r.__setitem__(36, 0), "damaged record"),
        (lambda r: r.__setitem__(36, 10), "damaged record"),
        (lambda r: r[:-1], "in the middle of a record"),
        (lambda r: bytearray(1), "in the middle of a record"),
    ],
)
def test_error__damaged_records(tmp_path, reference, change, match):
    check(changed(tmp_path / "b.bam", reference, change), reference, tmp_path, match)


def small(path, names_flags, sequence="ACGT", tags=()):
    head = build.header(SEQUENCES)
    with pysam.AlignmentFile(str(path), "wb", header=head) as out:
        for name, flag in names_flags:
            read = pysam.AlignedSegment(head)
            read.query_name, read.flag, read.query_sequence = name, flag, sequence
            out.write(read)
    return path


def test_error__no_reads_no_names_too_many_of_a_name(tmp_path, reference):
    check(small(tmp_path / "a.bam", []), reference, tmp_path, r"a\.bam: holds no reads")
    check(small(tmp_path / "b.bam", [("r", 0x104)]), reference, tmp_path, "holds no reads")
    check(
        small(tmp_path / "c.bam", [("*", 77), ("*", 141)]),
        reference,
        tmp_path,
        "without a name .* mate cannot be",
    )
    for flags in ([77] * 1000, [77, 141] * 1000):
        many = small(tmp_path / "d.bam", [("same", flag) for flag in flags])
        check(many, reference, tmp_path, 'too many reads are named "same"')
    check(small(tmp_path / "e.bam", [("r", 4)], "AC=T"), reference, tmp_path, "bases written as '='")


def test_error__quality_beyond_93(tmp_path, reference):
    def spoil(records):
        name, ops, length = (
            records[12],
            *struct.unpack_from("<H", records, 16),
            *struct.unpack_from("<i", records, 20),
        )
        records[36 + name + 4 * ops + (length + 1) // 2] = 120

    _head, reads = records_of(seed=8, n=60)
    assert reads[0].query_qualities is not None
    check(changed(tmp_path / "b.bam", reference, spoil), reference, tmp_path, "damaged record .read")


def test_error__bam_cut_off(tmp_path, reference):
    path = build.write_bam(tmp_path / "b.bam", *records_of(seed=9), index=None)
    path.write_bytes(path.read_bytes()[:-28])
    check(path, reference, tmp_path, "is cut off")


def test_cram__contigs_are_found_by_md5(tmp_path, reference):
    """Names differ from the reference's, one of them misleads; the FASTA is still the right one."""
    own = build.make_reference(tmp_path / "own", {"2": SEQUENCES["1"], "chrB": SEQUENCES["2"]})
    head, reads = records_of(seed=5)
    renamed = pysam.AlignmentHeader.from_dict(
        {**head.to_dict(), "SQ": [{"SN": "2", "LN": 60_000}, {"SN": "chrB", "LN": 5_000}]}
    )
    path = build.write_cram(tmp_path / "reads.cram", renamed, reads, own, index=False)
    (tmp_path / "spill").mkdir()
    found, _ = reads_of(path, reference, tmp_path / "spill")
    assert sorted(found) == sorted(expected_of(reads))


def test_error__cram_of_another_reference(tmp_path, reference):
    other = {"1": build.random_sequence(60_000, 11), "2": SEQUENCES["2"]}
    own = build.make_reference(tmp_path / "own", other)
    head = build.header(other)
    path = build.write_cram(
        tmp_path / "r.cram", head, build.random_reads(head, 200, 3, other), own, index=False
    )
    own.fasta.rename(own.fasta.with_name("gone.fa.gz"))
    check(
        path,
        reference,
        tmp_path,
        r'r\.cram: was made with another reference: .* "1", which is not in .* samtools view -b -T',
    )


def test_error__damaged_cram(tmp_path, reference):
    path = build.write_cram(tmp_path / "r.cram", *records_of(seed=5), reference, index=False)
    data = path.read_bytes()
    check_cram(path)
    path.write_bytes(b"CRAM\2\1" + data[6:500])  # has no checksums
    check_cram(path)
    for place in range(900, len(data) - 40, len(data) // 12):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        check(path, reference, tmp_path, "fails its checksum|cannot be (decoded|opened)")
    path.write_bytes(data[: len(data) // 2] + data[-38:])
    check(path, reference, tmp_path, "fails its checksum|cannot be (decoded|opened)")


def test_header_end__in_growing_data(tmp_path):
    head = build.header({f"contig{i}": 100 + i for i in range(50)})
    path = build.write_bam(tmp_path / "b.bam", head, build.random_reads(head, 20, 1), index=None)
    raw = pysam.BGZFile(str(path), "rb").read()
    end = alignment_bam.header_end(raw)
    assert end is not None
    scan = alignment_bam.HeaderEnd()
    assert [scan.find(raw[:n]) for n in range(end)] == [None] * end
    assert scan.find(raw[: end + 3]) == end
    assert alignment_bam.header_end(raw[: end - 1]) is None


def test_error__header_without_end(tmp_path, reference, monkeypatch):
    """A length that was damaged does not make the reader look through the whole file."""
    monkeypatch.setattr(alignment_bam, "_MAX_HEADER_BYTES", 100_000)
    text = b"BAM\1" + struct.pack("<I", 1 << 31)
    with pysam.BGZFile(str(tmp_path / "b.bam"), "wb") as out:
        out.write(text + bytes(10_000_000))
    monkeypatch.setattr(alignment_bam, "inflate_block", counted := Counted(alignment_bam.inflate_block))
    check(tmp_path / "b.bam", reference, tmp_path, "ends inside its header")
    assert counted.n < 5


class Counted:
    def __init__(self, function):
        self.function, self.n = function, 0

    def __call__(self, *arguments):
        self.n += 1
        return self.function(*arguments)

"""AlignmentReader: equal to pysam field by field, and one sentence for each thing that can be wrong."""

import gzip
import shutil
import struct
import threading

import numpy as np
import pysam
import pytest
from builders import alignment_files as build
from plain import decode as plain

from genomehub.errors import InputError, NotFoundError
from genomehub.formats import alignment_bam, alignment_cram
from genomehub.formats.alignment_header import parse_header
from genomehub.formats.alignment_reader import AlignmentReader, concatenate_records
from genomehub.types import Interval

SEQUENCES = {"1": build.random_sequence(120_000, 1), "2": build.random_sequence(5_000, 2)}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return build.make_reference(tmp_path_factory.mktemp("reference") / "ref", SEQUENCES)


@pytest.fixture(scope="module")
def head():
    return build.header(SEQUENCES)


@pytest.fixture(scope="module")
def reads(head):
    return build.random_reads(head, 3000, seed=11)


@pytest.fixture
def bam(tmp_path, head, reads):
    return build.write_bam(tmp_path / "reads.bam", head, reads)


def expected(reads, contig_map=(0, 1)):
    return [plain.decode_read(read, contig_map, ["lane1", "lane2"]) for read in reads]


@pytest.mark.parametrize("piece_bytes", [1, 70_000, 8 << 20])
def test_scan__equals_pysam(bam, reference, reads, piece_bytes, monkeypatch):
    monkeypatch.setattr(alignment_bam, "_PIECE_BYTES", piece_bytes)
    with AlignmentReader(bam, reference) as reader:
        found = [row for part in reader.scan() for row in plain.rows(part)]
    assert found == expected(reads)


@pytest.mark.parametrize("index", ["bai", "csi"])
@pytest.mark.parametrize(
    ("contig", "start", "end"),
    [
        (0, 0, 120_000),
        (0, 16_000, 16_700),
        (0, 60_000, 60_001),
        (0, 119_990, 10**9),
        (1, 0, 5_000),
        (1, 40, 40),
    ],
)
def test_fetch__span(tmp_path, head, reads, reference, index, contig, start, end):
    bam = build.write_bam(tmp_path / "reads.bam", head, reads, index)
    with AlignmentReader(bam, reference) as reader:
        found = plain.rows(reader.fetch(Interval(contig, start, end)))
    assert found == expected([read for read in reads if plain.overlaps(read, contig, start, end)])


@pytest.mark.parametrize("piece_bytes", [1, 70_000])
def test_fetch__pieces_do_not_matter(bam, reference, piece_bytes, monkeypatch):
    with AlignmentReader(bam, reference) as reader:
        whole = reader.fetch(Interval(0, 10_000, 90_000))
        monkeypatch.setattr(alignment_bam, "_PIECE_BYTES", piece_bytes)
        parts = list(reader.fetch_pieces(Interval(0, 10_000, 90_000)))
    assert len(parts) > 1
    for a, b in zip(whole, concatenate_records(parts), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype


def test_fetch__filters(bam, reference, reads):
    with AlignmentReader(bam, reference) as reader:
        found = reader.fetch(Interval(0, 0, 120_000), required_flags_off=0xD04, min_mapping_quality=20)
    wanted = [r for r in reads if r.reference_id == 0 and not r.flag & 0xD04 and r.mapping_quality >= 20]
    assert plain.rows(found) == expected(wanted)


def test_fetch__contig_without_reads(tmp_path, head, reads, reference):
    only_first = [read for read in reads if read.reference_id == 0]
    bam = build.write_bam(tmp_path / "reads.bam", head, only_first)
    with AlignmentReader(bam, reference) as reader:
        found = reader.fetch(Interval(1, 0, 5_000))
        assert list(reader.unplaced()) == []
    assert len(found.start) == 0
    assert found.offsets.tolist() == [0]


def test_unplaced__at_the_end(bam, reference, reads):
    with AlignmentReader(bam, reference) as reader:
        found = [row for part in reader.unplaced() for row in plain.rows(part)]
    assert found == expected([read for read in reads if read.reference_id < 0])
    assert len(found) == 150


def test_open__no_reads_at_all(tmp_path, head, reference):
    bam = build.write_bam(tmp_path / "empty.bam", head, [])
    with AlignmentReader(bam, reference) as reader:
        assert list(reader.scan()) == []
        assert len(reader.fetch(Interval(0, 0, 1000)).start) == 0


def test_open__chr_names_and_other_order(tmp_path, reference):
    head = build.header({"chr2": 5_000, "chrUn": 700, "chr1": 120_000})
    reads = [r for r in build.random_reads(head, 500, seed=3) if r.reference_id != 1]
    bam = build.write_bam(tmp_path / "reads.bam", head, reads)
    with AlignmentReader(bam, reference) as reader:
        assert reader.contig_map.tolist() == [1, -1, 0]
        found = plain.rows(reader.fetch(Interval(0, 0, 120_000)))
    assert found == expected([r for r in reads if r.reference_id == 2], [1, -1, 0])


@pytest.mark.parametrize("piece_reads", [100, 1 << 16])
@pytest.mark.parametrize("prefix", ["", "chr"])
def test_cram__equals_pysam(tmp_path, reference, prefix, piece_reads, monkeypatch):
    """Also through a reference that names its contigs without chr."""
    monkeypatch.setattr(alignment_cram, "_PIECE_READS", piece_reads)
    named = {prefix + name: text for name, text in SEQUENCES.items()}
    own = build.make_reference(tmp_path / "own", named)
    cram = build.write_cram(tmp_path / "reads.cram", *cram_reads(named), own)
    with pysam.AlignmentFile(str(cram), reference_filename=str(own.fasta)) as file:
        reads = list(file.fetch(until_eof=True))
    with AlignmentReader(cram, reference) as reader:
        assert reader.sample_name == "NA1"
        for contig, start, end in [(0, 0, 120_000), (0, 50_000, 51_000), (1, 0, 9_000)]:
            found = plain.rows(reader.fetch(Interval(contig, start, end)))
            assert found == expected([r for r in reads if plain.overlaps(r, contig, start, end)])
        assert [row for part in reader.scan() for row in plain.rows(part)] == expected(reads)
        assert sum(len(part.start) for part in reader.unplaced()) == 30


def test_cram__without_edit_distances(tmp_path, reference):
    """All else is the same, read groups too."""
    cram = build.write_cram(tmp_path / "reads.cram", *cram_reads(SEQUENCES), reference)
    everything = Interval(0, 0, 120_000)
    with AlignmentReader(cram, reference) as reader:
        whole = reader.fetch(everything)
    with AlignmentReader(cram, reference, edit_distances=False) as reader:
        found = reader.fetch(everything)
    assert (found.edit_distance == -1).all()
    assert (whole.edit_distance >= 0).any()
    for name in set(whole._fields) - {"edit_distance"}:
        assert np.array_equal(getattr(found, name), getattr(whole, name)), name


def cram_reads(sequences):
    """Header and reads that CRAM can hold: of known read groups, unpaired."""
    head = build.header(sequences)
    reads = build.random_reads(head, 600, seed=5, sequences=sequences)
    for read in reads:
        read.set_tag("RG", "lane2")
        read.next_reference_id, read.next_reference_start, read.template_length = -1, -1, 0
        read.flag &= ~0x1EB
    return head, reads


def test_reader__shared_by_threads(bam, reference):
    with AlignmentReader(bam, reference) as reader:
        want = reader.fetch(Interval(0, 0, 120_000)).name_hash.tolist()
        found = []
        threads = [
            threading.Thread(
                target=lambda: found.append(reader.fetch(Interval(0, 0, 120_000)).name_hash.tolist())
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [want] * 4


def test_decode__long_cigar_in_tag(tmp_path, reference, head):
    read = pysam.AlignedSegment(head)
    read.query_name, read.flag, read.reference_id, read.reference_start = "long", 0, 0, 10
    read.mapping_quality = 60
    read.query_sequence = "A" * 70_000
    read.cigartuples = [(0, 1), (1, 1)] * 35_000
    bam = build.write_bam(tmp_path / "long.bam", head, [read])
    with AlignmentReader(bam, reference) as reader:
        found = reader.fetch(Interval(0, 35_000, 35_010))
    assert found.end.tolist() == [35_010]
    assert found.cigars.tolist() == [1 << 4, 1 << 4 | 1] * 35_000


# --- what can be wrong --------------------------------------------------------------------------------------
def check(path, reference, match, error=InputError):
    with pytest.raises(error, match=match), AlignmentReader(path, reference) as reader:
        for _ in reader.scan():
            pass


def test_error__missing_file(tmp_path, reference):
    check(tmp_path / "none.bam", reference, r"none\.bam: no such alignment file", NotFoundError)


def test_error__not_an_alignment(tmp_path, reference):
    (tmp_path / "a.bam").write_text("hello")
    check(tmp_path / "a.bam", reference, "is neither BAM nor CRAM. It begins with b.hell.: name a sorted BAM")
    (tmp_path / "e.bam").touch()
    check(tmp_path / "e.bam", reference, "is neither BAM nor CRAM. It is empty: copy or make it again")
    (tmp_path / "b.bam").write_text("@HD\tVN:1.6\n")
    check(tmp_path / "b.bam", reference, "looks like SAM text; convert it with: samtools sort")


def test_error__gzip_but_no_bam(tmp_path, reference):
    (tmp_path / "a.bam").write_bytes(gzip.compress(b"hello"))
    check(tmp_path / "a.bam", reference, "not in the BGZF blocks of a BAM")
    with pysam.BGZFile(str(tmp_path / "b.bam"), "wb") as out:
        out.write(b"chr1\t5\t6\n" * 10)
    check(tmp_path / "b.bam", reference, r"is not a BAM file \(its data starts with b'chr1'\)")


@pytest.mark.parametrize("kept", [0.4, 0.9, -28])
def test_error__cut_off(bam, reference, kept):
    size = bam.stat().st_size
    with bam.open("r+b") as handle:
        handle.truncate(int(size * kept) if kept > 0 else size + kept)
    check(bam, reference, "is cut off: the BGZF end-of-file block is missing")


def test_error__cut_off_and_closed_again(bam, reference):
    """An end-of-file block does not make half a file whole."""
    data = bam.read_bytes()
    starts = [0]
    while starts[-1] < len(data) - 28:
        starts.append(starts[-1] + struct.unpack_from("<H", data, starts[-1] + 16)[0] + 1)
    bam.write_bytes(data[: starts[len(starts) // 2]] + data[-28:])
    check(bam, reference, "of an older version|in the middle of a record")


def test_error__header_cut_off(tmp_path, reference, bam):
    data = bam.read_bytes()
    block = pysam.BGZFile(str(bam), "rb").read(60)
    with pysam.BGZFile(str(tmp_path / "h.bam"), "wb") as out:
        out.write(block)
    check(tmp_path / "h.bam", reference, "ends inside its header")
    assert data[:4] == b"\x1f\x8b\x08\x04"


def test_error__damaged_block(bam, reference):
    data = bytearray(bam.read_bytes())
    place = len(data) // 2
    data[place : place + 20] = bytes(20)
    bam.write_bytes(data)
    check(
        bam, reference, "at byte [0-9,]+ (cannot be inflated|fails its checksum)|no whole BGZF block at byte"
    )


def damage_first_record(path, head, change):
    """A BAM with few reads whose first record is changed by ``change(bytes)``; its index stays true."""
    build.write_bam(path, head, build.random_reads(head, 100, seed=8))
    raw = bytearray(pysam.BGZFile(str(path), "rb").read())
    start = alignment_bam.header_end(bytes(raw))
    record = memoryview(raw)[start:]
    change(record)
    with pysam.BGZFile(str(path), "wb") as out:
        out.write(bytes(raw[:start]))
        out.flush()
        out.write(bytes(record))
    return path


def test_error__damaged_record(tmp_path, reference, head):
    def too_long(record):
        struct.pack_into("<i", record, 20, 1 << 20)  # l_seq

    bam = damage_first_record(tmp_path / "b.bam", head, too_long)
    check(
        bam,
        reference,
        r"has a damaged record \(after byte \d+ of the file\): its fields do not fit its length",
    )


def test_error__bases_written_as_equal(tmp_path, head, reference):
    def blank(record):
        record[36 + record[12] + 4 * struct.unpack_from("<H", record, 16)[0]] = 0

    bam = damage_first_record(tmp_path / "b.bam", head, blank)
    check(bam, reference, "has bases written as '=' .same as the reference.")


@pytest.mark.parametrize("order", ["unsorted", "queryname"])
def test_error__header_says_unsorted(tmp_path, reference, reads, order):
    bam = build.write_bam(tmp_path / "u.bam", build.header(SEQUENCES, order), reads[::-1], index=None)
    check(
        bam, reference, rf"SO:{order}\). Sort and index it: samtools sort -o SORTED.bam \S+ && samtools index"
    )


def test_error__records_out_of_order(tmp_path, reference, reads, head):
    bam = build.write_bam(tmp_path / "u.bam", head, reads)
    index = (tmp_path / "u.bam.bai").read_bytes()
    swapped = [*reads[:1500], reads[0], *reads[1500:]]
    build.write_bam(bam, head, swapped, index=None)
    (tmp_path / "u.bam.bai").write_bytes(index)
    check(bam, reference, "is not sorted by coordinate .a read starts before the one in front of it")


def test_error__no_index(tmp_path, reference, reads, head):
    bam = build.write_bam(tmp_path / "n.bam", head, reads, index=None)
    check(
        bam, reference, r"no index beside it \(n.bam.bai\). Make it: samtools index \S+n\.bam", NotFoundError
    )


def test_index__named_without_bam(bam, reference):
    bam.with_name("reads.bam.bai").rename(bam.with_name("reads.bai"))
    with AlignmentReader(bam, reference) as reader:
        assert len(reader.fetch(Interval(0, 0, 1000)).start)


def test_error__index_of_another_version(tmp_path, reference, head):
    old = build.write_bam(tmp_path / "old.bam", head, build.random_reads(head, 3000, seed=1))
    new = build.write_bam(tmp_path / "new.bam", head, build.random_reads(head, 700, seed=2))
    shutil.copy(f"{old}.bai", f"{new}.bai")
    check(new, reference, r"does not fit new\.bam; it is of an older version. Make it again: samtools index")


def test_error__index_of_another_genome(tmp_path, bam, reference):
    head = build.header({"1": 120_000})
    other = build.write_bam(tmp_path / "other.bam", head, build.random_reads(head, 100, seed=2))
    shutil.copy(f"{other}.bai", f"{bam}.bai")
    check(bam, reference, r"is the index of another file \(1 contigs, while reads.bam has 2\)")


@pytest.mark.parametrize(
    ("content", "match"), [(b"", "is not a BAI or CSI"), (b"BAI\1\2\0\0\0\5", "is cut off")]
)
def test_error__broken_index(bam, reference, content, match):
    bam.with_name("reads.bam.bai").write_bytes(content)
    check(bam, reference, match)


def test_error__broken_csi(tmp_path, head, reads, reference):
    bam = build.write_bam(tmp_path / "reads.bam", head, reads, "csi")
    index = tmp_path / "reads.bam.csi"
    index.write_bytes(index.read_bytes()[:100])
    check(bam, reference, "is not a whole CSI index")


def test_error__other_build(tmp_path, reference):
    head = build.header({"1": 120_001, "2": 5_000})
    bam = build.write_bam(tmp_path / "b.bam", head, build.random_reads(head, 50, seed=1))
    check(bam, reference, r'b\.bam: contig "1" is 120001 bp there, but 120000 bp .* is of another build')


def test_error__other_build_by_md5(tmp_path, reference):
    head = build.header(SEQUENCES).to_dict()
    head["SQ"][0]["M5"] = "0" * 32
    head = pysam.AlignmentHeader.from_dict(head)
    bam = build.write_bam(tmp_path / "b.bam", head, build.random_reads(head, 50, seed=1))
    check(bam, reference, r'contig "1" has M5 0+ there, but \w+ in the reference')


def test_error__no_contig_in_common(tmp_path, reference):
    head = build.header({"scaffold7": 5_000})
    bam = build.write_bam(tmp_path / "b.bam", head, build.random_reads(head, 50, seed=1))
    check(bam, reference, r"none of its contigs \(scaffold7\) is in the reference")


def test_error__no_contigs(tmp_path, reference):
    head = pysam.AlignmentHeader.from_dict({"HD": {"VN": "1.6", "SO": "coordinate"}})
    bam = build.write_bam(tmp_path / "b.bam", head, [], index=None)
    check(bam, reference, "the header has no @SQ line")


def test_error__bad_header_line():
    with pytest.raises(InputError, match=r"x\.sam, header line 2: .* needs a name .SN. and a length"):
        parse_header("@HD\tVN:1.6\n@SQ\tSN:1\n", "x.sam")


@pytest.mark.parametrize(
    ("groups", "match"),
    [
        ([], "no @RG line names a sample .SM.. Add one with: samtools addreplacerg"),
        ([{"ID": "a", "SM": "x"}, {"ID": "b", "SM": "y"}], r"reads of 2 samples \(x, y\); one was expected"),
    ],
)
def test_error__sample_names(tmp_path, reference, groups, match):
    head = build.header(SEQUENCES, read_groups=groups)
    bam = build.write_bam(tmp_path / "b.bam", head, build.random_reads(head, 50, seed=1))
    with AlignmentReader(bam, reference) as reader, pytest.raises(InputError, match=match):
        assert reader.sample_name


def test_error__cram(tmp_path, reference):
    cram = build.write_cram(tmp_path / "reads.cram", *cram_reads(SEQUENCES), reference)
    data = cram.read_bytes()
    cram.write_bytes(data[:-38])
    check(cram, reference, "is cut off: the CRAM end-of-file container is missing")
    middle = len(data) // 2
    cram.write_bytes(data[:middle] + bytes(50) + data[middle + 50 :])
    check(cram, reference, "the container at byte [0-9,]+ fails its checksum")
    cram.write_bytes(data[:26] + bytes(50) + data[76:])
    check(cram, reference, "cannot be opened as CRAM")
    cram.write_bytes(data)
    cram.with_name("reads.cram.crai").unlink()
    check(cram, reference, r"no index beside it \(reads.cram.crai\)", NotFoundError)


def test_error__cram_of_another_sequence(tmp_path, reference):
    other = {"1": build.random_sequence(120_000, 9), "2": SEQUENCES["2"]}
    own = build.make_reference(tmp_path / "own", other)
    cram = build.write_cram(tmp_path / "reads.cram", *cram_reads(other), own)
    check(cram, reference, r'contig "1" has M5 \w+ there')

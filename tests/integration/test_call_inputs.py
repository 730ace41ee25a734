"""``genomehub call`` on odd and bad input: the calls of the same reads written plainly, or one sentence."""

import shutil
import struct

import pysam
import pytest
from builders.alignment_files import make_reference, write_bam, write_cram
from builders.calling import Read, aligned_read, apply_edits, random_sequence, segments

from genomehub.cli import run
from genomehub.config import CallConfig
from genomehub.formats import alignment_bam
from genomehub.formats.bgzf import EOF_BLOCK
from genomehub.store.variants import VariantStore

pytestmark = pytest.mark.integration

LENGTH = 6_000
SEQUENCE = random_sequence(LENGTH, seed=61)
NAMES = {"1": SEQUENCE, "2": random_sequence(3_000, seed=62), "3": "N" * 2_000}
GROUP = [{"ID": "a", "SM": "NA1"}]
EDITS = [
    (1_500, SEQUENCE[1_500], "ACGT"[("ACGT".index(SEQUENCE[1_500]) + 1) % 4]),
    (2_500, SEQUENCE[2_500:2_507], SEQUENCE[2_500]),
    (3_500, SEQUENCE[3_500], SEQUENCE[3_500] + "GATTACAG"),
    (LENGTH - 30, SEQUENCE[-30], "ACGT"[("ACGT".index(SEQUENCE[-30]) + 1) % 4]),
]
FOUND = [1_501, 2_500, 3_501, LENGTH - 29]  # the deletion moves left by one


def header(groups=GROUP, md5=None, names=NAMES):
    contigs = [{"SN": name, "LN": len(text)} for name, text in names.items()]
    if md5:
        contigs[0]["M5"] = md5
    return pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": contigs, "RG": groups}
    )


def plain_reads(**fields):
    """Reads of both haplotypes; those at the end of the contig end with it."""
    reads = []
    for edits in ([], EDITS):
        sequence, places = apply_edits(SEQUENCE, edits)
        for i, begin in enumerate(range(0, len(sequence) - 99, 7)):
            reads.append(aligned_read(sequence, places, begin, 100, flag=16 * (i % 2), **fields))
    return [read._replace(name=i) for i, read in enumerate(reads)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return make_reference(tmp_path_factory.mktemp("inputs") / "s.ref", NAMES)


def write(path, reads, **options):
    head = header()
    return write_bam(path, head, segments(head, reads, **options))


def call(reference, source, output, *options):
    return run(["call", "-q", "-t", "1", "-r", str(reference.path), "-o", str(output), *options, str(source)])


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def stored(reference, folder, name, reads, **options):
    source = write(folder / f"{name}.bam", reads, **options)
    assert call(reference, source, folder / f"{name}.vcz", "--sample", "NA1") == 0
    return files(folder / f"{name}.vcz")


def positions(folder):
    return VariantStore.open(folder)["variant_position"].tolist()


@pytest.fixture(scope="module")
def plain(reference, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    found = stored(reference, folder, "plain", plain_reads())
    assert positions(folder / "plain.vcz") == FOUND
    return found


# --- odd, with the same meaning -----------------------------------------------------------------------------
def equal_and_different(read):
    """M as = and X."""
    ops, query, place = [], 0, read.start
    for n, op in read.cigar:
        for k in range(n if op == "M" else 0):
            ops.append((1, "=" if read.bases[query + k] == SEQUENCE[place + k] else "X"))
        if op != "M":
            ops.append((n, op))
        query += n if op in "MIS" else 0
        place += n if op in "MD" else 0
    joined = []
    for n, op in ops:
        if joined and joined[-1][1] == op:
            joined[-1] = (joined[-1][0] + n, op)
        else:
            joined.append((n, op))
    return read._replace(cigar=joined)


def padded(read):
    """A pad beside each insertion."""
    return read._replace(
        cigar=[piece for n, op in read.cigar for piece in ([(2, "P"), (n, op)] if op == "I" else [(n, op)])]
    )


def hard_clipped(read):
    return read._replace(cigar=[(7, "H"), *read.cigar, (9, "H")])


def with_empty_operations(read):
    return read._replace(cigar=[(0, "I"), *read.cigar[:1], (0, "D"), (0, "N"), *read.cigar[1:], (0, "S")])


@pytest.mark.parametrize("change", [equal_and_different, padded, hard_clipped, with_empty_operations])
def test_call__same_meaning_same_bytes(reference, plain, tmp_path, change):
    assert stored(reference, tmp_path, "odd", [change(read) for read in plain_reads()]) == plain


def test_call__missing_qualities(reference, tmp_path):
    absent = stored(reference, tmp_path, "absent", plain_reads(quals=None))
    given = stored(reference, tmp_path, "given", plain_reads(quals=CallConfig.missing_base_quality))
    assert absent == given
    assert positions(tmp_path / "absent.vcz") == FOUND


def test_call__reads_without_groups(reference, plain, tmp_path):
    assert stored(reference, tmp_path, "none", plain_reads(), group=None) == plain


def test_call__reads_that_say_nothing(reference, plain, tmp_path):
    """Without bases, without CIGAR, spliced over kilobases, of too low MAPQ, or flagged."""
    wrong = "T" * 100
    silent = [
        Read(1_450, [(100, "M")], ""),
        Read(1_450, [], wrong),
        Read(1_450, [(50, "M"), (3_000, "N"), (50, "M")], wrong),
        Read(1_450, [(50, "M"), (100_000_000, "N"), (50, "M")], wrong),
        Read(1_450, [(100, "M")], wrong, mapping_quality=3),
        *(Read(1_450, [(100, "M")], wrong, flag=flag) for flag in (4, 256, 512, 1024)),
    ]
    silent = [read._replace(name=10_000 + i) for i, read in enumerate(silent * 40)]
    assert stored(reference, tmp_path, "more", plain_reads() + silent) == plain


def test_call__spliced_and_clipped(reference, tmp_path):
    """Short skips, and clips of both kinds on both sides, hide no variant and make none."""
    reads = []
    for read in plain_reads():
        if read.name % 3 == 0 and read.cigar == [(100, "M")] and read.start + 180 < LENGTH:
            bases = read.bases[:50] + SEQUENCE[read.start + 130 : read.start + 180]
            read = read._replace(cigar=[(50, "M"), (80, "N"), (50, "M")], bases=bases)
        elif read.name % 3 == 1 and read.cigar == [(100, "M")] and read.start + 100 < LENGTH - 100:
            read = read._replace(
                start=read.start + 3, cigar=[(4, "H"), (3, "S"), (94, "M"), (3, "S"), (5, "H")]
            )
        reads.append(read)
    stored(reference, tmp_path, "odd", reads)
    assert positions(tmp_path / "odd.vcz") == FOUND


def test_call__reads_past_the_end_of_the_contig(reference, tmp_path):
    reads = plain_reads()
    beyond = [
        Read(LENGTH - 60, [(100, "M")], SEQUENCE[-60:] + "ACGT" * 10, flag=16 * (i % 2)) for i in range(9)
    ]
    beyond += [Read(LENGTH - 60, [(60, "M"), (20, "D"), (40, "M")], SEQUENCE[-60:] + "ACGT" * 10)] * 5
    beyond += [Read(LENGTH - 60, [(60, "M"), (40, "I")], SEQUENCE[-60:] + "ACGT" * 10)] * 2
    reads += [read._replace(name=20_000 + i) for i, read in enumerate(beyond)]
    stored(reference, tmp_path, "beyond", reads)
    assert positions(tmp_path / "beyond.vcz")[:3] == FOUND[:3]
    assert VariantStore.open(tmp_path / "beyond.vcz")["block_end"].max() <= LENGTH


# --- nothing to find ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "reads",
    [
        [],
        [read._replace(flag=read.flag | 4) for read in plain_reads()],
        [read._replace(flag=read.flag | 1024) for read in plain_reads()],
    ],
    ids=["no_reads", "all_unmapped", "all_duplicates"],
)
def test_call__nothing(reference, tmp_path, reads):
    stored(reference, tmp_path, "o", reads)
    store = VariantStore.open(tmp_path / "o.vcz")
    assert (store.n_variants, store.n_blocks) == (0, 0)


def test_call__all_reads_unplaced(reference, tmp_path):
    head = header()
    read = pysam.AlignedSegment(head)
    read.query_name, read.flag, read.query_sequence = "u", 4, "ACGT" * 25
    source = write_bam(tmp_path / "u.bam", head, [read] * 500)
    assert call(reference, source, tmp_path / "o.vcz") == 0
    assert VariantStore.open(tmp_path / "o.vcz").n_variants == 0


def test_call__reference_of_n(tmp_path):
    names = {"1": "N" * LENGTH, "2": "NNNN" * 700}
    blank = make_reference(tmp_path / "n.ref", names)
    source = write_bam(tmp_path / "in.bam", header(names=names), segments(header(), plain_reads()))
    assert call(blank, source, tmp_path / "o.vcz") == 0
    store = VariantStore.open(tmp_path / "o.vcz")
    assert (store.n_variants, store.n_blocks) == (0, 0)


@pytest.mark.parametrize("bed", ["1\t0\t1\n", "2\t0\t3000\n", "3\t0\t2000\n"])
def test_call__regions_without_reads(reference, tmp_path, bed):
    (tmp_path / "r.bed").write_text(bed)
    source = write(tmp_path / "in.bam", [read for read in plain_reads() if read.start > 100])
    assert call(reference, source, tmp_path / "o.vcz", "--regions", str(tmp_path / "r.bed")) == 0
    store = VariantStore.open(tmp_path / "o.vcz")
    assert (store.n_variants, store.n_blocks) == (0, 0)


# --- wrong --------------------------------------------------------------------------------------------------
def first_record(path, change):
    """Change the first record's bytes where they stand; the index of few reads stays true."""
    raw = bytearray(pysam.BGZFile(str(path), "rb").read())
    start = alignment_bam.header_end(bytes(raw))
    record = memoryview(raw)[start:]
    change(record)
    with pysam.BGZFile(str(path), "wb") as out:
        out.write(bytes(raw[:start]))
        out.flush()
        out.write(bytes(record))


def operation(word):
    return lambda record: struct.pack_into("<I", record, 36 + record[12], word)


def fail(reference, source, folder, capsys):
    """The one sentence of a run that fails; nothing is left but parts that a next run takes up."""
    assert call(reference, source, folder / "o.vcz", "--vcf", str(folder / "o.vcf.gz")) == 3
    assert not list(folder.glob("o.*"))
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert "Traceback" not in error
    return error


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        (100 << 4 | 9, "operation that is none of MIDNSHP=X"),
        (100 << 4 | 12, "operation that is none of MIDNSHP=X"),
        (150 << 4, 'CIGAR of read "r0" at 1:1 has another length than its bases'),
        ((1 << 28) - 1 << 4, "has another length than its bases"),
    ],
)
def test_error__cigar(reference, tmp_path, capsys, word, sentence):
    source = write(tmp_path / "in.bam", plain_reads()[:50])
    first_record(source, operation(word))
    assert sentence in fail(reference, source, tmp_path, capsys)


def test_error__start_before_the_contig(reference, tmp_path, capsys):
    source = write(tmp_path / "in.bam", plain_reads()[:50])
    first_record(source, lambda record: struct.pack_into("<i", record, 8, -7))
    assert "damaged record" in fail(reference, source, tmp_path, capsys)


def damaged(path, change):
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def flip_a_checksum(data):
    data[-len(EOF_BLOCK) - 8] ^= 1


def cut_and_close(data):
    del data[len(data) // 2 :]
    data += EOF_BLOCK


def zero_the_middle(data):
    middle = len(data) // 2
    data[middle : middle + 100] = bytes(100)


@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        (flip_a_checksum, ["fails its checksum"]),
        (cut_and_close, ["older version", "no whole BGZF block"]),
        (zero_the_middle, ["cannot be inflated", "fails its checksum", "no whole BGZF block"]),
    ],
)
def test_error__damaged_bam(reference, tmp_path, capsys, change, sentences):
    source = write(tmp_path / "in.bam", plain_reads())
    damaged(source, change)
    error = fail(reference, source, tmp_path, capsys)
    assert any(sentence in error for sentence in sentences), error


def test_error__index_of_another_bam(reference, tmp_path, capsys):
    source = write(tmp_path / "in.bam", plain_reads())
    other = write(tmp_path / "other.bam", plain_reads() * 9)
    shutil.copy(f"{other}.bai", f"{source}.bai")
    assert "older version" in fail(reference, source, tmp_path, capsys)


def test_error__other_build(reference, tmp_path, capsys):
    head = header(md5="0" * 32)
    source = write_bam(tmp_path / "in.bam", head, segments(head, plain_reads()))
    assert 'contig "1" has M5' in fail(reference, source, tmp_path, capsys)


def test_error__cram_of_another_sequence(reference, tmp_path, capsys):
    """Same names and lengths, no M5 in the header: only the slices know."""
    own = make_reference(tmp_path / "own.ref", {**NAMES, "1": random_sequence(LENGTH, seed=63)})
    cram = write_cram(tmp_path / "in.cram", header(), segments(header(), plain_reads()), own)
    with_m5 = pysam.AlignmentFile(str(cram), "rc", check_sq=False).header.to_dict()["SQ"][0].get("M5")
    error = fail(reference, cram, tmp_path, capsys)
    assert ("M5" if with_m5 else "another reference") in error


def test_error__cram_damaged_inside(reference, tmp_path, capsys):
    cram = write_cram(tmp_path / "in.cram", header(), segments(header(), plain_reads()), reference)
    damaged(cram, zero_the_middle)
    assert "in.cram" in fail(reference, cram, tmp_path, capsys)

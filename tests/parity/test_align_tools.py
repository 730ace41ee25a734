"""What align writes, judged by samtools and picard; what reference build writes, by samtools faidx."""

import shutil
import subprocess
from pathlib import Path

import pysam
import pytest

from genomehub.config import SortConfig
from genomehub.formats.fastq import Lane, default_read_group
from genomehub.pipeline.align import align
from genomehub.pipeline.reference import build_reference

pytestmark = pytest.mark.parity

DATA = Path("reference_data")
FASTA = DATA / "b37.20_9.5-10.5M.fa.gz"


def run(*command, **options):
    return subprocess.run(
        [str(word) for word in command], check=True, capture_output=True, text=True, **options
    ).stdout


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Reference, BAM and CRAM of the real slice, and the FASTA as picard wants it."""
    folder = tmp_path_factory.mktemp("parity")
    reference = build_reference(FASTA, folder / "slice.ref")
    reads = [str(DATA / "na12878" / f"NA12878_R{end}.fastq.gz") for end in (1, 2)]
    lane = Lane(default_read_group(reads[0], "NA12878", "lib1", "ILLUMINA"), *reads)
    single = str(DATA / "na12878" / "NA12878_single.fastq.gz")
    lanes = [lane, Lane(lane.read_group._replace(id="single", library="lib2"), single)]
    for name in ("out.bam", "out.cram"):
        align(reference.path, lanes, folder / name, threads=1, metrics=folder / f"{name}.txt")
    (folder / "genome.fa").write_bytes(pysam.BGZFile(str(FASTA)).read())
    run("samtools", "faidx", folder / "genome.fa")
    run("samtools", "dict", folder / "genome.fa", "-o", folder / "genome.dict")
    return folder


@pytest.mark.parametrize("name", ["out.bam", "out.cram"])
def test_align__picard_finds_nothing(work, name):
    out = run(
        "PicardCommandLine", "ValidateSamFile", f"I={work / name}", f"R={work / 'genome.fa'}", "MODE=SUMMARY"
    )  # fmt: skip
    assert "No errors found" in out


@pytest.mark.parametrize("name", ["out.bam", "out.cram"])
def test_align__samtools_quickcheck_and_index(work, name):
    run("samtools", "quickcheck", "-v", work / name)
    counted = run("samtools", "view", "-c", "-T", work / "genome.fa", work / name, "20:10000001-10010000")
    slow = run("samtools", "view", "-F", "0x900", "-T", work / "genome.fa", work / name).splitlines()
    with pysam.AlignmentFile(str(work / name), reference_filename=str(work / "genome.fa")) as file:
        overlapping = sum(
            1
            for r in file.fetch(until_eof=True)
            if r.reference_id == 0 and r.reference_start < 10_010_000
            and max(r.reference_end or 0, r.reference_start + 1) > 10_000_000
        )  # fmt: skip
    assert int(counted) == overlapping
    assert len(slow) == 2 * 25_839 + 246


def test_align__calmd_agrees_with_nm_and_md(work):
    with pysam.AlignmentFile(str(work / "out.bam")) as ours:
        before = [
            (r.query_name, r.flag, r.has_tag("MD") and (r.get_tag("NM"), r.get_tag("MD"))) for r in ours
        ]
    with (work / "calmd.bam").open("wb") as handle:
        done = subprocess.run(
            ["samtools", "calmd", "-b", str(work / "out.bam"), str(work / "genome.fa")],
            check=True, stdout=handle, stderr=subprocess.PIPE,
        )  # fmt: skip
    assert b"different" not in done.stderr
    with pysam.AlignmentFile(str(work / "calmd.bam")) as theirs:
        after = [
            (r.query_name, r.flag, r.has_tag("MD") and (r.get_tag("NM"), r.get_tag("MD"))) for r in theirs
        ]
    assert before == after


def faces_mate(read):
    """Whether TLEN has one meaning: forward mate first. Else SAM takes the outermost bases and
    samtools the 5' ends."""
    if not read.is_proper_pair:
        return False
    mate = pysam.AlignedSegment()
    mate.reference_start, mate.cigarstring = read.next_reference_start, read.get_tag("MC")
    forward, reverse = (mate, read) if read.is_reverse else (read, mate)
    return (
        forward.reference_start < reverse.reference_start and forward.reference_end <= reverse.reference_end
    )


def test_align__samtools_agrees_that_it_is_sorted_and_mates_fit(work):
    run("samtools", "index", work / "out.bam", work / "theirs.bai")
    assert (work / "theirs.bai").read_bytes() == (work / "out.bam.bai").read_bytes()
    run("samtools", "collate", "-o", work / "collated.bam", work / "out.bam")
    run("samtools", "fixmate", "-m", work / "collated.bam", work / "fixed.bam")
    with (
        pysam.AlignmentFile(str(work / "collated.bam")) as a,
        pysam.AlignmentFile(str(work / "fixed.bam")) as b,
    ):
        # fixmate puts supplementary rows in an order of its own.
        primary = [[r for r in file.fetch(until_eof=True) if not r.is_supplementary] for file in (a, b)]
        for ours, theirs in zip(*primary, strict=True):
            assert ours.query_name == theirs.query_name
            if ours.is_paired:
                assert ours.next_reference_id == theirs.next_reference_id
                assert ours.next_reference_start == theirs.next_reference_start
                assert ours.mate_is_reverse == theirs.mate_is_reverse
                if faces_mate(ours):
                    assert ours.template_length == theirs.template_length
                for tag in ("MC", "MQ"):
                    if ours.mate_is_unmapped:  # fixmate writes MC:Z:* there
                        assert not ours.has_tag(tag)
                    else:
                        assert ours.get_tag(tag) == theirs.get_tag(tag)


def metrics_rows(path):
    lines = path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("LIBRARY\t"))
    names, rows = lines[at].split("\t"), []
    for line in lines[at + 1 :]:
        if not line:
            break
        rows.append(dict(zip(names, line.split("\t"), strict=True)))
    return {row["LIBRARY"]: row for row in rows}


def test_align__picard_marks_the_same_templates(work):
    run(
        "PicardCommandLine", "MarkDuplicates", f"I={work / 'out.bam'}", f"O={work / 'picard.bam'}",
        f"M={work / 'picard.txt'}",
    )  # fmt: skip
    marked = []
    for name in ("out.bam", "picard.bam"):
        with pysam.AlignmentFile(str(work / name)) as file:
            marked.append({(r.query_name, r.is_read2) for r in file if r.is_duplicate})
    ours, theirs = marked
    assert len(ours) == len(theirs)
    # picard breaks ties of quality by tile and position on it, we by input order
    assert len(ours ^ theirs) <= 0.1 * len(theirs)
    mine, picards = metrics_rows(work / "out.bam.txt"), metrics_rows(work / "picard.txt")
    assert mine.keys() == picards.keys() == {"lib1", "lib2"}
    for library, row in mine.items():
        for column in (
            "UNPAIRED_READS_EXAMINED", "READ_PAIRS_EXAMINED", "SECONDARY_OR_SUPPLEMENTARY_RDS",
            "UNMAPPED_READS", "UNPAIRED_READ_DUPLICATES", "READ_PAIR_DUPLICATES", "PERCENT_DUPLICATION",
        ):  # fmt: skip
            assert row[column] == picards[library][column], (library, column)


def test_align__cram_holds_the_same_records(work):
    texts = [
        run("samtools", "view", "-T", work / "genome.fa", work / name) for name in ("out.bam", "out.cram")
    ]

    def fields(text):
        return [(*line.split("\t")[:11], *sorted(line.split("\t")[11:])) for line in text.splitlines()]

    assert fields(texts[0]) == fields(texts[1])
    header = run("samtools", "view", "-H", "--no-PG", work / "out.cram")
    assert header == run("samtools", "view", "-H", "--no-PG", work / "out.bam")
    assert str(work) not in header


def test_align__every_level_holds_the_same(work):
    reads = [str(DATA / "trio" / f"HG001_R{end}.fastq.gz") for end in (1, 2)]
    lane = Lane(default_read_group(reads[0], "HG001", "l", "ILLUMINA"), *reads)
    texts, sizes = set(), []
    for level in (1, 3, 6):
        out = work / f"level{level}.bam"
        align(work / "slice.ref", [lane], out, None, SortConfig(level=level), threads=1)
        texts.add(run("samtools", "view", out))
        sizes.append(out.stat().st_size)
    assert len(texts) == 1
    assert sizes[2] < sizes[0]


def test_reference__faidx_makes_the_same_indexes(work):
    theirs = work / "theirs.fa.gz"
    shutil.copy(work / "slice.ref" / "genome.fa.gz", theirs)
    run("samtools", "faidx", theirs)
    for suffix in (".fai", ".gzi"):
        ours = work / "slice.ref" / f"genome.fa.gz{suffix}"
        assert Path(f"{theirs}{suffix}").read_bytes() == ours.read_bytes()
    sequences = [
        "".join(run("samtools", "faidx", path, "20:10000000-10000200").splitlines()[1:])
        for path in (theirs, work / "genome.fa")
    ]
    assert sequences[0] == sequences[1]


def test_reference__samtools_dict_gives_the_same_m5(work):
    line = (work / "genome.dict").read_text().splitlines()[1]
    header = run("samtools", "view", "-H", "--no-PG", work / "out.bam").splitlines()[1]
    assert (
        dict(f.split(":", 1) for f in header.split("\t")[1:]).items()
        <= dict(f.split(":", 1) for f in line.split("\t")[1:]).items()
    )

"""What align writes, judged by samtools and picard; what reference build writes, by samtools faidx."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pysam
import pytest
from builders.bam_index import index_contents

from genomehub.config import SortConfig
from genomehub.formats.fastq import Lane, default_read_group
from genomehub.pipeline.align import align
from genomehub.pipeline.reference import build_reference
from genomehub.types import ReadGroup

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


def test_align__index_finds_what_samtools_index_finds(work):
    run("samtools", "index", work / "out.bam", work / "theirs.bai")
    ours, theirs = (work / "out.bam.bai").read_bytes(), (work / "theirs.bai").read_bytes()
    assert len(ours) == len(theirs)
    assert index_contents(ours, is_csi=False) == index_contents(theirs, is_csi=False)
    idxstats = run("samtools", "idxstats", work / "out.bam")
    for place in ("20:1-1000", "20:500000-500001", "20:10000-30000", "20:900000"):
        rows = [
            run("samtools", "view", "-X", work / "out.bam", index, place)
            for index in (work / "out.bam.bai", work / "theirs.bai")
        ]
        assert rows[0] == rows[1]
    shutil.copy(work / "theirs.bai", work / "copy.bam.bai")
    shutil.copy(work / "out.bam", work / "copy.bam")
    assert run("samtools", "idxstats", work / "copy.bam") == idxstats


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


def metrics(path):
    """Rows of the metrics by library, and of the histogram by bin."""
    blocks, rows = {}, None
    for line in path.read_text().splitlines():
        if line.startswith("## METRICS CLASS") or line.startswith("## HISTOGRAM"):
            rows = blocks[line.split()[1]] = []
        elif not line or line.startswith("#"):
            rows = None
        elif rows is not None:
            rows.append(line.split("\t"))
    return [
        {row[0]: dict(zip(rows[0], row, strict=False)) for row in rows[1:]}
        for rows in (blocks.get("METRICS", [[]]), blocks.get("HISTOGRAM", [[]]))
    ]


def flags(path):
    """FLAG's duplicate bit and DT of all mapped primary reads, as picard marks no others in sorted files."""
    with pysam.AlignmentFile(str(path)) as file:
        return {
            (r.query_name, r.is_read2): (r.is_duplicate, r.get_tag("DT") if r.has_tag("DT") else None)
            for r in file
            if not r.is_secondary and not r.is_supplementary and not r.is_unmapped
        }


def marked_by_picard(work, name, *options):
    run(
        "PicardCommandLine", "MarkDuplicates", f"I={work / name}", f"O={work / 'picard.bam'}",
        f"M={work / 'picard.txt'}", "CLEAR_DT=true", *options,
    )  # fmt: skip
    return flags(work / "picard.bam"), metrics(work / "picard.txt")


def test_align__picard_marks_the_same_real_reads(work):
    theirs, (rows, sizes) = marked_by_picard(work, "out.bam")
    ours = flags(work / "out.bam")
    assert ours.keys() == theirs.keys()
    assert ours == theirs
    assert metrics(work / "out.bam.txt") == [rows, sizes]


def write_duplicates(folder, n_molecules, seed):
    """FASTQ of three read groups of two libraries: molecules read 1 to 6 times, some close on a tile."""
    rng = np.random.default_rng(seed)
    genome = pysam.FastaFile(str(folder / "genome.fa")).fetch("20")
    complement = str.maketrans("ACGTN", "TGCAN")
    files = [[(folder / f"dup{g}_{end}.fq").open("w") for end in (1, 2)] for g in range(3)]
    for molecule in range(n_molecules):
        start, size = int(rng.integers(9_600_000, 10_400_000)), int(rng.integers(120, 400))
        ends = (
            genome[start : start + 100],
            genome[start + size - 100 : start + size].translate(complement)[::-1],
        )
        is_library_two, tile = molecule % 3 == 0, int(rng.integers(1101, 1104))
        center = rng.integers(1000, 20_000, 2)
        for copy in range(int(rng.choice([1, 2, 3, 4, 6], p=[0.6, 0.15, 0.1, 0.1, 0.05]))):
            group = 2 if is_library_two else int(rng.integers(0, 2))
            x, y = center + rng.integers(-60, 61, 2) if rng.random() < 0.7 else rng.integers(1000, 20_000, 2)
            name = f"SIM:1:FC:{group + 1}:{tile}:{x}:{y}"
            if rng.random() < 0.05:
                name = f"read{molecule}_{copy}"  # tells no place
            flip = int(rng.random() < 0.2)  # the other strand of the molecule
            is_lone = rng.random() < 0.1
            for end in (0, 1):
                bases = ends[end ^ flip] if not (is_lone and end) else "".join(rng.choice(list("ACGT"), 100))
                quals = "".join(map(chr, rng.choice([2, 20, 37], 100, p=[0.05, 0.1, 0.85]) + 33))
                if rng.random() < 0.7:
                    quals = "F" * 100  # ties are frequent
                files[group][end].write(f"@{name}\n{bases}\n+\n{quals}\n")
    lanes = []
    for g, pair in enumerate(files):
        for file in pair:
            file.close()
        group = ReadGroup(f"rg{g}", "S", "two" if g == 2 else "one")
        lanes.append(Lane(group, *(file.name for file in pair)))
    return lanes


@pytest.mark.parametrize(
    ("distance", "tags", "policy"),
    [(100, "none", "DontTag"), (100, "all", "All"), (40, "optical", "OpticalOnly")],
)
def test_align__picard_marks_the_same_duplicates(work, distance, tags, policy):
    lanes = write_duplicates(work, 4000, 11)
    config = SortConfig(optical_distance=distance, duplicate_tags=tags)
    align(
        work / "slice.ref", lanes, work / "dup.bam", None, config, threads=1, metrics=work / "dup.txt"
    )  # fmt: skip
    options = [f"OPTICAL_DUPLICATE_PIXEL_DISTANCE={distance}", f"TAGGING_POLICY={policy}"]
    theirs, (rows, _) = marked_by_picard(work, "dup.bam", *options)
    ours = flags(work / "dup.bam")
    assert ours.keys() == theirs.keys()
    differing = [read for read in ours if ours[read] != theirs[read]]
    # Templates whose names tell no place tie by input order here, by order in the sorted file there.
    assert len(differing) <= 0.001 * len(ours)
    print("differing", len(differing), "of", len(ours))
    assert sum(is_duplicate for is_duplicate, _ in ours.values()) > 4000
    mine = metrics(work / "dup.txt")[0]
    assert mine == rows
    assert int(mine["one"]["READ_PAIR_OPTICAL_DUPLICATES"]) > 50


def test_align__picard_metrics_of_one_library(work):
    lanes = write_duplicates(work, 2000, 12)
    align(work / "slice.ref", lanes[:2], work / "one.bam", threads=1, metrics=work / "one.txt")
    _, theirs = marked_by_picard(work, "one.bam")
    assert metrics(work / "one.txt") == theirs


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

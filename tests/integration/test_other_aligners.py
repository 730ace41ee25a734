"""``genomehub align --aligner``: bwa, bwa-mem3 and existing alignments behind the contract of our own."""

import gzip
import itertools
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pybwa
import pysam
import pytest
from builders.bwa_mem2_index import write_index

from genomehub.cli import run
from genomehub.cli.align import command as align_command
from genomehub.config import SortConfig
from genomehub.errors import InputError
from genomehub.formats import bgzf
from genomehub.formats.fastq import Lane
from genomehub.pipeline import other_aligners
from genomehub.pipeline.align import align
from genomehub.pipeline.reference import build_reference
from genomehub.types import ReadGroup

pytestmark = pytest.mark.integration

DATA = Path("reference_data")
READS = [str(DATA / "trio" / f"HG001_R{end}.fastq.gz") for end in (1, 2)]
MORE = [str(DATA / "trio" / f"NA12891_R{end}.fastq.gz") for end in (1, 2)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A reference of 40 kb that the trio's reads come from, and indexes of bwa and bwa-mem2 for it."""
    folder = tmp_path_factory.mktemp("others")
    with pysam.FastaFile(str(DATA / "b37.20_9.5-10.5M.fa.gz")) as file:
        text = file.fetch("20", 9_985_000, 10_025_000)
    other = "".join(random.Random(3).choices("ACGT", k=3000))
    (folder / "g.fa").write_text(f">20\n{text}\n>other\n{other}\n")
    build_reference(folder / "g.fa", folder / "g.ref")
    pybwa.BwaIndex.index(folder / "g.fa", prefix=folder / "index")
    write_index(folder / "index")
    return folder


def command(folder, out, *arguments):
    words = ["align", "-r", folder / "g.ref", "--sample", "HG001", "-o", out, "-q", "-t", 1, *arguments]
    return run([str(word) for word in words])


@pytest.fixture(scope="module")
def made(folder):
    """Outputs of each aligner, with summary and metrics."""
    options = {
        "genomehub": READS,
        "bwa": ["--aligner", "bwa", *READS],
        "bwa-mem3": ["--aligner", "bwa-mem3", "--aligner-index", folder / "index", *READS],
        "bam": ["--aligner", "bam", folder / "genomehub.bam"],
    }
    for name, arguments in options.items():
        told = ["--json", folder / f"{name}.json", "--metrics", folder / f"{name}.txt"]
        assert command(folder, folder / f"{name}.bam", *told, *arguments) == 0
    return folder


def records(path, tags=("NM", "MD", "AS", "XS", "MC", "MQ", "RG")):
    """(name, READ2, supplementary part) -> what a record says, without the mark of duplicates."""
    found = {}
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        for r in file.fetch(until_eof=True):
            key = r.query_name, r.is_read2, r.query_alignment_start if r.is_supplementary else -1
            found[key] = (
                r.flag & ~0x400, r.reference_id, r.reference_start, r.mapping_quality, r.cigarstring,
                r.next_reference_id, r.next_reference_start, r.template_length,
                r.query_sequence, r.query_qualities,
                *(r.get_tag(tag) if r.has_tag(tag) else None for tag in tags),
            )  # fmt: skip
    return found


def text(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout


def without_cost(path):
    return {
        key: value
        for key, value in json.loads(path.read_text()).items()
        if "seconds" not in key and key != "peak_rss_bytes"
    }


def test_names__are_those_of_the_command_line():
    (option,) = [option for option in align_command.params if option.name == "aligner"]
    assert tuple(option.type.choices) == other_aligners.NAMES


@pytest.mark.parametrize("reads", [READS, READS[:1]], ids=["pairs", "single"])
def test_bwa__records_are_those_of_bwa_mem(folder, tmp_path, reads):
    assert command(folder, tmp_path / "out.bam", "--aligner", "bwa", *reads) == 0
    (tmp_path / "bwa.sam").write_text(text("bwa", "mem", "-v", "1", folder / "index", *reads))
    tags = ("NM", "MD", "AS", "XS")
    theirs, ours = records(tmp_path / "bwa.sam", tags), records(tmp_path / "out.bam", tags)
    assert ours.keys() == theirs.keys()
    for key, (flag, *fields) in ours.items():
        if flag & 4:  # bwa turns an unmapped read as its mate lies, and gives it scores
            assert tuple(fields[:2]) == theirs[key][1:3]
        elif flag & 8:
            assert (flag | 0x20, *fields) == (theirs[key][0] | 0x20, *theirs[key][1:])
        else:
            assert (flag, *fields) == theirs[key]


def test_bwa__index_is_built_once_in_the_reference(made):
    index = made / "g.ref" / "bwa" / "genome.bwt"
    before = index.stat().st_mtime_ns
    assert command(made, made / "again.bam", "--aligner", "bwa", *READS) == 0
    assert index.stat().st_mtime_ns == before
    assert (made / "again.bam").read_bytes() == (made / "bwa.bam").read_bytes()
    assert (
        command(made, made / "again.bam", "--aligner", "bwa", "--aligner-index", made / "index", *READS) == 0
    )
    assert (made / "again.bam").read_bytes() == (made / "bwa.bam").read_bytes()


def test_bwa__building_its_index_leaves_the_reference_as_old_as_it_was(tmp_path):
    (tmp_path / "h.fa").write_text(">h\n" + "".join(random.Random(5).choices("ACGT", k=2000)) + "\n")
    reference = build_reference(tmp_path / "h.fa", tmp_path / "h.ref")
    before = reference.path.stat().st_mtime_ns
    aligner = other_aligners.other_aligner("bwa", reference)
    assert aligner.prefix == str(tmp_path / "h.ref" / "bwa" / "genome")
    assert reference.path.stat().st_mtime_ns == before
    assert not [path for path in reference.path.iterdir() if path.name.startswith(".")]


def test_bwa_mem3__places_reads_as_bwa_does(made):
    bwa, mem3 = records(made / "bwa.bam"), records(made / "bwa-mem3.bam")
    assert len(bwa.keys() & mem3.keys()) > 0.998 * len(bwa)
    same = [bwa[key][1:5] == mem3[key][1:5] for key in bwa.keys() & mem3.keys() if bwa[key][3] >= 30]
    assert sum(same) >= 0.999 * len(same)


def test_bam__takes_over_what_we_wrote(made):
    assert (made / "bam.bam").exists()
    assert records(made / "bam.bam") == records(made / "genomehub.bam")
    assert text("samtools", "view", "-H", "--no-PG", made / "bam.bam") == text(
        "samtools", "view", "-H", "--no-PG", made / "genomehub.bam"
    )
    assert without_cost(made / "bam.json") | {"insert_sizes": 0} == without_cost(made / "genomehub.json") | {
        "insert_sizes": 0
    }
    assert (made / "bam.txt").read_text() == (made / "genomehub.txt").read_text()
    (ours,), (taken,) = (
        json.loads((made / f"{name}.json").read_text())["insert_sizes"].values()
        for name in ("genomehub", "bam")
    )
    assert abs(ours["mean_bp"] - taken["mean_bp"]) < 5


@pytest.mark.parametrize("name", ["genomehub", "bwa", "bwa-mem3", "bam"])
def test_every_aligner__same_header_tags_and_summary(made, name):
    with pysam.AlignmentFile(str(made / f"{name}.bam")) as file:
        header = file.header.to_dict()
        tags = [{tag for tag, _ in read.get_tags()} for read in file if read.is_proper_pair]
    with pysam.AlignmentFile(str(made / "genomehub.bam")) as file:
        assert header == file.header.to_dict()
    assert set.union(*tags) - {"SA", "XA"} == {"NM", "MD", "AS", "XS", "MC", "MQ", "RG"}
    summary = json.loads((made / f"{name}.json").read_text())
    assert summary.keys() == json.loads((made / "genomehub.json").read_text()).keys()
    assert summary["reads"] == 2 * 881
    assert summary["properly_paired"] > 1600
    assert all(300 < model["mean_bp"] < 500 for model in summary["insert_sizes"].values())
    assert (made / f"{name}.bam.bai").exists()


@pytest.mark.parity
@pytest.mark.parametrize("name", ["bwa", "bwa-mem3", "bam"])
def test_every_aligner__picard_finds_nothing_and_marks_the_same(made, name):
    if not (made / "g.dict").exists():
        text("samtools", "dict", made / "g.fa", "-o", made / "g.dict")
    picard, bam = "PicardCommandLine", made / f"{name}.bam"
    assert "No errors found" in text(
        picard, "ValidateSamFile", f"I={bam}", f"R={made / 'g.fa'}", "MODE=SUMMARY"
    )
    text(picard, "MarkDuplicates", f"I={bam}", f"O={made / 'p.bam'}", f"M={made / 'p.txt'}")
    ours, theirs = (
        {(r.query_name, r.is_read2) for r in pysam.AlignmentFile(str(path)) if r.is_duplicate}
        for path in (bam, made / "p.bam")
    )
    assert len(ours) == len(theirs) > 0
    assert len(ours ^ theirs) <= 0.1 * len(theirs)


@pytest.mark.parametrize("name", ["bwa", "bwa-mem3", "bam"])
def test_every_aligner__same_bytes_with_one_and_two_threads(made, tmp_path, name):
    lanes = [
        Lane(ReadGroup("g", "s", "l"), *READS),
        Lane(ReadGroup("h", "s", "l"), *MORE),
    ]
    if name == "bam":
        lanes = [
            Lane(ReadGroup("", "s", "l"), str(made / f"{source}.bam")) for source in ("bwa", "genomehub")
        ]
    index = str(made / "index") if name != "bam" else None
    config = SortConfig(templates_per_batch=300, spill_buffer_bytes=50_000)
    for threads in (1, 2):
        out = tmp_path / f"{threads}" / "out.bam"
        align(made / "g.ref", lanes, out, None, config, threads=threads, aligner=name, aligner_index=index)
    assert (tmp_path / "1" / "out.bam").read_bytes() == (tmp_path / "2" / "out.bam").read_bytes()
    assert [path.name for path in sorted((tmp_path / "1").iterdir())] == ["out.bam", "out.bam.bai"]


HEADER = {
    "HD": {"VN": "1.6"},
    "SQ": [{"SN": "chr20", "LN": 40_000}, {"SN": "decoy", "LN": 700}],
    "RG": [{"ID": "a", "SM": "x", "LB": "A", "PU": "u"}, {"ID": "b", "SM": "x"}],
}


def segment(name, flag, start=100, cigar="50M", contig=0, group="a", quality=60, mate=(-1, -1, 0), **tags):
    read = pysam.AlignedSegment(pysam.AlignmentHeader.from_dict(HEADER))
    read.query_name, read.flag, read.reference_id, read.reference_start = name, flag, contig, start
    read.mapping_quality, read.cigarstring = quality, cigar
    read.query_sequence = "ACGTTGCAAG" * 5
    read.query_qualities = pysam.qualitystring_to_array("I" * 50)
    read.next_reference_id, read.next_reference_start, read.template_length = mate
    if group:
        read.set_tag("RG", group)
    for tag, value in tags.items():
        read.set_tag(tag, value)
    return read


def clipped(read):
    """Only the last 20 bases, as a hard clip leaves them."""
    read.query_sequence = read.query_sequence[-20:]
    return read


def with_quality(read, quality):
    read.query_qualities = [quality] * 50
    return read


def long_read(name):
    read = segment(name, 0, cigar="1050M")
    read.query_sequence = "ACGTTGCAAG" * 105
    return read


def write(path, reads, header=HEADER, mode="wb"):
    with pysam.AlignmentFile(str(path), mode, header=header) as file:
        for read in reads:
            file.write(read)
    return path


def test_bam__groups_mates_and_leftovers_are_put_in_order(folder, tmp_path, capsys):
    mapped = segment("p", 0x1 | 0x40 | 0x400, mate=(0, 300, 250), AS=50, XS=7, NM=9)
    back = segment("p", 0x1 | 0x80 | 0x10, 300, mate=(0, 100, -250))
    part = clipped(segment("p", 0x1 | 0x40 | 0x800, 900, "30H20M"))
    reads = [
        segment("lonely", 0x1 | 0x2 | 0x40, 500, group="b", mate=(0, 700, 250)),
        mapped,
        segment("single", 0x10, 40, "10S40M", group="b"),
        segment("p", 0x1 | 0x40 | 0x100, 5000),
        back,
        part,
        segment("half", 0x1 | 0x4 | 0x80, 800, None, group="b"),
        segment("nowhere", 0x4, -1, None, contig=-1, quality=0),
        segment("half", 0x1 | 0x40 | 0x2 | 0x20, 800, group="b"),
        segment("gone", 0x800, 50),
    ]
    source = write(tmp_path / "in.bam", reads)
    words = ["align", "-r", folder / "g.ref", "--sample", "S", "--library", "B", "-o", tmp_path / "out.bam"]
    assert run([*map(str, words), "--aligner", "bam", str(source)]) == 0
    told = capsys.readouterr().err
    assert "in.bam: 1 reads lack their mates and are taken as single" in told
    assert "in.bam: 1 names lack a primary record and are left out" in told
    with pysam.AlignmentFile(str(tmp_path / "out.bam")) as file:
        groups = file.header.to_dict()["RG"]
        found = [
            (r.query_name, r.flag, r.reference_start, r.cigarstring, r.next_reference_start,
             r.template_length, r.get_tag("RG"))
            for r in file.fetch(until_eof=True)
        ]  # fmt: skip
        file.reset()
        (first,) = [
            r for r in file.fetch(until_eof=True) if r.flag == 0x1 | 0x40 | 0x20 and r.query_name == "p"
        ]
    assert groups == [
        {"ID": "a", "SM": "S", "LB": "A", "PL": "ILLUMINA", "PU": "u"},
        {"ID": "b", "SM": "S", "LB": "B", "PL": "ILLUMINA"},
    ]
    assert found == [
        ("single", 0x10, 40, "10S40M", -1, 0, "b"),
        ("p", 0x1 | 0x20 | 0x40, 100, "50M", 300, 250, "a"),
        ("p", 0x1 | 0x10 | 0x80, 300, "50M", 100, -250, "a"),
        ("lonely", 0, 500, "50M", -1, 0, "b"),
        ("half", 0x1 | 0x8 | 0x40, 800, "50M", 800, 0, "b"),
        ("half", 0x1 | 0x4 | 0x80, 800, None, 800, 0, "b"),
        ("p", 0x1 | 0x20 | 0x40 | 0x800, 900, "30H20M", 300, 0, "a"),
        ("nowhere", 0x4, -1, None, -1, 0, "a"),
    ]
    assert (first.get_tag("AS"), first.get_tag("XS")) == (50, 7)
    assert first.get_tag("NM") != 9


def test_bam__one_group_for_all_if_it_is_named(folder, tmp_path):
    source = write(
        tmp_path / "in.bam", [segment("a", 0), segment("b", 0, group="b"), segment("c", 0, group=None)]
    )
    group = ["--read-group", "ID=n,LB=m,PL=BGI,PU=q"]
    assert command(folder, tmp_path / "out.bam", "--aligner", "bam", *group, source) == 0
    with pysam.AlignmentFile(str(tmp_path / "out.bam")) as file:
        assert file.header.to_dict()["RG"] == [{"ID": "n", "SM": "HG001", "LB": "m", "PL": "BGI", "PU": "q"}]
        assert {read.get_tag("RG") for read in file} == {"n"}


def test_bam__absent_qualities_stay_absent(folder, tmp_path):
    plain = segment("a", 0)
    plain.query_qualities = None
    source = write(tmp_path / "in.bam", [plain, segment("b", 0x10)])
    assert command(folder, tmp_path / "out.bam", "--aligner", "bam", source) == 0
    with pysam.AlignmentFile(str(tmp_path / "out.bam")) as file:
        assert {read.query_name: read.query_qualities is None for read in file} == {"a": True, "b": False}


@pytest.mark.parametrize("name", ["in.sam", "in.cram", "by_name.bam", "unsorted.bam"])
def test_bam__any_format_and_order(made, tmp_path, name):
    source, out = made / "bwa.bam", tmp_path / name
    if name.endswith(".cram"):
        text("samtools", "view", "-C", "-T", made / "g.fa", "-o", out, source)
    elif name == "by_name.bam":
        text("samtools", "sort", "-n", "-o", out, source)
    elif name == "unsorted.bam":
        text("samtools", "collate", "-o", out, source)
    else:
        out.write_text(text("samtools", "view", "-h", source))
    assert command(made, tmp_path / "out.bam", "--aligner", "bam", out) == 0
    assert records(tmp_path / "out.bam") == records(source)


def test_bam__contigs_of_another_name(folder, tmp_path):
    source = write(tmp_path / "in.bam", [segment("a", 0)])
    assert command(folder, tmp_path / "out.bam", "--aligner", "bam", source) == 0
    with pysam.AlignmentFile(str(tmp_path / "out.bam")) as file:
        assert [read.reference_name for read in file] == ["20"]


NO_CONTIGS = {"HD": {"VN": "1.6"}, "RG": HEADER["RG"]}
OTHER_BUILD = {**HEADER, "SQ": [{"SN": "20", "LN": 63_025_520}]}
BAD_BAMS = {
    "two of a name": ([segment("a", 0), segment("a", 0)], 'read "a" has 2 primary alignments'),
    "lost contig": ([segment("a", 0, contig=1)], 'read "a" lies on contig "decoy", which'),
    "short CIGAR": ([segment("a", 0), clipped(segment("a", 0x800, cigar="29H20M"))], 'read "a" has a CIGAR'),
    "too far": ([segment("a", 0, 39_951)], 'read "a" has an alignment that reaches beyond'),
    "long read": ([long_read("a")], 'read "a" has 1050 bases, and at most 1000 are taken'),
    "strange quality": ([with_quality(segment("a", 0), 94)], 'read "a" has a base quality of 94'),
    "no group": ([segment("a", 0), segment("c", 0, group=None)], 'read "c" has no read group of the header'),
    "unknown group": ([segment("a", 0, group="zz")], 'read "a" has no read group of the header'),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD_BAMS)
def test_bam__bad_records_leave_no_output(folder, tmp_path, capsys, fault):
    reads, sentence = BAD_BAMS[fault]
    source = write(tmp_path / "in.bam", reads, mode="wb")
    assert command(folder, tmp_path / "out.bam", "--aligner", "bam", source) == 3
    message = capsys.readouterr().err
    assert f"in.bam: {sentence}" in message
    assert [path.name for path in tmp_path.iterdir()] == ["in.bam"]


@pytest.mark.parametrize(
    ("header", "sentence"),
    [(NO_CONTIGS, "holds reads without alignments"), (OTHER_BUILD, "the file is of another build")],
)
def test_bam__headers_that_do_not_fit(folder, tmp_path, capsys, header, sentence):
    read = segment("a", 4, -1, None, contig=-1)
    source = write(tmp_path / "in.bam", [read], header)
    assert command(folder, tmp_path / "out.bam", "--aligner", "bam", source) == 3
    assert sentence in capsys.readouterr().err


def test_bam__cut_off_or_none(made, tmp_path, capsys):
    whole = (made / "bwa.bam").read_bytes()
    (tmp_path / "cut.bam").write_bytes(whole[:-5000])
    (tmp_path / "hole.bam").write_bytes(whole[:60_000] + bytes(50) + whole[60_050:])
    (tmp_path / "no.bam").write_text("nothing of the kind")
    for name, sentence in (
        ("cut.bam", "cannot be read as SAM, BAM"),
        ("no.bam", "cannot be read as SAM, BAM"),
        ("hole.bam", "Check that the file is whole"),
    ):
        assert command(made, tmp_path / "out.bam", "--aligner", "bam", tmp_path / name) == 3
        assert f"{name}: " in (message := capsys.readouterr().err)
        assert sentence in message


def test_packages__absent_ones_are_named(folder, tmp_path, capsys, monkeypatch):
    for module in ("pybwa", "bwa_mem3"):
        monkeypatch.setitem(sys.modules, module, None)
    other_aligners._open_bwa.cache_clear()
    for name in ("bwa", "bwa-mem3"):
        arguments = ["--aligner", name, "--aligner-index", folder / "none", *READS]
        assert command(folder, tmp_path / "out.bam", *arguments) == 2
        assert f"python -m pip install 'genomehub[{name}]'" in capsys.readouterr().err


BAD_ARGUMENTS = {
    "index of bam": (2, ["bam", "--aligner-index", "i", *READS[:1]], "--aligner bam uses no such index"),
    "our index": (2, ["genomehub", "--aligner-index", "i", *READS], "--aligner genomehub uses no such index"),
    "no index": (2, ["bwa-mem3", *READS], "needs an index, which its bindings do not build"),
    "index not there": (3, ["bwa-mem3", "--aligner-index", "none", *READS], "none.0123: no such part"),
    "bwa's not there": (3, ["bwa", "--aligner-index", "none", *READS], "none: no whole index of bwa"),
    "two files": (2, ["bam", *READS], "--aligner bam takes one file a lane"),
    "no ID": (2, ["bam", "--read-group", "LB=x", READS[0]], "needs an ID"),
    "no file": (3, ["bam", "none.bam"], "none.bam: no such BAM or CRAM file"),
}


@pytest.mark.parametrize("fault", BAD_ARGUMENTS)
def test_align__bad_arguments(folder, tmp_path, capsys, fault):
    code, arguments, sentence = BAD_ARGUMENTS[fault]
    assert command(folder, tmp_path / "out.bam", "--aligner", *arguments) == code
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_bwa_mem3__single_reads_are_refused(folder, tmp_path, capsys):
    arguments = ["--aligner", "bwa-mem3", "--aligner-index", folder / "index", READS[0]]
    assert command(folder, tmp_path / "out.bam", *arguments) == 2
    assert "the bindings of bwa-mem3 align pairs only" in capsys.readouterr().err


def test_bwa__index_of_another_genome(folder, tmp_path):
    (tmp_path / "h.fa").write_text(">20\n" + "ACGTTGCATT" * 100 + "\n")
    build_reference(tmp_path / "h.fa", tmp_path / "h.ref")
    lanes = [Lane(ReadGroup("g", "s", "l"), *READS)]
    index = str(folder / "index")
    for name in ("bwa", "bwa-mem3"):
        with pytest.raises(InputError, match="the file is of another build"):
            align(tmp_path / "h.ref", lanes, tmp_path / "out.bam", aligner=name, aligner_index=index)


def test_collated_chunks__no_template_is_cut(made, tmp_path):
    text("samtools", "collate", "-o", tmp_path / "c.bam", made / "bwa.bam")
    sizes = [
        int(other_aligners.number_templates(data, other_aligners.record_starts(data))[-1]) + 1
        for data in other_aligners._template_chunks(tmp_path / "c.bam", 100)
    ]
    assert sizes == [100] * 8 + [81]
    assert list(itertools.accumulate(sizes))[-1] == 881


@pytest.mark.parametrize("seed", range(4))
def test_bam__mutated_records_end_in_a_file_or_a_sentence(folder, tmp_path, capsys, seed):
    """Bytes changed behind the checksums of BGZF: htslib or we refuse, or the output is whole."""
    rng = random.Random(seed)
    source = write(tmp_path / "in.bam", [segment(f"r{i}", 0, 100 + i, AS=i, XX="text") for i in range(20)])
    whole = gzip.decompress(source.read_bytes())
    n_refused = 0
    for _ in range(12):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            damaged[rng.randrange(300, len(damaged))] = rng.randrange(256)
        blocks = [*bgzf.compress(np.frombuffer(bytes(damaged), np.uint8), 1), bgzf.EOF_BLOCK]
        (tmp_path / "bad.bam").write_bytes(b"".join(bytes(block) for block in blocks))
        code = command(folder, tmp_path / "out.bam", "--aligner", "bam", tmp_path / "bad.bam")
        n_refused += code != 0
        if code != 0:
            assert "bad.bam" in capsys.readouterr().err
            continue
        text("samtools", "quickcheck", tmp_path / "out.bam")
        assert len(records(tmp_path / "out.bam")) <= 20
    assert n_refused > 0


def test_bam__two_files_with_one_group_that_differs(folder, tmp_path, capsys):
    one = write(tmp_path / "one.bam", [segment("a", 0)])
    other = {**HEADER, "RG": [{"ID": "a", "SM": "x", "LB": "C"}]}
    two = write(tmp_path / "two.bam", [segment("a", 0)], other)
    lanes = ["--lane", "-", one, "-", "--lane", "-", two, "-"]
    assert command(folder, tmp_path / "out.bam", "--aligner", "bam", *lanes) == 2
    assert 'two.bam: its read group "a" is in another file with other fields' in capsys.readouterr().err
    lanes[5] = "ID=b"
    assert command(folder, tmp_path / "out.bam", "--aligner", "bam", *lanes) == 0
    with pysam.AlignmentFile(str(tmp_path / "out.bam")) as file:
        assert [read.get_tag("RG") for read in file] == ["a", "b"]

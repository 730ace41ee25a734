"""``genomehub align`` with every kind of input: nothing is lost, whatever way the reads come."""

import gzip
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pysam
import pytest
from builders.reads import mutate, random_codes, real_slice, reverse_complement

from genomehub.cli import run
from genomehub.config import SortConfig
from genomehub.formats.alignment_reads import open_lane
from genomehub.pipeline.align import align
from genomehub.types import ReadGroup

pytestmark = pytest.mark.integration

DATA = Path("reference_data")
READS = [str(DATA / "trio" / f"HG001_R{end}.fastq.gz") for end in (1, 2)]
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
TRUSEQ = ("AGATCGGAAGAGCACACGTCTGAACTCCAGTCA", "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference") / "slice.ref"
    assert run(["reference", "build", str(DATA / "b37.20_9.5-10.5M.fa.gz"), "-o", str(folder), "-q"]) == 0
    return str(folder)


def command(reference, out, *arguments):
    return run(["align", "-r", reference, "--sample", "S", "-o", str(out), "-q", *map(str, arguments)])


def records(path):
    with pysam.AlignmentFile(str(path)) as file:
        return list(file.fetch(until_eof=True))


def as_sequenced(read):
    """Name, end, bases and qualities of a primary record."""
    bases, quals = read.query_sequence or "", read.query_qualities
    quals = tuple(quals) if quals is not None else ()
    if read.is_reverse:
        bases, quals = bases[::-1].translate(COMPLEMENT), quals[::-1]
    return read.query_name, read.is_read2, bases, quals


def contents(path):
    return Counter(as_sequenced(read) for read in records(path) if not read.flag & 0x900)


def fastq_reads(path):
    lines = gzip.decompress(Path(path).read_bytes()).decode().splitlines()
    return [
        (lines[i][1:].split()[0].split("/")[0], lines[i + 1], lines[i + 3]) for i in range(0, len(lines), 4)
    ]


def write_ubam(path, pairs, group=None, extra=()):
    header = {"HD": {"VN": "1.6", "SO": "unsorted"}, "RG": [{"ID": group, "SM": "x"}] if group else []}
    head = pysam.AlignmentHeader.from_dict(header)
    with pysam.AlignmentFile(str(path), "wb", header=head) as out:
        for mates in [*pairs, *extra]:
            for flag, (name, bases, quals) in zip((77, 141) if len(mates) == 2 else (4,), mates, strict=True):
                read = pysam.AlignedSegment(head)
                read.query_name, read.flag, read.query_sequence = name, flag, bases
                read.query_qualities = pysam.qualitystring_to_array(quals)
                if group:
                    read.set_tag("RG", group)
                read.set_tag("RX", "ACGT")
                out.write(read)
    return path


@pytest.fixture(scope="module")
def plain_output(reference, tmp_path_factory):
    out = tmp_path_factory.mktemp("plain") / "out.bam"
    assert command(reference, out, "--read-group", "ID=g", *READS) == 0
    return out


def test_align__interleaved_gives_the_same_bytes(reference, tmp_path, plain_output):
    text = "".join(
        f"@{name} x\n{bases}\n+\n{quals}\n"
        for pair in zip(*map(fastq_reads, READS), strict=True)
        for name, bases, quals in pair
    )
    (tmp_path / "both.fq.gz").write_bytes(gzip.compress(text.encode()))
    for name, arguments in {
        "a.bam": ["--interleaved", "--read-group", "ID=g", tmp_path / "both.fq.gz"],
        "b.bam": ["--lane", "ID=g", tmp_path / "both.fq.gz", "="],
    }.items():
        assert command(reference, tmp_path / name, *arguments) == 0
        assert (tmp_path / name).read_bytes() == plain_output.read_bytes()


def strip_tags(read, *tags):
    for tag in tags:
        read.set_tag(tag, None)
    return read.to_string()


def test_align__unaligned_bam_equals_fastq(reference, tmp_path, plain_output):
    pairs = list(zip(*map(fastq_reads, READS), strict=True))
    path = write_ubam(tmp_path / "u.bam", pairs, group="g")
    assert command(reference, tmp_path / "out.bam", path) == 0
    found = records(tmp_path / "out.bam")
    assert all(read.get_tag("RX") == "ACGT" for read in found)
    assert [strip_tags(r, "RX") for r in found] == [strip_tags(r, "RX") for r in records(plain_output)]


@pytest.mark.parametrize("kind", ["bam", "cram"])
def test_align__aligned_reads_again(reference, tmp_path, plain_output, kind):
    """From a sorted file with other contig names; duplicates and places are found anew."""
    fasta = Path(reference) / "genome.fa.gz"
    text = pysam.view("-h", str(plain_output)).replace("SN:20\t", "SN:chr20\t").replace("\t20\t", "\tchr20\t")
    (tmp_path / "old.sam").write_text(text)
    own = tmp_path / "own.fa"
    own.write_text(gzip.decompress(fasta.read_bytes()).decode().replace(">20", ">chr20"))
    options = ["-b"] if kind == "bam" else ["-C", "-T", str(own)]
    pysam.view(
        "--no-PG",
        *options,
        "-o",
        str(tmp_path / f"old.{kind}"),
        str(tmp_path / "old.sam"),
        catch_stdout=False,
    )
    own.unlink()
    assert (
        command(reference, tmp_path / "new.bam", tmp_path / f"old.{kind}", "--json", tmp_path / "new.json")
        == 0
    )
    assert contents(tmp_path / "new.bam") == contents(plain_output)
    places = [
        Counter(
            (r.query_name, r.flag & 0xC0, r.reference_start, r.cigarstring)
            for r in records(path)
            if r.mapping_quality > 20
        )
        for path in (tmp_path / "new.bam", plain_output)
    ]
    assert places[0] == places[1]
    assert json.loads((tmp_path / "new.json").read_text())["orphans"] == 0


def test_align__orphans_and_single_reads_same_bytes_with_two_threads(reference, tmp_path):
    pairs = list(zip(*map(fastq_reads, READS), strict=True))
    path = write_ubam(tmp_path / "u.bam", pairs[:300], None, [(mate,) for mate, _ in pairs[300:340]])
    half = tmp_path / "half.bam"
    pysam.view("--no-PG", "-b", "-F", "0x80", "-o", str(half), str(path), catch_stdout=False)
    config = SortConfig(templates_per_batch=70)
    for threads in (1, 2):
        lanes = [open_lane(str(p), ReadGroup(p.stem, "S", "l")) for p in (path, half)]
        summary = align(reference, lanes, tmp_path / f"{threads}.bam", None, config, threads=threads)
        assert summary.reads == 640 + 340
        assert summary.orphans == 300
    assert (tmp_path / "1.bam").read_bytes() == (tmp_path / "2.bam").read_bytes()
    paired = Counter(
        (r.get_tag("RG"), r.is_paired) for r in records(tmp_path / "1.bam") if not r.flag & 0x900
    )
    assert paired == {("u", True): 600, ("u", False): 40, ("half", False): 340}


def simulated(rng, n, lengths, insert):
    """Pairs ((bases, bases), start) of the slice; templates of ``insert`` bp, read through into adapters."""
    slice_codes = real_slice(500_000, 560_000)
    for _ in range(n):
        size = int(rng.integers(*insert))
        start = int(rng.integers(0, slice_codes.size - size))
        inside = slice_codes[start : start + size]
        if (inside > 3).any():
            continue
        mates = []
        for end, codes in enumerate((inside, reverse_complement(inside))):
            length = int(rng.integers(*lengths))
            text = "".join("ACGTN"[c] for c in mutate(rng, codes[:length], 0.005))
            mates.append((text + TRUSEQ[end] + "G" * length)[:length])
        yield mates, 10_000_000 + start


def write_pairs(folder, pairs, comment=""):
    paths = []
    for end in (0, 1):
        paths.append(folder / f"R{end + 1}.fq")
        paths[-1].write_text(
            "".join(f"@r{i}{comment}\n{m[end]}\n+\n{'I' * len(m[end])}\n" for i, m in enumerate(pairs))
        )
    return paths


def test_align__reads_of_30_to_500_in_one_file(reference, tmp_path):
    pairs = list(simulated(np.random.default_rng(1), 400, (30, 501), (500, 900)))
    paths = write_pairs(tmp_path, [mates for mates, _ in pairs])
    assert command(reference, tmp_path / "out.bam", *paths) == 0
    primary = [r for r in records(tmp_path / "out.bam") if not r.flag & 0x900]
    given = Counter(bases for mates, _ in pairs for bases in mates)
    assert Counter(as_sequenced(r)[2] for r in primary) == given
    assert {len(bases) for bases in given} >= {30, 500} or max(map(len, given)) > 490
    assert sum(r.is_proper_pair for r in primary) > 0.97 * len(primary)


def test_align__trimming_clips_and_loses_no_base(reference, tmp_path):
    pairs = list(simulated(np.random.default_rng(2), 400, (150, 151), (60, 400)))
    paths = write_pairs(tmp_path, [mates for mates, _ in pairs])
    options = ["--trim-adapters", "--trim-poly-g", "10", "--json", tmp_path / "out.json"]
    assert command(reference, tmp_path / "out.bam", *options, *paths) == 0
    primary = [r for r in records(tmp_path / "out.bam") if not r.flag & 0x900]
    assert Counter(as_sequenced(r)[2] for r in primary) == Counter(b for mates, _ in pairs for b in mates)
    told = json.loads((tmp_path / "out.json").read_text())["trimmed"]
    assert told["adapter_reads"] > 0
    assert told["poly_g_reads"] > 0
    assert set(told) == {"adapter_reads", "adapter_bases", "poly_g_reads", "poly_g_bases"}
    assert sum(r.is_proper_pair for r in primary) > 0.97 * len(primary)
    for read in primary:
        if read.is_unmapped or not 0 < abs(read.template_length) < 150:
            continue
        start = read.reference_start if not read.is_reverse else read.reference_end
        assert read.query_alignment_length <= abs(read.template_length), (read.query_name, start)
    assert command(reference, tmp_path / "off.bam", "--json", tmp_path / "off.json", *paths) == 0
    assert json.loads((tmp_path / "off.json").read_text())["trimmed"] is None


def test_align__trims_single_reads_by_known_adapters(reference, tmp_path):
    codes = real_slice(510_000, 510_100)
    text = "".join("ACGTN"[c] for c in codes) + TRUSEQ[0] + "A" * 17
    (tmp_path / "r.fq").write_text(f"@r\n{text}\n+\n{'I' * len(text)}\n")
    assert command(reference, tmp_path / "out.bam", "--trim-adapters", tmp_path / "r.fq") == 0
    (read,) = records(tmp_path / "out.bam")
    assert read.cigarstring == "100M50S"
    assert read.query_sequence == text


def test_align__comments_become_tags(reference, tmp_path, capsys):
    rng = np.random.default_rng(3)
    pairs = [mates for mates, _ in simulated(rng, 50, (100, 101), (300, 400))]
    pairs.append(["".join("ACGT"[c] for c in random_codes(rng, 100))] * 2)
    paths = write_pairs(tmp_path, pairs, " BX:Z:ACGT-1\tXN:i:-5")
    assert command(reference, tmp_path / "out.bam", "--comments", *paths) == 0
    found = records(tmp_path / "out.bam")
    assert len(found) >= 2 * len(pairs)
    assert all(r.get_tag("BX") == "ACGT-1" and r.get_tag("XN") == -5 for r in found)
    assert command(reference, tmp_path / "no.bam", *paths) == 0
    assert not any(r.has_tag("BX") for r in records(tmp_path / "no.bam"))
    capsys.readouterr()
    assert (
        command(reference, tmp_path / "bad.bam", "--comments", *write_pairs(tmp_path, pairs, " 1:N:0:AC"))
        == 3
    )
    assert (
        "R1.fq, record 1 (read \"r0\"): the comment holds '1:N:0:AC', but --comments takes"
        in capsys.readouterr().err
    )
    assert not (tmp_path / "bad.bam").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (
            ["--interleaved", *READS],
            2,
            "--interleaved means that READS1 holds both mates, but 2 files were given",
        ),
        (["u.bam", READS[1]], 2, "u.bam: is BAM, which holds both mates, but"),
        (["--interleaved", "u.bam"], 2, "u.bam: is BAM, which holds both mates, but '=' was given"),
        (["--interleaved", READS[0]], 3, "ends after"),
        (["none.bam"], 3, "none.bam: no such FASTQ, BAM or CRAM file"),
    ],
)
def test_align__bad_inputs(reference, tmp_path, monkeypatch, capsys, arguments, code, sentence):
    write_ubam(tmp_path / "u.bam", [])
    arguments = [
        str(tmp_path / a) if a == "u.bam" else str(Path(a).resolve()) if a in READS else a for a in arguments
    ]
    assert command(reference, tmp_path / "out.bam", *arguments) == code
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out.bam").exists()

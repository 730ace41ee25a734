"""benchmarks/aligners.py from end to end with small numbers; its reads beside the genome they are from."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pysam
import pytest

pytestmark = pytest.mark.parity

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def run(program, *arguments):
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / program), *map(str, arguments)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    """A contig of 60 kbp with an underscore in its name, and a phased VCF with SNVs and long indels."""
    folder = tmp_path_factory.mktemp("genome")
    bases = np.random.default_rng(2).choice(list("ACGT"), 60_000)
    text = "".join(bases)
    (folder / "g.fa").write_text(f">c_1\n{text}\n")
    rows = []
    for number, at in enumerate(range(500, 59_000, 500)):
        genotype = ("0|1", "1|0", "1|1")[number % 3]
        ref, alt = [
            (text[at], "ACGT"["TGCA".index(text[at])]),
            (text[at], text[at] + "ACGTTGCAAC" * 6),
            (text[at : at + 41], text[at]),
        ][number % 3]
        rows.append(f"c_1\t{at + 1}\t.\t{ref}\t{alt}\t.\tPASS\t.\tGT\t{genotype}\n")
    head = (
        "##fileformat=VCFv4.2\n##contig=<ID=c_1,length=60000>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
    )
    (folder / "v.vcf").write_text(head + "".join(rows))
    pysam.tabix_index(str(folder / "v.vcf"), preset="vcf", force=True)
    return folder, text


@pytest.mark.parametrize("length", [100, 150])
def test_simulate_reads__names_tell_the_truth(genome, length):
    folder, text = genome
    options = ["--vcf", folder / "v.vcf.gz", "--pairs", 1000, "--length", length]
    prefixes = folder / f"a{length}", folder / f"b{length}"
    for prefix in prefixes:
        run("simulate_reads.py", folder / "g.fa", prefix, *options)
    for end in (1, 2):
        paths = [Path(f"{prefix}_R{end}.fq.gz") for prefix in prefixes]
        assert paths[0].read_bytes() == paths[1].read_bytes()
        lines = gzip.decompress(paths[0].read_bytes()).decode().splitlines()
        assert len(lines) == 4000
        agree = strands = 0
        for name, read in zip(lines[::4], lines[1::4], strict=True):
            assert len(read) == length
            haplotype_and_contig, *places, _ = name[1:].rsplit("_", 5)
            assert haplotype_and_contig in ("h1_c_1", "h2_c_1")
            place, reverse = places[2 * end - 2], int(places[2 * end - 1])
            first, last = map(int, place.split("-"))
            strands += reverse
            read = read.translate(COMPLEMENT)[::-1] if reverse else read
            # the first and the last bases lie where the name says, unless a variant is among them
            head, tail = text[first - 1 : first + 19], text[last - 20 : last]
            agree += sum(a == b for a, b in zip(read[:20], head, strict=True)) >= 18
            agree += sum(a == b for a, b in zip(read[-20:], tail, strict=True)) >= 18
        assert agree > 1_700  # an insertion of 60 bp every 1,500 bp
        assert 400 < strands < 600


def test_bwa_mem2_index__by_hand(tmp_path):
    """Every part of the index beside what sorting all suffixes says."""
    text = "".join(np.random.default_rng(3).choice(list("ACGT"), 999)) + "ACACACACAC" * 20
    (tmp_path / "g.fa").write_text(f">a\n{text}\n")
    subprocess.run(["bwa", "index", str(tmp_path / "g.fa")], check=True, capture_output=True)
    run("bwa_mem2_index.py", tmp_path / "g.fa")
    both = text + text.translate(COMPLEMENT)[::-1]
    n = len(both) + 1
    suffixes = sorted(range(n), key=lambda place: both[place:])  # the end of the text sorts first
    assert (tmp_path / "g.fa.0123").read_bytes() == bytes("ACGT".index(base) for base in both)
    raw = (tmp_path / "g.fa.bwt.2bit.64").read_bytes()
    numbers = np.frombuffer(raw[:48], np.int64).tolist()
    assert numbers == [n, *(sum(both.count(b) for b in "ACGT"[:k]) for k in range(5))]
    blocks = np.frombuffer(raw[48 : 48 + 64 * (n // 64 + 1)], np.uint64).reshape(-1, 8)
    before = "".join(both[place - 1] if place else "$" for place in suffixes)
    for block, row in enumerate(range(0, n, 64)):
        assert blocks[block, :4].tolist() == [before[:row].count(base) for base in "ACGT"]
        for base, word in zip("ACGT", blocks[block, 4:].tolist(), strict=True):
            stands = "".join("1" if c == base else "0" for c in before[row : row + 64])
            assert word == int(stands.ljust(64, "0"), 2)
    rest = raw[48 + 64 * (n // 64 + 1) :]
    places = np.frombuffer(rest[n // 8 + 1 : 5 * (n // 8 + 1)], np.uint32)
    assert places[: -(-n // 8)].tolist() == suffixes[::8]
    assert int.from_bytes(rest[-8:], "little") == suffixes.index(0)


def test_quick__all_of_it_and_resumes(tmp_path):
    history = tmp_path / "rows.jsonl"
    options = ["quick", "--folder", tmp_path / "f", "--pairs", 300, "--json", history]
    options += ["--aligners", "genomehub", "bwa"]
    first = run("aligners.py", *options)
    rows = [json.loads(line) for line in history.read_text().splitlines()]
    tasks = [row["task"].removeprefix("aligners.") for row in rows]
    assert tasks == ["index", "index", "align", "align", "accuracy", "accuracy", "sharing", "real", "profile"]
    assert all(row["git_sha"] and row["machine"]["cores"] for row in rows)
    speed, accuracy, real, profile = rows[2], rows[4], rows[-2], rows[-1]
    assert speed["ratio"] == 1
    assert speed["seconds"] > speed["fixed_seconds"] * 0.5
    assert accuracy["reads"] == 600
    assert accuracy["right_percent"] > 95
    assert real["near_percent"] > 99
    assert real["duplicates"]["samtools"]["equal_percent"] > 99.9
    # A stage that the pipeline no longer has belongs into STAGES of benchmarks/aligner_profile.py.
    assert profile["missing"] == []
    assert profile["stages"]["seeds and chains"] > 0
    assert sum(profile["stages"].values()) == pytest.approx(profile["seconds"])
    assert (tmp_path / "f" / "tiny-2x150-mapping-quality.png").stat().st_size > 10_000
    assert "repeat 1" in first.stderr
    again = run("aligners.py", "compare", "--genome", "tiny", *options[1:])
    assert "repeat" not in again.stderr
    reads = [tmp_path / "f" / "tiny" / f"reads150x300_R{end}.fq.gz" for end in (1, 2)]
    sizes = run(
        "aligners.py", "sizes", *options[1:5], "--genome", "tiny", "--large", "tiny", "--large-reads", *reads
    )
    name, small, large, ratio = sizes.stdout.splitlines()[-1].split()
    assert name == "median"
    assert float(ratio) == pytest.approx(float(small) / float(large), abs=0.01)
    assert "Placement of simulated reads" in again.stdout


def test_compare__names_what_is_lacking(tmp_path):
    result = subprocess.run(
        [sys.executable, str(BENCHMARKS / "aligners.py"), "compare", "--folder", str(tmp_path)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 2
    assert "one of the arguments --genome --reference is required" in result.stderr

"""Soft-masked and ambiguous bases, of the reference and of reads: case is nothing, ambiguity is N."""

import random
import subprocess
from pathlib import Path

import pysam
import pytest

from genomehub.formats.fastq import Lane
from genomehub.pipeline.align import align
from genomehub.pipeline.reference import build_reference
from genomehub.types import ReadGroup

pytestmark = pytest.mark.integration

DATA = Path("reference_data")
READS = [DATA / "trio" / f"HG001_R{end}.fastq.gz" for end in (1, 2)]
CODES = "RYSWKMBDHV"


def genome():
    """40 kb that the reads come from, with an ambiguity code about every 150 bp."""
    rng = random.Random(11)
    with pysam.FastaFile(str(DATA / "b37.20_9.5-10.5M.fa.gz")) as file:
        letters = list(file.fetch("20", 9_985_000, 10_025_000).upper())
    for at in rng.sample(range(len(letters)), len(letters) // 150):
        letters[at] = rng.choice(CODES)
    return "".join(letters)


def soft_masked(text):
    """Every other 100 bases in lower case."""
    return "".join(
        text[i : i + 100].lower() if i % 200 else text[i : i + 100] for i in range(0, len(text), 100)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ambiguous")
    text = genome()
    as_n = text.translate(dict.fromkeys(map(ord, CODES), "N"))
    for name, sequence in {"upper": text, "masked": soft_masked(text), "n": as_n}.items():
        (folder / f"{name}.fa").write_text(f">20\n{sequence}\n")
        build_reference(folder / f"{name}.fa", folder / f"{name}.ref")
        run(folder, name)
    return folder


def run(folder, name, reads=READS, reference=None, suffix="bam"):
    lanes = [Lane(ReadGroup("g", "s", "l"), *map(str, reads))]
    out = folder / f"{name}.{suffix}"
    align(folder / f"{reference or name}.ref", lanes, out, threads=1)
    return out


def records(path):
    with pysam.AlignmentFile(str(path)) as file:
        return list(file.fetch(until_eof=True))


def test_reference__case_is_nothing(folder):
    assert (folder / "masked.bam").read_bytes() == (folder / "upper.bam").read_bytes()
    with pysam.FastaFile(str(folder / "masked.ref" / "genome.fa.gz")) as file:
        assert file.fetch("20") == genome()


def test_reference__ambiguity_codes_align_as_n(folder):
    def place(r):
        return (
            r.query_name, r.flag, r.reference_start, r.mapping_quality, r.cigarstring, r.template_length,
            *(r.get_tag(tag) if r.has_tag(tag) else None for tag in ("NM", "AS", "XS")),
        )  # fmt: skip

    ours, as_n = records(folder / "upper.bam"), records(folder / "n.bam")
    assert list(map(place, ours)) == list(map(place, as_n))
    told = [r.get_tag("MD") for r in ours if r.has_tag("MD")]
    assert set("".join(told)) >= set(CODES)
    assert [text.translate(dict.fromkeys(map(ord, CODES), "N")) for text in told] == [
        r.get_tag("MD") for r in as_n if r.has_tag("MD")
    ]


@pytest.mark.parity
def test_reference__samtools_and_picard_count_the_same(folder):
    fasta = folder / "masked.fa"
    for words in (["samtools", "faidx", fasta], ["samtools", "dict", "-o", folder / "masked.dict", fasta]):
        subprocess.run([*map(str, words)], check=True)
    done = subprocess.run(
        ["samtools", "calmd", "-b", str(folder / "masked.bam"), str(fasta)], check=True, capture_output=True
    )
    assert b"different" not in done.stderr
    judged = subprocess.run(
        ["PicardCommandLine", "ValidateSamFile", f"I={folder / 'masked.bam'}", f"R={fasta}", "MODE=SUMMARY"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "No errors found" in judged.stdout


def test_reference__cram_gives_the_records_back(folder):
    cram = run(folder, "masked", suffix="cram")
    fasta = str(folder / "masked.ref" / "genome.fa.gz")
    with pysam.AlignmentFile(str(cram), reference_filename=fasta) as file:
        found = [(r.query_name, r.flag, r.cigarstring, r.query_sequence) for r in file.fetch(until_eof=True)]
    expected = [
        (r.query_name, r.flag, r.cigarstring, r.query_sequence) for r in records(folder / "masked.bam")
    ]
    assert found == expected


def test_reads__case_is_nothing_and_ambiguity_codes_are_n(folder, tmp_path):
    rng, changed = random.Random(2), {"codes": [], "n": []}
    for end, path in enumerate(READS, start=1):
        texts = {"codes": [], "n": []}
        with pysam.FastxFile(str(path)) as file:
            for read in file:
                letters = list(read.sequence)
                letters[rng.randrange(len(letters))] = rng.choice(CODES)
                text = "".join(letters)
                as_n = text.translate(dict.fromkeys(map(ord, CODES), "N"))
                texts["codes"].append(f"@{read.name}\n{soft_masked(text)}\n+\n{read.quality}\n")
                texts["n"].append(f"@{read.name}\n{as_n}\n+\n{read.quality}\n")
        for name, lines in texts.items():
            changed[name].append(tmp_path / f"{name}_{end}.fq")
            changed[name][-1].write_text("".join(lines))
    paths = [run(folder, f"reads-{name}", reads, "upper") for name, reads in changed.items()]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    mapped = [r for r in records(paths[0]) if r.is_proper_pair]
    assert len(mapped) > 1500
    assert {letter for r in mapped for letter in r.query_sequence} == set("ACGTN")

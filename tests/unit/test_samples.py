"""The sample sheet: what it may hold, and that each mistake is told by row and column."""

import os
from pathlib import Path

import pytest

from genomehub.errors import ConfigError, InputError, NotFoundError
from genomehub.pipeline.samples import read_samples
from genomehub.pipeline.workflow import read_schema

HEADER = "sample\tread_group\tfastq_1\tfastq_2\talignments\tsex\tlibrary\ttruth\tconfident"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "a_R1.fq.gz",
        "a_R2.fq.gz",
        "b_R1.fq",
        "b_R2.fq",
        "x.bam",
        "x.bam.bai",
        "y.cram",
        "t.vcf.gz",
    ):
        (tmp_path / name).write_bytes(b"content")
    (tmp_path / "c.bed").write_bytes(b"")
    return tmp_path


def sheet(folder: Path, *rows: str, header: str = HEADER, name: str = "samples.tsv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *(row.replace("|", "\t") for row in rows)]) + "\n")
    return path


def read(path: Path):
    return read_samples(path, read_schema("samples"))


def test_read_samples__two_lanes_and_a_truth(folder):
    first, second = read(
        sheet(
            folder,
            "NA1|L1|a_R1.fq.gz|a_R2.fq.gz||female|lib1|t.vcf.gz|c.bed",
            "NA1||b_R1.fq",
            "NA2||||x.bam|male",
        )
    )
    assert [lane.read_group for lane in first.lanes] == ["L1", "NA1.2"]
    assert [lane.library for lane in first.lanes] == ["lib1", "NA1"]
    assert first.lanes[0].files == [folder / "a_R1.fq.gz", folder / "a_R2.fq.gz"]
    assert first.lanes[1].fastq_2 is None
    assert (first.sex, first.truth, first.confident) == ("female", folder / "t.vcf.gz", folder / "c.bed")
    assert (second.alignments, second.lanes, second.sex) == (folder / "x.bam", (), "male")


def test_read_samples__spreadsheet_habits(folder):
    """A byte-order mark, CRLF, quotes, spaces, comments, empty rows, another order of columns, commas."""
    path = folder / "samples.csv"
    path.write_bytes(
        b'\xef\xbb\xbffastq_1, sample ,fastq_2\r\n\r\n# lane one\r\n"a_R1.fq.gz", NA1 ,a_R2.fq.gz\r\n'
    )
    (sample,) = read(path)
    assert sample.name == "NA1"
    assert sample.lanes[0].files == [folder / "a_R1.fq.gz", folder / "a_R2.fq.gz"]


def test_read_samples__paths_are_relative_to_the_sheet(folder, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    path = sheet(folder, "NA1||a_R1.fq.gz")
    assert read(Path(os.path.relpath(path)))[0].lanes[0].fastq_1.samefile(folder / "a_R1.fq.gz")


def test_read_samples__bam_to_align_anew(folder):
    (folder / "old.bam").write_bytes(b"x")
    (sample,) = read(sheet(folder, "NA1||old.bam"))
    assert sample.alignments is None
    assert sample.lanes[0].files == [folder / "old.bam"]


WRONG_FORM = {
    "name with a space": (
        ["NA 1||a_R1.fq.gz"],
        r'row 2, column sample: "NA 1" found; expected a name of letters',
    ),
    "name with a slash": (["../x||a_R1.fq.gz"], r'row 2, column sample: "\.\./x" found'),
    "no name": (["|L1|a_R1.fq.gz"], r"row 2, column sample: is empty; every row needs"),
    "unknown sex": (
        ["NA1||a_R1.fq.gz|||F"],
        r'row 2, column sex: "F" found; expected female, male or unknown',
    ),
    "VCF as FASTQ": (["NA1||x.vcf"], r'column fastq_1: "x.vcf" found; expected a FASTQ file'),
    "mates beside BAM": (
        ["NA1||x.bam|a_R2.fq.gz"],
        r'row 2, column fastq_2: "a_R2.fq.gz" stands beside "x.bam", which holds both mates',
    ),
    "FASTQ as BAM": (
        ["NA1||||a_R1.fq.gz"],
        r'column alignments: "a_R1.fq.gz" found; expected a sorted and indexed',
    ),
    "truth not VCF": (["NA1||a_R1.fq.gz|||||c.bed"], r'column truth: "c.bed" found; expected a VCF'),
    "confident not BED": (
        ["NA1||a_R1.fq.gz|||||t.vcf.gz|t.vcf.gz"],
        r'column confident: "t.vcf.gz" found; expected a BED',
    ),
    "read group with a space": (["NA1|L 1|a_R1.fq.gz"], r'column read_group: "L 1" found; expected the lane'),
    "library with a space": (
        ["NA1||a_R1.fq.gz||||l 1"],
        r'column library: "l 1" found; expected the sequencing',
    ),
    "nothing to read": (["NA1|L1"], r"row 2, column fastq_1: is empty, and so is alignments"),
    "second mates alone": (["NA1|||a_R2.fq.gz"], r"row 2, column fastq_1: is empty, and so is alignments"),
    "same file as mate": (
        ["NA1||a_R1.fq.gz|a_R1.fq.gz"],
        r"row 2, column fastq_2: .* is the same file as fastq_1",
    ),
    "FASTQ and BAM in a row": (
        ["NA1||a_R1.fq.gz||x.bam"],
        r"row 2, column fastq_1: .* stands beside alignments",
    ),
    "read group of a BAM": (["NA1|L1|||x.bam"], r"column read_group: .* taken from their header"),
    "FASTQ and BAM in a sample": (
        ["NA1||a_R1.fq.gz", "NA1||||x.bam"],
        r"row 3, column alignments: sample NA1 comes as FASTQ and as alignments \(row 2\)",
    ),
    "two BAMs": (
        ["NA1||||x.bam", "NA1||||y.cram"],
        r"row 3, column alignments: sample NA1 has alignments already",
    ),
    "duplicate read group": (
        ["NA1|L1|a_R1.fq.gz", "NA1|L1|b_R1.fq"],
        r'row 3, column read_group: "L1" is the read group of row 2 too',
    ),
    "read group like a default": (
        ["NA1|NA1.2|a_R1.fq.gz", "NA1||b_R1.fq"],
        r'row 3, column read_group: "NA1.2" is the read group of row 2 too',
    ),
    "different sex": (
        ["NA1||a_R1.fq.gz|||male", "NA1||b_R1.fq|||female"],
        r'row 3, column sex: "female" differs from "male" in row 2',
    ),
    "confident without truth": (["NA1||a_R1.fq.gz||||||c.bed"], r"column confident: is given without truth"),
    "names differ in case": (
        ["NA1||a_R1.fq.gz", "na1||b_R1.fq"],
        r"row 3, column sample: .* only in upper and",
    ),
    "too many cells": (["NA1||a_R1.fq.gz|||||||extra"], r"row 2: has 10 cells, but the header has 9 columns"),
    "same FASTQ twice": (
        ["NA1||a_R1.fq.gz", "NA2||a_R1.fq.gz"],
        r"row 3, column fastq_1: .* is the same file as fastq_1 in row 2",
    ),
    "line counted past comments": (["# note", "", "NA 1||a_R1.fq.gz"], r"row 4, column sample"),
}


@pytest.mark.parametrize("case", WRONG_FORM)
def test_read_samples__wrong_form(folder, case):
    rows, message = WRONG_FORM[case]
    with pytest.raises(ConfigError, match=message) as caught:
        read(sheet(folder, *rows))
    assert str(caught.value).startswith(f"{folder / 'samples.tsv'}, row ")


WRONG_FILE = {
    "missing": (
        "NA1||none.fq.gz",
        NotFoundError,
        r"row 2, column fastq_1: .*none.fq.gz: no such file for fastq_1",
    ),
    "folder": ("NA1||dir.fq", InputError, r"row 2, column fastq_1: .*dir.fq: is a folder"),
    "empty": ("NA1||empty.fq", InputError, r"row 2, column fastq_1: .*empty.fq: is empty \(0 bytes\)"),
    "no index": (
        "NA1||||y.cram",
        NotFoundError,
        r"row 2, column alignments: .*has no index beside it.*samtools index",
    ),
    "no truth": (
        "NA1||a_R1.fq.gz|||||no.vcf",
        NotFoundError,
        r"row 2, column truth: .*no such file for truth",
    ),
}


@pytest.mark.parametrize("case", WRONG_FILE)
def test_read_samples__wrong_file(folder, case):
    (folder / "dir.fq").mkdir()
    (folder / "empty.fq").touch()
    row, kind, message = WRONG_FILE[case]
    with pytest.raises(kind, match=message):
        read(sheet(folder, row))


def test_read_samples__mate_by_another_name(folder):
    (folder / "link_R2.fq.gz").symlink_to("a_R1.fq.gz")
    with pytest.raises(ConfigError, match=r"row 2, column fastq_2: .*same file as fastq_1 in row 2"):
        read(sheet(folder, "NA1||a_R1.fq.gz|link_R2.fq.gz"))


WRONG_TABLE = {
    "unknown column": (
        "sample\tfastq1",
        r'row 1, column 2: unknown column "fastq1"; .*Did you mean fastq_1\?',
    ),
    "column twice": ("sample\tsex\tsex", r"row 1, column 3: sex stands in the header twice"),
    "no sample column": ("fastq_1\tfastq_2", r"row 1: the header has no column sample"),
    "commas in .tsv": ("sample,fastq_1", r"row 1, column 1: the header .* was read as one column"),
}


@pytest.mark.parametrize("case", WRONG_TABLE)
def test_read_samples__wrong_header(folder, case):
    header, message = WRONG_TABLE[case]
    with pytest.raises(ConfigError, match=message):
        read(sheet(folder, "NA1||a_R1.fq.gz", header=header))


def test_read_samples__not_a_sheet(folder):
    with pytest.raises(NotFoundError, match="no such sample sheet"):
        read(folder / "none.tsv")
    with pytest.raises(ConfigError, match=r"must end in \.tsv"):
        read(sheet(folder, name="samples.xlsx"))
    (folder / "binary.tsv").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(ConfigError, match=r"is not text in UTF-8 \(byte 4\)"):
        read(folder / "binary.tsv")
    (folder / "nothing.tsv").write_text("\n# only a comment\n")
    with pytest.raises(ConfigError, match="is empty; expected a header"):
        read(folder / "nothing.tsv")
    with pytest.raises(ConfigError, match="has a header but no sample"):
        read(sheet(folder))


def test_read_samples__all_problems_at_once_but_not_too_many(folder):
    with pytest.raises(ConfigError) as caught:
        read(sheet(folder, *(f"NA {number}||a_R1.fq.gz" for number in range(30))))
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1].endswith("10 more problems of the same kind are not shown.")

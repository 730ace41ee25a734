"""benchmarks/callers.py from end to end on the slice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.parity

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "callers.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, arguments)], check=True, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("callers")


def test_compare__and_resumes(folder):
    options = ["compare", "--folder", folder, "--callers", "genomehub", "bcftools", "--json", folder / "rows"]
    first = run(*options)
    assert "NA12878: bcftools" in first.stderr
    rows = [json.loads(line) for line in (folder / "rows").read_text().splitlines()]
    assert [row["task"] for row in rows] == ["callers.speed"] * 2 + ["callers.scores"] * 2
    assert all(row["covered_bp"] == 100_000 and row["git_sha"] for row in rows)
    assert rows[0]["seconds"] > 0 < rows[0]["fixed_seconds"]
    for row in rows[2:]:
        assert row["strata"]["confident"]["snv"]["f1"] > 0.97
        assert row["strata"]["confident"]["indel"]["f1"] > 0.85
        het, hom = (row["classes"][f"all/{genotype}/snv"]["tp_truth"] for genotype in ("het", "hom"))
        assert row["classes"]["all/all/snv"]["tp_truth"] == het + hom
    assert (folder / "runs" / "NA12878" / "errors.png").stat().st_size > 5_000
    again = run(*options)
    assert again.stderr.replace(first.stderr.splitlines()[-1], "").strip() == ""
    assert again.stdout == first.stdout


def test_real__differences_and_trio(folder):
    out = run("real", "--folder", folder, "--callers", "genomehub", "--json", folder / "real").stdout
    rows = [json.loads(line) for line in (folder / "real").read_text().splitlines()]
    peers = [row for row in rows if row["task"] == "callers.differences"]
    assert [row["peer"] for row in peers] == ["GATK4", "GATK4 DRAGEN mode"]
    assert all(row["same"] > 200 for row in peers)
    assert rows[-1]["task"] == "callers.trio"
    assert rows[-1]["judged"] >= 40
    assert "against Mendel's rules" in out


def test_depth(folder):
    run(
        "depth",
        "--folder",
        folder,
        "--depths",
        20,
        "--draws",
        1,
        "--callers",
        "genomehub",
        "--json",
        folder / "d",
    )
    (row,) = [json.loads(line) for line in (folder / "d").read_text().splitlines()]
    assert row["depth"] == pytest.approx(20, rel=0.01)
    assert row["snv"]["f1"] > 0.97
    assert (folder / "depth.png").stat().st_size > 5_000


def test_profile__clocks_every_stage(folder):
    run("profile", "--folder", folder, "--json", folder / "profile")
    (row,) = [json.loads(line) for line in (folder / "profile").read_text().splitlines()]
    # A stage that the pipeline no longer has belongs into STAGES of benchmarks/caller_profile.py.
    assert row["missing"] == []
    assert row["stages"]["PairHMM"] > 0
    assert sum(row["stages"].values()) == pytest.approx(row["seconds"])


def test_compare__says_what_is_lacking(folder):
    result = subprocess.run(
        [sys.executable, str(PROGRAM), "compare", "--folder", str(folder), "--bam", "x.bam"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 1
    assert "a BAM needs its genome and the regions to call" in result.stderr

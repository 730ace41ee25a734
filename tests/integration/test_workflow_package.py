"""The workflow by itself: lint, plain snakemake, wrong sheets, templates, and the installed wheel."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "reference_data" / "demo.yaml"
SNAKEFILE = ROOT / "workflows" / "Snakefile"

pytestmark = pytest.mark.integration


def python(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_snakemake__started_by_hand_plans_the_same(tmp_path):
    options = ("--snakefile", SNAKEFILE, "--configfile", CONFIG, "--dry-run")
    by_hand = python("-m", "snakemake", *options, cwd=tmp_path)
    assert by_hand.returncode == 0, by_hand.stderr
    for rule in ("reference", "align", "call", "qc", "evaluate", "register", "report", "complete"):
        assert f"\n{rule} " in by_hand.stdout + by_hand.stderr


def test_snakemake__config_folder_of_the_catalogue_layout(tmp_path):
    """Without --configfile, config/config.yaml of the working directory counts."""
    (tmp_path / "config").mkdir()
    data = ROOT / "reference_data"
    (tmp_path / "config" / "samples.tsv").write_text(f"sample\tfastq_1\nA\t{data}/trio/HG001_R1.fastq.gz\n")
    (tmp_path / "config" / "config.yaml").write_text(
        f"samples: samples.tsv\nreference: {data}/b37.20_9.5-10.5M.fa.gz\ncatalogue: null\n"
    )
    done = python("-m", "snakemake", "--snakefile", SNAKEFILE, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "evaluate" not in done.stdout
    assert "register" not in done.stdout


def test_snakemake__tells_a_wrong_sheet_by_row_and_column(tmp_path):
    (tmp_path / "s.tsv").write_text("sample\tfastq_1\nA B\tx.fq\n")
    (tmp_path / "g.fa").write_text(">1\nA\n")
    (tmp_path / "c.yaml").write_text("samples: s.tsv\nreference: g.fa\n")
    by_hand = python(
        "-m", "snakemake", "--snakefile", SNAKEFILE, "--configfile", "c.yaml", "--dry-run", cwd=tmp_path
    )
    ours = python("-m", "genomehub", "run", "c.yaml", "--dry-run", cwd=tmp_path)
    assert (by_hand.returncode, ours.returncode) == (1, 2)
    for text in (by_hand.stdout + by_hand.stderr, ours.stderr):
        assert 's.tsv, row 2, column sample: "A B" found; expected a name' in text
    assert len(ours.stderr.splitlines()) == 1
    assert not (tmp_path / "results").exists()


def test_run__profiles_and_options_after_the_double_dash(tmp_path):
    done = python("-m", "genomehub", "run", CONFIG, "--dry-run", "--", "--until", "reference", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "align" not in done.stdout
    done = python("-m", "genomehub", "run", CONFIG, "--dry-run", "--profile", "slurm", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_run__without_a_configuration(tmp_path):
    done = python("-m", "genomehub", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "'genomehub run --init' writes one to start from" in done.stderr


def test_lint__the_workflow_is_in_good_condition(tmp_path):
    done = python("-m", "snakemake", "--lint", "--snakefile", SNAKEFILE, "--configfile", CONFIG, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_wheel__carries_the_workflow_and_runs_it_in_an_empty_folder(tmp_path):
    built = python("-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("genomehub-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "workflows").rglob("*") if path.is_file()}
    assert {f"genomehub/{name}" for name in ours if "/." not in name} <= names
    assert not any(name.startswith(("tests/", "reference_data/", "workflows/")) for name in names)
    empty = tmp_path / "empty"
    empty.mkdir()
    path = str(tmp_path / "site")
    done = python("-m", "genomehub", "run", CONFIG, "--dry-run", cwd=empty, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    where = "import genomehub.pipeline.workflow as w; print(w.workflow_directory())"
    assert python("-c", where, cwd=empty, PYTHONPATH=path).stdout.strip() == f"{path}/genomehub/workflows"
    done = python("-m", "genomehub", "run", "--init", "config.yaml", cwd=empty, PYTHONPATH=path)
    assert sorted(item.name for item in empty.iterdir() if not item.name.startswith(".")) == [
        "config.yaml", "samples.tsv",
    ]  # fmt: skip

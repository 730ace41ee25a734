"""make demo's run on real reads: killed, continued, complete, scored, and done when asked again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "reference_data" / "demo.yaml"
GENOMEHUB = Path(sys.executable).parent / "genomehub"

pytestmark = pytest.mark.integration


def genomehub(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [GENOMEHUB, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )


def wait_for(path: Path, process: subprocess.Popen[bytes], seconds: float = 300) -> None:
    limit = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, f"the run ended before {path} was there"
        assert time.monotonic() < limit, f"{path} did not come"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """A working directory whose run was killed while it aligned."""
    folder = tmp_path_factory.mktemp("demo")
    process = subprocess.Popen(
        [GENOMEHUB, "run", CONFIG, "--cores", "2"],
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(folder / "results" / "logs" / "align" / "NA12878.log", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return folder


@pytest.fixture(scope="module")
def finished(killed) -> Path:
    """The same directory after the same command was given again."""
    assert list((killed / ".snakemake" / "locks").iterdir()), "Snakemake left its lock"
    done = genomehub("run", CONFIG, "--cores", "2", cwd=killed)
    assert done.returncode == 0, done.stderr
    (killed / "summary.txt").write_text(done.stdout)
    (killed / "stderr.txt").write_text(done.stderr)
    return killed


def test_run__killed_leaves_nothing_under_a_final_name(killed):
    assert not list(killed.glob("results/samples/*/*.cram"))


def test_run__continues_where_it_was_killed(finished):
    log = (finished / "stderr.txt").read_text()
    assert "Build the reference directory" not in log
    assert "NA12878: align reads" in log


def test_run__summary_names_scores_costs_entry_and_report(finished):
    lines = (finished / "summary.txt").read_text().splitlines()
    assert lines[-1] == f"report       {finished}/results/report.html"
    for word in ("SNV", "indel", "align", "call", "qc", "evaluate", "catalogue"):
        assert any(line.split()[0] == word for line in lines), word


def test_run__scores(finished):
    summary = json.loads(genomehub("run", CONFIG, "--summary", "--json", cwd=finished).stdout)
    snv, indel = summary["samples"][0]["scores"]
    assert snv["f1"] >= 0.985
    assert indel["f1"] >= 0.90


def test_run__second_time_everything_is_done(finished):
    done = genomehub("run", CONFIG, "--cores", "2", cwd=finished)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stderr


def test_run__elsewhere_with_one_core_gives_the_same_entry(finished, tmp_path):
    assert genomehub("run", CONFIG, "--cores", "1", cwd=tmp_path).returncode == 0
    entry = Path("results/samples/NA12878/NA12878.catalogue.json")
    once, again = (json.loads((folder / entry).read_text()) for folder in (finished, tmp_path))
    assert once["id"] == again["id"]


def test_check__finds_what_is_missing_empty_or_cut_off(finished):
    assert genomehub("run", CONFIG, "--check", cwd=finished).returncode == 0
    folder = finished / "results" / "samples" / "NA12878"
    vcf, index, report = (
        folder / "NA12878.vcf.gz",
        folder / "NA12878.g.vcf.gz.tbi",
        finished / "results/report.html",
    )
    kept = {path: path.read_bytes() for path in (vcf, index, report)}
    try:
        vcf.write_bytes(kept[vcf][:-28])
        index.unlink()
        report.write_bytes(b"")
        done = genomehub("run", CONFIG, "--check", cwd=finished)
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
    assert done.returncode == 5
    assert "NA12878.vcf.gz: is cut off" in done.stderr
    assert "NA12878.g.vcf.gz.tbi: is missing." in done.stderr
    assert "results/report.html: is empty." in done.stderr
    assert "3 of 14 results are not whole" in done.stderr


def test_catalogue__knows_the_run(finished):
    search = genomehub(
        "hub", "search", "NA12878", "--catalogue", "results/catalogue.sqlite", "--json", cwd=finished
    )
    assert search.returncode == 0
    assert "NA12878" in search.stdout
    assert genomehub("hub", "verify", "--catalogue", "results/catalogue.sqlite", cwd=finished).returncode == 0


def test_summary__of_a_run_that_has_not_begun(tmp_path):
    done = genomehub("run", CONFIG, "--summary", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "NA12878"

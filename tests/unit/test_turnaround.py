"""The model of turnaround by hand, and the measuring around it with commands that cost nothing."""

import gzip
import itertools
import json
import platform
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import alignment_files as build

from genomehub import cli
from genomehub.config import BenchmarkConfig
from genomehub.errors import ConfigError, GenomehubError, NotFoundError
from genomehub.pipeline import benchmark, benchmark_history, benchmark_inputs
from genomehub.pipeline.turnaround import Sample, Stage, Usage, caveats, estimate

SAMPLE = Sample(
    n_reads=20_000, n_bases=2_000_000, covered_bp=50_000, aligned_bases=1_500_000, reference_bp=10**7
)
CONFIG = BenchmarkConfig(genome_bp=1_000_000, depth=10.0, price_per_core_hour=2.0)


def usage(core_seconds):
    return Usage(core_seconds, core_seconds, 10**8, 100, 200)


def stage(name, unit, core_seconds, idle, start_up=None, compile_seconds=0.0):
    start_up = idle if start_up is None else start_up
    return Stage(name, unit, usage(core_seconds), usage(idle), usage(start_up), compile_seconds)


# --- the model ----------------------------------------------------------------------------------------------
def test_estimate__by_hand():
    stages = [stage("align", "n_bases", 30.0, 10.0), stage("call", "aligned_bases", 8.0, 2.0, 2.0, 60.0)]
    result = estimate(stages, SAMPLE, CONFIG)
    align, call = result["stages"]
    # 10 s + 20 s / 2 Mb x 10 Mb; 2 s + 6 s / 1.5 Mb x 10 Mb: compilation is not in it
    assert align["genome_core_hours"] * 3600 == pytest.approx(110)
    assert call["genome_core_hours"] * 3600 == pytest.approx(42)
    assert (align["times"], align["per_gigaunit"]) == (5.0, 10_000.0)
    assert result["core_hours"] * 3600 == pytest.approx(152)
    assert result["price"] == pytest.approx(2 * 152 / 3600)
    # had depth no influence: 6 s / 50 kbp x 1 Mbp
    assert call["genome_core_hours_at_sample_depth"] * 3600 == pytest.approx(122)
    assert result["sample"]["depth"] == 30.0


def test_estimate__length_of_the_reference_counts():
    sample = Sample(20_000, 2_000_000, 50_000, 1_500_000, reference_bp=100_000)
    row = estimate([stage("call", "aligned_bases", 8.0, 2.0, 0.5)], sample, CONFIG)["stages"][0]
    # 0.5 s, 1.5 s / 100 kbp x 1 Mbp, and 6 s / 1.5 Mb x 10 Mb
    assert row["genome_core_hours"] * 3600 == pytest.approx(0.5 + 15 + 40)
    assert (row["fixed_core_seconds"], row["reference_core_seconds"]) == (0.5, 1.5)


def test_estimate__start_up_is_all():
    result = estimate([stage("qc", "n_bases", 3.0, 3.4)], SAMPLE, CONFIG)
    assert result["stages"][0]["genome_core_hours"] is None
    assert result["stages"][0]["fixed_core_seconds"] == 3.4
    assert result["core_hours"] is None


def test_estimate__nothing_aligned():
    sample = Sample(10, 1000, 0, 0, 10**7)
    result = estimate([stage("call", "aligned_bases", 3.0, 1.0)], sample, CONFIG)
    assert result["core_hours"] is None
    assert result["price"] is None
    assert caveats(result)[0].startswith("from 10 reads")


def test_caveats__say_how_far():
    result = estimate([stage("align", "n_bases", 30.0, 10.0)], SAMPLE, BenchmarkConfig())
    text = " ".join(caveats(result))
    assert "46,500 times the work" in text
    assert "the reference has 10.0 Mbp: repeats and cache misses" in text
    assert "more than a quarter of what was measured for align: take more" in text


# --- measuring ----------------------------------------------------------------------------------------------
def test_measure__counts_children(tmp_path):
    (tmp_path / "in").write_bytes(b"x" * 10)
    burn = (
        "import time; t = time.process_time()\n"
        "while time.process_time() < t + 0.3: pass\n"
        "b = bytearray(60_000_000)"
    )
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    used = benchmark.measure([sys.executable, "-c", script], [tmp_path / "in"], [])
    assert used.core_seconds >= 0.3
    assert used.peak_rss_bytes > 60_000_000
    assert (used.input_bytes, used.output_bytes) == (10, 0)


def test_error__command_fails():
    command = [sys.executable, "-c", "import sys; sys.exit('the disk is full')"]
    with pytest.raises(GenomehubError, match="failed: the disk is full"):
        benchmark.measure(command, [], [])


def fastq(path, n_reads, length=50):
    text = "".join(f"@r{i}\n{'A' * length}\n+\n{'I' * length}\n" for i in range(n_reads))
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["r.fq", "r.fq.gz"])
def test_count_reads__and_bases(tmp_path, monkeypatch, name):
    monkeypatch.setattr(benchmark_inputs, "_BUFFER_BYTES", 1009)  # lines and records end anywhere
    path = fastq(tmp_path / name, 123, 47)
    other = fastq(tmp_path / f"2{name}", 123, 51)
    assert benchmark_inputs.count_reads([path, other]) == (246, 123 * 98)


def test_subset__first_templates(tmp_path):
    reads = (fastq(tmp_path / "1.fq.gz", 30), fastq(tmp_path / "2.fq.gz", 30))
    inputs = benchmark_inputs.Inputs(tmp_path, reads, "x")
    found = benchmark_inputs.subset(inputs, tmp_path / "s", 7)
    assert benchmark_inputs.count_reads(found) == (14, 700)
    assert gzip.decompress(found[0].read_bytes()).startswith(b"@r0\n")
    assert benchmark_inputs.subset(inputs, tmp_path / "t", 30) == reads


def test_find_inputs__slice_of_the_checkout():
    inputs = benchmark_inputs.find_inputs(None, None, None)
    assert inputs.genome.exists()
    assert len(inputs.reads) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((None, "r1", None), ConfigError, "--reference and --r1 belong together"),
        (("g.fa", None, None), ConfigError, "--reference and --r1 belong together"),
        (("g.fa", "r1.fq", None), NotFoundError, "no such genome FASTA"),
    ],
)
def test_error__inputs(arguments, error, match):
    with pytest.raises(error, match=match):
        benchmark_inputs.find_inputs(*arguments)


def test_error__no_checkout(monkeypatch):
    monkeypatch.setattr(benchmark_inputs, "checkout", lambda: None)
    with pytest.raises(ConfigError, match="no input: name --reference FASTA and --r1"):
        benchmark_inputs.find_inputs(None, None, None)


def test_error__peers_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark.shutil, "which", lambda name: None)
    inputs = benchmark_inputs.Inputs(tmp_path, (), "x")
    with pytest.raises(NotFoundError, match="--peers cannot run: bwa, samtools, bcftools not installed"):
        benchmark.check_peers(inputs)


# --- the command --------------------------------------------------------------------------------------------
@pytest.fixture
def cheap(tmp_path, monkeypatch):
    """Genome and reads, and a ``measure`` that leaves what commands leave and costs what is written here."""
    genome = tmp_path / "g.fa"
    genome.write_text(">1\n" + "ACGT" * 250 + "\n")
    reads = fastq(tmp_path / "r1.fq", 400)
    seconds = itertools.cycle(
        [50.0, 40.0, 30.0, 9.0, 9.0, 9.0, 1.0, 2.0, 3.0, 0.5, 0.5, 0.5, 11.0, 12.0, 13.0]
    )

    def measure(command, inputs, outputs, environment=None):
        words = command[command.index("genomehub") + 1 :] if "genomehub" in command else []
        target = Path(words[words.index("-o") + 1])
        if words[0] == "reference":
            if not target.exists():
                build.make_reference(target, {"1": "ACGT" * 250})
            return usage(5.0)
        if words[0] == "qc":
            target.mkdir()
            contig = {"n_covered": 500, "depth_sum": 19_000}
            document = {"format": "genomehub-qc", "format_version": 1, "coverage": {"contigs": [contig]}}
            (target / "qc.json").write_text(json.dumps(document))
        else:
            target.write_bytes(b"")
        return usage(next(seconds))

    monkeypatch.setattr(benchmark, "measure", measure)
    return ["--reference", str(genome), "--r1", str(reads)]


def test_turnaround__command(cheap, tmp_path, capsys):
    history = tmp_path / "history.jsonl"
    for _ in range(2):
        assert cli.run(["benchmark", "turnaround", *cheap, "--history", str(history), "--json"]) == 0
        result = json.loads(capsys.readouterr().out)
    align = result["stages"][0]
    # warm-up 50 s, few reads 1 s, tiny reference 0.5 s, sample 11 s: its own warm-up, being small
    keys = ("core_seconds", "reference_core_seconds", "fixed_core_seconds", "compile_seconds")
    assert [align[key] for key in keys] == [11.0, 0.5, 0.5, 39.0]
    assert result["sample"]["n_bases"] == 20_000
    assert result["sample"]["aligned_bases"] == 19_000
    rows = [json.loads(line) for line in history.read_text().splitlines()]
    tasks = ["turnaround.reference", "turnaround.align", "turnaround.call", "turnaround.qc", "turnaround"]
    assert [row["task"] for row in rows] == 2 * tasks
    wanted = {
        "task",
        "input",
        "seconds",
        "peak_rss_bytes",
        "threads",
        "version",
        "git_sha",
        "machine",
        "versions",
    }
    assert wanted <= set(rows[1])
    assert rows[1]["compile_seconds"] == 39.0
    assert rows[-1]["core_hours"] == pytest.approx(result["core_hours"])


def test_turnaround__table(cheap, capsys):
    assert cli.run(["benchmark", "turnaround", *cheap, "--no-history", "--price-per-core-hour", "0.5"]) == 0
    out = capsys.readouterr().out
    for words in ("align", "call", "qc", "genome", "price at 0.5", "times the work"):
        assert words in out
    assert re.search(r"align +│ +11\.0", out)


def test_accuracy__needs_a_truth(cheap, capsys):
    assert cli.run(["benchmark", "accuracy", *cheap, "--no-history"]) == 2
    assert "--truth is needed with reads of your own" in capsys.readouterr().err


def test_kernels__only_in_a_checkout(monkeypatch, capsys):
    monkeypatch.setattr(benchmark_inputs, "checkout", lambda: None)
    assert cli.run(["benchmark", "kernels"]) == 3
    assert "run this in a source checkout" in capsys.readouterr().err


def test_history__machine_has_no_name():
    text = json.dumps(benchmark_history.machine())
    assert platform.node() not in text
    assert np.isfinite(benchmark_history.machine()["memory_bytes"])

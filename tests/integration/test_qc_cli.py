"""``genomehub qc`` as users call it: folder, answer, log, exit codes; nothing left behind where it fails."""

import json

import pytest
from builders import alignment_files as build
from builders import variants

from genomehub import cli
from genomehub.types import Contig

pytestmark = pytest.mark.integration

SEQUENCES = {"1": build.random_sequence(60_000, 1), "2": build.random_sequence(8_000, 2)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Reference, BAM and calls of sample NA1; metrics, score and cost of stages before."""
    folder = tmp_path_factory.mktemp("qc")
    reference = build.make_reference(folder / "ref", SEQUENCES)
    head = build.header(SEQUENCES)
    build.write_bam(folder / "in.bam", head, build.random_reads(head, 2000, seed=6))
    contigs = tuple(Contig(name, len(text), "a" * 32, "") for name, text in SEQUENCES.items())
    sites = variants.random_sites(80, seed=2, contigs=contigs)
    variants.make_store(
        folder / "in.vcz", sites, contigs=contigs, sample="NA1", reference_digest=reference.digest
    )
    (folder / "dup.txt").write_text("## METRICS CLASS\tx\nLIBRARY\tPERCENT_DUPLICATION\nlibA\t0.125\n")
    scores = dict.fromkeys(("tp_truth", "tp_calls", "fp", "fn"), 1) | dict.fromkeys(
        ("precision", "recall", "f1"), 0.5
    )
    (folder / "eval.json").write_text(json.dumps({"snv": scores, "indel": scores, "confident_bp": 60_000}))
    cost = {"command": "align", "core_seconds": 12.0, "wall_seconds": 7.0, "peak_rss_bytes": 10**8}
    (folder / "align.json").write_text(json.dumps(cost))
    return folder


def arguments(folder, output, **changed):
    options = {"-r": folder / "ref", "--bam": folder / "in.bam", "--calls": folder / "in.vcz", "-o": output}
    options |= {f"--{key}": value for key, value in changed.items()}
    return ["qc", *(str(word) for pair in options.items() for word in pair)]


def test_qc__everything(folder, tmp_path, capsys):
    command = arguments(
        folder, tmp_path / "qc", threads=2, evaluation=folder / "eval.json", cost=folder / "align.json"
    )
    assert cli.run([*command, "--duplicate-metrics", str(folder / "dup.txt"), "--json"]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    result = json.loads((tmp_path / "qc" / "qc.json").read_text())
    assert answer.items() >= result["summary"].items()
    assert result["duplicates"] == [{"library": "libA", "percent_duplication": 0.125}]
    assert result["costs"][0]["core_seconds"] == 12.0
    assert "NA1: SNV F1 against the truth is 0.5; expected: at least 99 %" in err
    page = (tmp_path / "qc" / "qc.html").read_text()
    for heading in ("Coverage", "Reads", "Duplicates", "Variants", "Accuracy", "Cost"):
        assert f">{heading}</h2>" in page


def test_qc__replaces_an_earlier_folder(folder, tmp_path):
    (tmp_path / "qc").mkdir()
    (tmp_path / "qc" / "old.txt").write_text("old")
    assert cli.run([*arguments(folder, tmp_path / "qc"), "-q"]) == 0
    assert not (tmp_path / "qc" / "old.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["qc"]


def test_error__other_build(folder, tmp_path, capsys):
    head = build.header({"1": 60_001})
    bam = build.write_bam(tmp_path / "other.bam", head, build.random_reads(head, 50, seed=1))
    assert cli.run(arguments(folder, tmp_path / "qc", bam=bam)) == 3
    assert "is of another build" in capsys.readouterr().err
    assert not (tmp_path / "qc").exists()


def test_error__no_index(folder, tmp_path, capsys):
    head = build.header(SEQUENCES)
    bam = build.write_bam(tmp_path / "n.bam", head, build.random_reads(head, 50, seed=1), index=None)
    assert cli.run(arguments(folder, tmp_path / "qc", bam=bam)) == 3
    assert "no index beside it" in capsys.readouterr().err


def test_error__output_cannot_be_written(folder, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert cli.run(arguments(folder, tmp_path / "file" / "qc")) == 4
    assert "cannot be written" in capsys.readouterr().err


def test_error__no_output_named(folder, capsys):
    assert cli.run(["qc", "-r", str(folder / "ref")]) == 2
    assert "-o" in capsys.readouterr().err

"""What benchmarks/callers.py rests on, by hand: parts of regions, ratios of errors, Mendel, peers' files."""

import gzip
import importlib
import sys
from pathlib import Path

import pytest
from builders import variants as build

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

caller_runs = importlib.import_module("caller_runs")
caller_tables = importlib.import_module("caller_tables")
caller_real = importlib.import_module("caller_real")
measure = importlib.import_module("measure")


def test_inside_and_outside(tmp_path):
    (tmp_path / "regions.bed").write_text("1\t100\t200\n1\t300\t400\n2\t0\t50\n")
    (tmp_path / "confident.bed").write_text("1\t150\t160\textra\n# a comment\n1\t155\t170\n1\t190\t350\n")
    parts = caller_runs.inside_and_outside(tmp_path / "confident.bed", tmp_path / "regions.bed", tmp_path)
    assert caller_runs.read_intervals(parts["confident"]) == [
        ("1", 150, 160),
        ("1", 155, 170),
        ("1", 190, 350),
    ]
    assert caller_runs.read_intervals(parts["not confident"]) == [
        ("1", 100, 150), ("1", 170, 190), ("1", 350, 400), ("2", 0, 50),
    ]  # fmt: skip


def report(**kinds):
    """A report in which each kind has (FP, FN) and ten variants found."""
    row = {kind: {"tp_truth": 10, "fp": fp, "fn": fn, "f1": 0.9} for kind, (fp, fn) in kinds.items()}
    return {"classes": {"all": {"all": row}}}


def test_error_rows__ratio_is_to_the_better_peer():
    reports = {"we": report(snv=(1, 1), indel=(1, 0), all=(0, 0)), "a": report(snv=(4, 4), indel=(0, 0)),
               "b": report(snv=(2, 3))}  # fmt: skip
    rows = {label: ratio for label, _, ratio in caller_tables.error_rows(reports, "we", None)}
    assert rows == {"SNV": 0.4, "indel": float("inf"), "all": 1.0}
    alone = caller_tables.error_rows({"we": reports["we"]}, "we", None)
    assert [ratio for *_, ratio in alone] == [None] * 3


def test_once__again_only_when_something_changed(tmp_path):
    made = []

    def ask(depends):
        return measure.once(
            tmp_path / "x.json", depends, lambda: made.append(depends) or {"n": len(made)}, lambda: None
        )

    assert [ask({"a": 1}), ask({"a": 1}), ask({"a": 2}), ask({"a": 2})] == [{"n": n} for n in (1, 1, 2, 2)]


@pytest.mark.parametrize("suffix", [".g.vcf", ".g.vcf.gz"])
def test_without_blocks(tmp_path, suffix):
    text = build.vcf_text([("1", 1, "A", "<NON_REF>", "0/0"), ("1", 9, "A", "C,<NON_REF>", "0/1")])
    path = tmp_path / f"x{suffix}"
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    calls = caller_real.without_blocks(path, tmp_path)
    lines = [line.split("\t") for line in calls.read_text().splitlines() if line[0] != "#"]
    assert [line[4] for line in lines] == ["C,<NON_REF>"]
    assert calls != path


def test_trio__violations(tmp_path):
    """A new allele, an allele of one parent twice, and an indel with a longer REF in a parent."""
    sites = {
        "child": [(100, ("A", "C"), (0, 1)), (200, ("A", "C"), (1, 1)), (300, ("AT", "A"), (0, 1))],
        "father": [(200, ("A", "C"), (0, 1)), (300, ("ATG", "AG", "A"), (0, 1))],
        "mother": [(100, ("A", "G"), (0, 1))],
    }
    blocks = {"child": [], "father": [(99, 100)], "mother": [(199, 200), (299, 300)]}
    stores = []
    for name, rows in sites.items():
        # the builder makes a site pass, and its GQ high, by its position: 3 n and at least 20 modulo 100
        store = build.make_store(
            tmp_path / f"{name}.vcz",
            [(0, position // 100 * 300 + 30, alleles, genotype) for position, alleles, genotype in rows],
            [(0, (end // 100) * 300 + 29, (end // 100) * 300 + 30) for _, end in blocks[name]],
        )
        stores.append(store)
    (tmp_path / "x.bed").write_text("1\t0\t5000\n")
    row = caller_real.trio([tmp_path / f"{name}.vcz" for name in sites], tmp_path / "x.bed")
    assert row["judged"] == 3
    assert [(site["place"], site["de_novo"]) for site in row["violations"]] == [
        ("1:330", True),
        ("1:630", False),
    ]

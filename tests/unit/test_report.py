"""Pages: whole, self-contained, accessible; thresholds as documented; files of stages read with care."""

import html.parser
import json
import re
from pathlib import Path

import pytest

from genomehub.cli import run as run_command
from genomehub.errors import InputError, NotFoundError
from genomehub.pipeline import report_inputs
from genomehub.pipeline.report import RunFiles, find_files, report
from genomehub.quality import plots, report_summary
from genomehub.quality.metrics_variants import KINDS, MAX_INDEL
from genomehub.quality.report import sample_page, verdict

ROOT = Path(__file__).parents[2]
VOID = {"meta", "link", "br", "img", "circle", "path", "use", "line", "rect"}


class Checker(html.parser.HTMLParser):
    """Collects what must not be there, and whether tags close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.wrong = [], [], []
        self.feed(text)
        assert self.open == []
        assert self.wrong == []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        for name in ("src", "href", "xlink:href"):
            value = given.get(name) or "#"
            if not value.startswith(("#", "data:")) and not value.endswith(".html"):
                self.wrong.append((tag, name, value))
        if tag == "script":
            self.wrong.append(tag)
        if tag == "svg" and not (given.get("aria-label") or given.get("aria-hidden")):
            self.wrong.append("svg without words")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def variants_section():
    group = {
        "sites": 30, "multiallelic_sites": 1, **dict.fromkeys(KINDS, 5), "transitions": 4, "transversions": 2,
        "ti_tv": 2.0, "heterozygous": 20, "homozygous": 10, "het_hom": 2.0, "snv_het_hom": 2.0,
        "indel_het_hom": 2.0, "insertion_deletion": 1.0, "frame_preserving_fraction": 0.5,
        "substitutions": [[0, 1, 2, 0]] * 4,
        "indel_lengths": [0] * MAX_INDEL + [0, 3] + [0] * (MAX_INDEL - 1),
        "quality_histogram": [1] * 101, "genotype_quality_histogram": [1] * 101, "depth_histogram": [1] * 301,
        "allele_balance_histogram": [1] * 50,
    }  # fmt: skip
    return {
        "with_alt": 33, "without_alt": 1, "no_call": 0, "pass_fraction": 0.9,
        "filters": {"PASS": 30, "Low<Qual>": 3},
        **group, "passing": group,
    }  # fmt: skip


def document(sample="S<1>", **sections):
    sections = sections or {"variants": variants_section()}
    summary = report_summary.summarise(sections)
    return {
        "format": "genomehub-qc", "format_version": 1, "sample": sample, "genomehub_version": "9.9",
        "reference_digest": "digest", "target": "known bases", "config": {}, "summary": summary,
        "checks": report_summary.check(summary), **sections,
    }  # fmt: skip


SCORES = {"tp_truth": 9, "tp_calls": 9, "fp": 1, "fn": 1, "precision": 0.9, "recall": 0.9, "f1": 0.9}
COST = {"command": "align", "core_seconds": 71.5, "wall_seconds": 40.0, "peak_rss_bytes": 300_000_000}


def test_sample_page__every_section():
    result = document(
        variants=variants_section(),
        evaluation={"snv": SCORES, "indel": SCORES, "confident_bp": 1000},
        duplicates=[{"library": "lib", "read_pairs_examined": 10, "percent_duplication": 0.125}],
        costs=[COST],
    )
    page = sample_page(result)
    Checker(page)
    assert "<h1>S&lt;1&gt;</h1>" in page
    assert "Low&lt;Qual&gt;" in page
    for heading in ("Variants", "Accuracy", "Duplicates", "Cost"):
        assert f">{heading}</h2>" in page
    assert "1 min 12 s" in page
    assert page == sample_page(result)


def test_plots__no_date_no_fixed_colour():
    plot = plots.substitutions(variants_section())
    assert "var(--series-1)" in plot.svg
    assert "<metadata" not in plot.svg
    assert not re.search(r"fill: ?#(?!ffffff)[0-9a-f]{6}", plot.svg)
    assert "DejaVu" not in plot.svg
    assert plot.alt.startswith("C>T")


@pytest.mark.parametrize("value", [1_000, 15_000, 2_500_000])
def test_plots__ticks_fit_beside_the_axis(value):
    assert len(plots._compact(value, 0)) <= 6


# --- thresholds ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("summary", "level"),
    [
        ({"coverage_mean": 28.0}, "good"),
        ({"coverage_mean": 20.0}, "look"),
        ({"coverage_mean": 14.9}, "poor"),
        ({"duplicate_fraction": 0.15}, "good"),
        ({"duplicate_fraction": 0.31}, "poor"),
        ({"ti_tv": 2.0, "snvs": 5000}, "good"),
        ({"ti_tv": 1.9, "snvs": 5000}, "look"),
        ({"ti_tv": 2.6, "snvs": 5000}, "poor"),
        ({"ti_tv": 1.0, "snvs": 999}, "unjudged"),
    ],
)
def test_check__levels(summary, level):
    assert [row["level"] for row in report_summary.check(summary)] == [level]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([], ("unjudged", "Nothing here has a limit")),
        (["good", "unjudged"], ("good", "All 1 checks are as expected.")),
        (["good", "look"], ("look", "B: worth a look.")),
        (["poor", "poor", "look"], ("poor", "A and B: outside of what is expected.")),
    ],
)
def test_verdict__worst_first(levels, expected):
    rows = [{"label": label, "level": level} for label, level in zip("ABC", levels, strict=False)]
    found = verdict(rows)
    assert found["level"] == expected[0]
    assert found["text"].startswith(expected[1])


def test_limits__as_documented():
    text = (ROOT / "docs" / "qc.md").read_text(encoding="utf-8")
    for limit in report_summary.LIMITS:
        good = report_summary.wording(limit.good, limit.poor, limit.unit)
        row = next(line for line in text.splitlines() if line.startswith(f"| {limit.label} |"))
        assert f"| {good} |" in row
        assert f"`{limit.name}`" in row


def test_summary__every_number_documented():
    text = (ROOT / "docs" / "qc.md").read_text(encoding="utf-8")
    summary = report_summary.summarise({"variants": variants_section(), "evaluation": {"snv": SCORES}})
    assert [name for name in summary if f"`{name}`" not in text] == []


# --- a run --------------------------------------------------------------------------------------------------
@pytest.fixture
def results(tmp_path):
    """A results folder of two samples as 'genomehub run' leaves it."""
    folder = tmp_path / "results"
    for sample in ("NA1", "NA2"):
        home = folder / "samples" / sample
        (home / "qc").mkdir(parents=True)
        (home / "cost").mkdir()
        (home / "qc" / "qc.json").write_text(json.dumps(document(sample, variants=variants_section())))
        (home / "cost" / "align.json").write_text(json.dumps(COST))
        (home / f"{sample}.catalogue.json").write_text(json.dumps({"id": f"entry-of-{sample}"}))
    (folder / "samples" / "NA1" / "NA1.evaluation.json").write_text(
        json.dumps({"snv": SCORES, "indel": SCORES})
    )
    (folder / "reference.cost.json").write_text(json.dumps({**COST, "command": "reference"}))
    table = "s\th:m:s\tmax_rss\tcpu_time\n10.0\t0:00:10\t100.5\t8.0\n20.0\t0:00:20\t90\t10.0\n"
    (folder / "benchmarks" / "register").mkdir(parents=True)
    (folder / "benchmarks" / "register" / "NA1.tsv").write_text(table)
    (folder / "benchmarks" / "align").mkdir()
    (folder / "benchmarks" / "align" / "NA1.tsv").write_text(table)
    return folder


def test_report__whole_run(results):
    run = report(find_files(results), results / "report.html", price_per_core_hour=3600.0)
    page = (results / "report.html").read_text(encoding="utf-8")
    Checker(page)
    assert 'href="samples/NA1/qc/qc.html"' in page
    assert "entry-of-NA1"[:12] in page
    # align is known exactly for both samples; register only from Snakemake's table, the mean of two runs
    assert run["core_seconds"] == pytest.approx(3 * 71.5 + 9.0)
    assert run["price"] == pytest.approx(run["core_seconds"])
    first, second = run["samples"]
    assert (first["sample"], first["entry"]) == ("NA1", "entry-of-NA1")
    assert first["summary"]["snv_f1"] == 0.9
    assert any(row["name"] == "snv_f1" and row["level"] == "poor" for row in first["checks"])
    assert "snv_f1" not in second["summary"]
    assert run["software"] == {"genomehub": ["9.9"]}


def test_report__command_with_options(results, tmp_path, capsys):
    page = tmp_path / "elsewhere" / "run.html"
    code = run_command(
        ["report", "-o", str(page), "--sample", f"NA1={results}/samples/NA1/qc", "--json",
         "--cost", f"align:NA1={results}/samples/NA1/cost/align.json",
         "--benchmark", f"register:NA1={results}/benchmarks/register/NA1.tsv",
         "--evaluation", f"NA1={results}/samples/NA1/NA1.evaluation.json",
         "--entry", f"NA1={results}/samples/NA1/NA1.catalogue.json"]
    )  # fmt: skip
    assert code == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["core_seconds"] == pytest.approx(71.5 + 9.0)
    assert answer["samples"][0]["page"] == "../results/samples/NA1/qc/qc.html"
    assert page.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--sample", "NA1"], 2, "'NA1': NAME=PATH was expected"),
        ([], 3, "a report needs at least one sample"),
        (["nowhere"], 3, r"nowhere: has no samples/\*/qc/qc.json"),
        (["--sample", "NA1=nowhere"], 3, "nowhere/qc.json: no such quality metrics file"),
    ],
)
def test_report__wrong_use(tmp_path, capsys, arguments, code, sentence):
    assert run_command(["report", "-o", str(tmp_path / "r.html"), *arguments]) == code
    assert re.search(sentence, capsys.readouterr().err)
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    ("read", "text", "match"),
    [
        (report_inputs.read_cost, "{", "x: is not JSON"),
        (report_inputs.read_cost, "[1]", "x: holds a list; a JSON object was expected as cost"),
        (report_inputs.read_cost, "{}", "x: says no core_seconds; a file of 'genomehub --cost FILE'"),
        (report_inputs.read_qc, "{}", "x: is not the qc.json that 'genomehub qc' writes"),
        (
            report_inputs.read_qc,
            '{"format": "genomehub-qc", "format_version": 7}',
            "x: has format version 7, .* reads 1",
        ),
        (report_inputs.read_benchmark, "a\tb\n1\t2\n", "x: is not a benchmark table of Snakemake"),
        (report_inputs.read_benchmark, "s\tmax_rss\tcpu_time\n", "x: is not a benchmark table of Snakemake"),
        (report_inputs.read_picard_metrics, "a\tb\n", "x: has no '## METRICS CLASS' line"),
        (
            report_inputs.read_picard_metrics,
            "## METRICS CLASS\tx\na\tb\n1\n",
            "x: a row has 1 values for 2 columns",
        ),
    ],
)
def test_inputs__wrong_files(tmp_path, read, text, match):
    (tmp_path / "x").write_text(text)
    with pytest.raises(InputError, match=match):
        read(tmp_path / "x")


def test_inputs__picard_metrics(tmp_path):
    head = "## htsjdk\n\n## METRICS CLASS\tpicard.sam.DuplicationMetrics\n"
    text = f"{head}LIBRARY\tN\tRATE\tSIZE\nA\t5\t0.25\t\n\n## HISTOGRAM\n"
    (tmp_path / "x").write_text(text)
    rows = report_inputs.read_picard_metrics(tmp_path / "x")
    assert rows == [{"library": "A", "n": 5, "rate": 0.25, "size": None}]


def test_error__missing_input(tmp_path):
    with pytest.raises(NotFoundError, match="no such cost file"):
        report_inputs.read_cost(tmp_path / "x")
    with pytest.raises(InputError, match="a report needs at least one sample"):
        report(RunFiles({}, {}, {}, {}, {}), tmp_path / "r.html", 1.0)

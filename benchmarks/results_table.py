"""Write the table of first results in README.md from the files of a finished demo run.

    make demo; rm -r results; make demo    # the second time with compiled kernels
    .venv/bin/python benchmarks/results_table.py reference_data/demo.yaml

reads ``results/`` below the working directory and replaces what stands between the markers in README.md.
The rows of other callers come from ``benchmarks/na12878_peers.tsv``.
"""

import csv
import platform
import sys
from pathlib import Path

from genomehub.pipeline.summary import SampleSummary, Score, Summary, summarise
from genomehub.pipeline.workflow import read_run

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- results:", "<!-- /results -->"


def f1(found: int, false: int, missed: int) -> float:
    """Harmonic mean of precision and recall, from counts."""
    return 2 * found / (2 * found + false + missed)


def score_row(name: str, snv: tuple[int, int, int], indel: tuple[int, int, int]) -> str:
    cells = [
        f"{found} / {false} / {missed} | {f1(found, false, missed):.4f}"
        for found, false, missed in (snv, indel)
    ]
    return f"| {name} | {' | '.join(cells)} |"


def peer_rows() -> list[str]:
    lines = (HERE / "na12878_peers.tsv").read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t")
    counts = ("found", "false", "missed")
    return [
        score_row(
            row["caller"],
            *(tuple(int(row[f"{kind}_{count}"]) for count in counts) for kind in ("snv", "indel")),
        )
        for row in rows
    ]


def our_row(scores: list[Score]) -> str:
    snv, indel = ((score.found, score.false, score.missed) for score in scores)
    return score_row("**genomehub** (from FASTQ)", snv, indel)


def cost_rows(summary: Summary, sample: SampleSummary) -> list[str]:
    costs = {"reference build": summary.reference_cost, **sample.costs}
    return [
        f"| {step} | {spent.core_seconds:.1f} | {spent.wall_seconds:.1f} | {spent.peak_rss_bytes / 1e9:.2f} |"
        for step, spent in costs.items()
        if spent is not None
    ]


def table(summary: Summary) -> str:
    (sample,) = summary.samples
    return "\n".join([
        "NA12878, 52x, 20:10,000,500-10,099,500 inside the confident regions (`make demo`); "
        "found / false / missed:",
        "",
        "| caller | SNV | F1 | indel | F1 |",
        "|---|---|---|---|---|",
        our_row(sample.scores),
        *peer_rows(),
        "",
        "What each step of the demo cost, start of Python and loading of kernels included, once kernels are "
        f"compiled (the first run of a version compiles them; {platform.machine()}, Python "
        f"{platform.python_version()}):",
        "",
        "| step | core-seconds | seconds | GB |",
        "|---|---|---|---|",
        *cost_rows(summary, sample),
    ])  # fmt: skip


def main(config: str) -> None:
    text = README.read_text(encoding="utf-8")
    begin = text.index("\n", text.index(BEGIN)) + 1
    end = text.index(END)
    new = table(summarise(read_run(config), Path.cwd()))
    README.write_text(f"{text[:begin]}{new}\n{text[end:]}", encoding="utf-8")
    print(new)


if __name__ == "__main__":
    main(sys.argv[1])

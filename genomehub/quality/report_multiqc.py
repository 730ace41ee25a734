"""Files that MultiQC picks up: text in the formats of samtools and picard, and sections of our own.

A tool's format is used only where our numbers are the tool's numbers (tests/parity/test_qc.py compares them
with the tools); everything else goes into custom content (``*_mqc.json``).
"""

import json
from collections.abc import Mapping
from typing import Any

from genomehub.quality.metrics_variants import MAX_INDEL

_WIDTHS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)


def files(result: Mapping[str, Any]) -> dict[str, str]:
    """Return file name -> text for what stands in qc.json."""
    sample = result["sample"]  # MultiQC takes what stands before ".flagstat" and ".mapped" as the sample
    texts: dict[str, str] = {}
    if "reads" in result:
        texts[f"{sample}.flagstat.txt"] = flagstat_text(result["reads"]["flagstat"])
        texts[f"{sample}.mapped.coverage.txt"] = coverage_text(result["coverage"]["contigs"])
        if result["insert_size"]["orientations"]:
            texts[f"{sample}.mapped.insert_size_metrics.txt"] = insert_size_text(result["insert_size"])
    for name, content in _custom(result).items():
        texts[f"{sample}.{name}_mqc.json"] = json.dumps(content, indent=1) + "\n"
    return texts


def flagstat_text(counts: list[list[int]]) -> str:
    """The report of samtools flagstat 1.16, line by line."""
    keys = ("total", "primary", "secondary", "supplementary", "duplicates", "primary_duplicates", "mapped",
            "primary_mapped", "paired", "read1", "read2", "proper", "both", "singletons", "other",
            "other5")  # fmt: skip
    n = dict(zip(keys, counts, strict=True))

    def share(part: str, whole: str) -> str:
        return " : ".join(
            f"{100 * a / b:.2f}%" if b else "N/A" for a, b in zip(n[part], n[whole], strict=True)
        )

    lines = [
        ("total", "in total (QC-passed reads + QC-failed reads)"),
        ("primary", "primary"),
        ("secondary", "secondary"),
        ("supplementary", "supplementary"),
        ("duplicates", "duplicates"),
        ("primary_duplicates", "primary duplicates"),
        ("mapped", f"mapped ({share('mapped', 'total')})"),
        ("primary_mapped", f"primary mapped ({share('primary_mapped', 'primary')})"),
        ("paired", "paired in sequencing"),
        ("read1", "read1"),
        ("read2", "read2"),
        ("proper", f"properly paired ({share('proper', 'paired')})"),
        ("both", "with itself and mate mapped"),
        ("singletons", f"singletons ({share('singletons', 'paired')})"),
        ("other", "with mate mapped to a different chr"),
        ("other5", "with mate mapped to a different chr (mapQ>=5)"),
    ]
    return "".join(f"{n[key][0]} + {n[key][1]} {words}\n" for key, words in lines)


def coverage_text(contigs: list[dict[str, Any]]) -> str:
    """The table of samtools coverage, for contigs with reads or target bases."""
    lines = ["#rname\tstartpos\tendpos\tnumreads\tcovbases\tcoverage\tmeandepth\tmeanbaseq\tmeanmapq"]
    for row in contigs:
        length, n_reads, depth = row["length"], row["n_reads"], row["depth_sum"]
        cells = (
            row["name"], 1, length, n_reads, row["n_covered"], f"{100 * row['n_covered'] / length:.6g}",
            f"{depth / length:.6g}", f"{row['base_quality_sum'] / depth if depth else 0:.3g}",
            f"{row['mapping_quality_sum'] / n_reads if n_reads else 0:.3g}",
        )  # fmt: skip
        lines.append("\t".join(map(str, cells)))
    return "\n".join(lines) + "\n"


def insert_size_text(section: Mapping[str, Any]) -> str:
    """Metrics and histogram in the format of picard CollectInsertSizeMetrics."""
    columns = ["MEDIAN_INSERT_SIZE", "MODE_INSERT_SIZE", "MEDIAN_ABSOLUTE_DEVIATION", "MIN_INSERT_SIZE",
               "MAX_INSERT_SIZE", "MEAN_INSERT_SIZE", "STANDARD_DEVIATION", "READ_PAIRS", "PAIR_ORIENTATION",
               *(f"WIDTH_OF_{width}_PERCENT" for width in _WIDTHS), "SAMPLE", "LIBRARY",
               "READ_GROUP"]  # fmt: skip
    orientations = section["orientations"]
    lines = [
        "## htsjdk.samtools.metrics.StringHeader",
        "# genomehub qc: insert sizes as picard CollectInsertSizeMetrics defines them",
        "", "## METRICS CLASS\tpicard.analysis.InsertSizeMetrics", "\t".join(columns),
    ]  # fmt: skip
    for name, o in orientations.items():
        values = [o["median"], o["mode"], o["median_absolute_deviation"], o["min"], o["max"], o["mean"],
                  o["standard_deviation"], o["n_pairs"], name, *o["widths"], "", "", ""]  # fmt: skip
        lines.append("\t".join(_picard_number(value) for value in values))
    heads = [f"All_Reads.{name.lower()}_count" for name in orientations]
    lines += ["", "## HISTOGRAM\tjava.lang.Integer", "\t".join(["insert_size", *heads])]
    histograms = [o["histogram"] for o in orientations.values()]
    for size in range(max(map(len, histograms), default=0)):
        counts = [h[size] if size < len(h) else 0 for h in histograms]
        if any(counts):
            lines.append("\t".join(map(str, (size, *counts))))
    return "\n".join(lines) + "\n\n"


def _picard_number(value: Any) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _custom(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    sample = result["sample"]
    sections = {"general": _general(result)}
    if "coverage" in result:
        sections["coverage_cumulative"] = _line(
            "genomehub_coverage", "Coverage: share of bases", "depth, at least", "% of target bases", sample,
            _cumulative(result["coverage"]),
        )  # fmt: skip
        gc = enumerate(result["gc_content"]["relative_depth"])
        sections["gc_bias"] = _line(
            "genomehub_gc_bias", "Depth by GC content", "% G and C", "depth / mean depth", sample,
            {str(percent): value for percent, value in gc if value is not None},
        )  # fmt: skip
    if "variants" in result:
        lengths = result["variants"]["passing"]["indel_lengths"]
        sections["indel_lengths"] = _line(
            "genomehub_indels", "Indel lengths", "length, bp (deletions below 0)", "passing indels", sample,
            {str(i - MAX_INDEL): n for i, n in enumerate(lengths) if n},
        )  # fmt: skip
        sections["variants"] = _variant_bars(sample, result["variants"]["passing"])
    return sections


def _cumulative(coverage: Mapping[str, Any]) -> dict[str, float]:
    total, left, points = sum(coverage["histogram"]), sum(coverage["histogram"]), {}
    for depth, n in enumerate(coverage["histogram"]):
        if total and left / total >= 0.001:
            points[str(depth)] = round(100 * left / total, 3)
        left -= n
    return points


def _line(
    name: str, title: str, x: str, y: str, sample: str, points: Mapping[str, float]
) -> dict[str, Any]:  # fmt: skip
    return {
        "id": name,
        "parent_id": "genomehub",
        "parent_name": "genomehub",
        "section_name": title,
        "plot_type": "linegraph",
        "pconfig": {"id": f"{name}_plot", "title": f"genomehub: {title}", "xlab": x, "ylab": y},
        "data": {sample: dict(points)},
    }


def _variant_bars(sample: str, passing: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "genomehub_variants",
        "parent_id": "genomehub",
        "parent_name": "genomehub",
        "section_name": "Passing variants",
        "plot_type": "bargraph",
        "pconfig": {
            "id": "genomehub_variants_plot",
            "title": "genomehub: Passing variants",
            "ylab": "alleles",
        },
        "data": {sample: {kind: passing[kind] for kind in ("snv", "insertion", "deletion", "mnp")}},
    }


#: Column of MultiQC's general table: key of the summary, title, description, format.
_COLUMNS = (
    ("coverage_mean", "Coverage", "Mean depth of target bases", "{:,.1f}", "x", 1),
    ("coverage_at_10x", "≥ 10x", "Target bases at 10x or more", "{:,.1f}", "%", 100),
    ("coverage_at_20x", "≥ 20x", "Target bases at 20x or more", "{:,.1f}", "%", 100),
    ("fold_80", "Fold-80", "Mean depth over the depth that 80 % of bases reach", "{:,.2f}", "", 1),
    ("duplicate_fraction", "Dups", "Duplicates among mapped reads", "{:,.1f}", "%", 100),
    ("ti_tv", "Ti/Tv", "Transitions to transversions of passing SNVs", "{:,.2f}", "", 1),
    ("snvs", "SNVs", "Passing SNVs", "{:,.0f}", "", 1),
    ("indels", "Indels", "Passing indels", "{:,.0f}", "", 1),
    ("snv_f1", "SNV F1", "F1 of SNVs against the truth", "{:,.4f}", "", 1),
    ("indel_f1", "Indel F1", "F1 of indels against the truth", "{:,.4f}", "", 1),
)


def _general(result: Mapping[str, Any]) -> dict[str, Any]:
    summary = result["summary"]
    shown = [column for column in _COLUMNS if summary.get(column[0]) is not None]
    return {
        "id": "genomehub_general",
        "plot_type": "generalstats",
        "pconfig": [
            {name: {"title": title, "description": text, "format": form, "suffix": unit and f" {unit}",
                    "namespace": "genomehub"}}
            for name, title, text, form, unit, _ in shown
        ],
        "data": {result["sample"]: {name: summary[name] * scale for name, *_, scale in shown}},
    }  # fmt: skip

"""The page of one sample: qc.json as a self-contained HTML document.

Chooses what is shown and in which order; plots.py draws, report_text.py puts numbers into words, templates/
hold the markup.
"""

from collections.abc import Mapping
from typing import Any

from genomehub.quality import plots
from genomehub.quality.report_summary import LOOK, POOR, UNJUDGED
from genomehub.quality.report_text import count, data_size, percent, plain, render, seconds, with_unit

Section = dict[str, Any]


def sample_page(result: Mapping[str, Any]) -> str:
    """Return the page for what stands in qc.json."""
    sections = [build(result) for name, build in _SECTIONS.items() if name in result]
    return render(
        "sample.html", result={"coverage": None, **result}, sections=sections, tiles=_tiles(result),
        verdict=verdict(result["checks"]),
    )  # fmt: skip


def verdict(checks: list[dict[str, Any]]) -> dict[str, str]:
    """The worst level of all checks and a sentence."""
    for level, words in ((POOR, "outside of what is expected"), (LOOK, "worth a look")):
        labels = [row["label"] for row in checks if row["level"] == level]
        if labels:
            shown = f"{', '.join(labels[:-1])} and {labels[-1]}" if len(labels) > 1 else labels[0]
            return {"level": level, "text": f"{shown}: {words}."}
    judged = sum(row["level"] != UNJUDGED for row in checks)
    if not judged:
        return {"level": UNJUDGED, "text": "Nothing here has a limit to be judged by."}
    return {"level": "good", "text": f"All {judged} checks are as expected."}


def _tiles(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    summary = result["summary"]
    tiles: list[tuple[str, str, str]] = []
    if "reads" in result:
        tiles += [
            ("Mean coverage", with_unit(summary["coverage_mean"], "x"), ""),
            ("Bases at 10x or more", percent(summary["coverage_at_10x"], 1), ""),
            ("Reads", count(summary["reads"]), f"of {plain(summary['mean_read_length'], 0)} bp"),
            ("Duplicates", percent(summary["duplicate_fraction"], 1), ""),
            ("Insert size", plain(summary["insert_size_median"], 0), "bp (median)"),
        ]
    if "variants" in result:
        tiles += [
            ("SNVs, passing", count(summary["snvs"]), ""),
            ("Indels, passing", count(summary["indels"]), ""),
            ("Ti/Tv", plain(summary["ti_tv"]), ""),
        ]
    for kind, label in (("snv", "SNV F1"), ("indel", "Indel F1")):
        if f"{kind}_f1" in summary:
            tiles.append((label, plain(summary[f"{kind}_f1"], 4), ""))
    return tiles


def _coverage(result: Mapping[str, Any]) -> Section:
    coverage = result["coverage"]
    sex = result["sex"]
    depths = [(f"at {depth} or more", percent(share)) for depth, share in coverage["at_least"].items()]
    spread = [
        ("mean", f"{plain(coverage['mean'])}x"),
        ("median", f"{count(coverage['median'])}x"),
        ("standard deviation", f"{plain(coverage['standard_deviation'])}x"),
        ("evenness (1 is perfect)", plain(coverage["evenness"], 3)),
        ("fold-80 base penalty", plain(coverage["fold_80"])),
        ("target bases", count(coverage["target_bases"])),
    ]
    if sex["suggested"] is not None:
        ratios = f"X {plain(sex['x_ratio'])}, Y {plain(sex['y_ratio'])} of autosomes"
        spread.append((f"sex suggested: {sex['suggested']}", ratios))
    grid = None
    if len(coverage["contigs"]) > 1:
        rows = [
            (c["name"], count(c["length"]), count(c["n_reads"]), f"{plain(c['mean'])}x",
             percent(c["n_covered"] / c["length"]))
            for c in coverage["contigs"]
        ]  # fmt: skip
        grid = {"columns": ("contig", "length, bp", "reads", "mean depth", "covered"), "rows": rows}
    return {
        "id": "coverage",
        "title": "Coverage",
        "plots": [
            plots.coverage_histogram(coverage), plots.coverage_cumulative(coverage),
            plots.coverage_profile(coverage),
        ],
        "tables": [("Spread", spread), ("Share of target bases", depths)],
        "grid": grid,
        "note": "Unmapped, secondary, QC-failed and duplicate reads add no depth; both of two overlapping "
        "mates do.",
    }  # fmt: skip


def _reads(result: Mapping[str, Any]) -> Section:
    reads, errors, quality = result["reads"], result["errors"], result["base_quality"]
    counts = [
        ("primary reads", count(reads["primary"])),
        ("mapped", f"{count(reads['primary_mapped'])} ({percent(reads['mapped_fraction'])})"),
        (
            "properly paired",
            f"{count(reads['properly_paired'])} ({percent(reads['properly_paired_fraction'])})",
        ),
        ("duplicates", f"{count(reads['primary_duplicates'])} ({percent(reads['duplicate_fraction'])})"),
        ("mate on another contig", count(reads["mate_on_other_contig"])),
        ("mate unmapped", count(reads["singletons"])),
        ("supplementary alignments", count(reads["supplementary"])),
        ("secondary alignments", count(reads["secondary"])),
        ("MAPQ 0", percent(reads["mapq0_fraction"])),
    ]
    bases = [
        ("mean length", f"{plain(reads['mean_length'], 1)} bp"),
        ("bases", count(reads["n_bases"])),
        ("mean base quality", plain(quality["mean"], 1)),
        ("Q20 or better", percent(quality["q20_fraction"])),
        ("Q30 or better", percent(quality["q30_fraction"])),
        ("G and C", f"{plain(result['gc_content']['mean_percent'], 1)} %"),
        ("mismatches per aligned base", percent(errors["mismatch_rate"], 3)),
        ("insertions, deletions per base",
         f"{percent(errors['insertion_rate'], 3)}, {percent(errors['deletion_rate'], 3)}"),
        ("soft-clipped bases", percent(errors["soft_clipped_fraction"])),
    ]  # fmt: skip
    return {
        "id": "reads",
        "title": "Reads",
        "plots": [
            plots.quality_by_cycle(quality), plots.bases_by_cycle(quality), plots.base_quality(quality),
            plots.mapping_quality(reads), plots.insert_sizes(result["insert_size"]),
            plots.gc_content(result["gc_content"], reads["mean_length"] or 0),
        ],
        "tables": [("Reads", counts), ("Bases", bases), *_insert_tables(result["insert_size"])],
        "note": "",
        "grid": None,
    }  # fmt: skip


def _insert_tables(section: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (
            f"Insert sizes, {name}",
            [
                ("pairs", count(values["n_pairs"])),
                ("median", f"{plain(values['median'], 0)} bp"),
                ("mean", f"{plain(values['mean'], 1)} bp"),
                ("standard deviation", f"{plain(values['standard_deviation'], 1)} bp"),
                ("median absolute deviation", f"{plain(values['median_absolute_deviation'], 0)} bp"),
            ],
        )
        for name, values in section["orientations"].items()
    ]


def _duplicates(result: Mapping[str, Any]) -> Section:
    tables = [
        (f"Library {row.get('library') or 'of all reads'}",
         [(name.replace("_", " "), _cell(name, value)) for name, value in row.items() if name != "library"])
        for row in result["duplicates"]
    ]  # fmt: skip
    return {
        "id": "duplicates", "title": "Duplicates", "plots": [], "tables": tables, "grid": None,
        "note": "As picard MarkDuplicates counts them.",
    }  # fmt: skip


def _cell(name: str, value: Any) -> str:
    if isinstance(value, float):
        return percent(value) if name.startswith("percent") else plain(value, 4)
    return count(value) if isinstance(value, int) or value is None else str(value)


def _variants(result: Mapping[str, Any]) -> Section:
    variants = result["variants"]
    passing = variants["passing"]
    kinds = [
        ("sites with a variant", count(variants["with_alt"])),
        ("of them passing", f"{count(passing['sites'])} ({percent(variants['pass_fraction'])})"),
        ("SNVs", count(passing["snv"])),
        ("insertions", count(passing["insertion"])),
        ("deletions", count(passing["deletion"])),
        ("multi-base substitutions", count(passing["mnp"])),
        ("multiallelic sites", count(passing["multiallelic_sites"])),
    ]
    ratios = [
        ("Ti/Tv", plain(passing["ti_tv"], 3)),
        ("heterozygous", count(passing["heterozygous"])),
        ("homozygous", count(passing["homozygous"])),
        ("het/hom, SNVs", plain(passing["snv_het_hom"])),
        ("het/hom, indels", plain(passing["indel_het_hom"])),
        ("insertions/deletions", plain(passing["insertion_deletion"])),
        ("indels of 3, 6, 9, ... bp", percent(passing["frame_preserving_fraction"])),
    ]
    filters = [(name, count(n)) for name, n in variants["filters"].items() if n or name == "PASS"]
    return {
        "id": "variants",
        "title": "Variants",
        "plots": [
            plots.substitutions(variants), plots.indel_lengths(variants), plots.allele_balance(variants),
            plots.site_depth(variants), plots.site_quality(variants), plots.genotype_quality(variants),
        ],
        "tables": [("Passing variants", kinds), ("Ratios, passing", ratios), ("Sites by filter", filters)],
        "note": "Counted are sites where the sample carries an ALT allele.",
        "grid": None,
    }  # fmt: skip


def _evaluation(result: Mapping[str, Any]) -> Section:
    report = result["evaluation"]
    columns = ("", "found (TP)", "false (FP)", "missed (FN)", "precision", "recall", "F1")
    rows = [
        (label, count(row["tp_truth"]), count(row["fp"]), count(row["fn"]), plain(row["precision"], 4),
         plain(row["recall"], 4), plain(row["f1"], 4))
        for label, row in ((name, report.get(key)) for name, key in (("SNVs", "snv"), ("indels", "indel")))
        if row
    ]  # fmt: skip
    return {
        "id": "accuracy", "title": "Accuracy", "plots": [], "tables": [],
        "grid": {"columns": columns, "rows": rows},
        "note": f"Against the truth, haplotype by haplotype, within {count(report.get('confident_bp'))} "
        "confident bp; genotypes must agree.",
    }  # fmt: skip


def _costs(result: Mapping[str, Any]) -> Section:
    rows = [
        (row["command"], seconds(row["core_seconds"]), seconds(row["wall_seconds"]),
         data_size(row["peak_rss_bytes"]))
        for row in result["costs"]
    ]  # fmt: skip
    columns = ("step", "core time", "wall time", "peak memory")
    return {
        "id": "cost", "title": "Cost", "plots": [], "tables": [], "note": "",
        "grid": {"columns": columns, "rows": rows},
    }  # fmt: skip


#: Key of qc.json that must be there -> how its section is built, in the order of the page.
_SECTIONS = {
    "coverage": _coverage, "reads": _reads, "duplicates": _duplicates, "variants": _variants,
    "evaluation": _evaluation, "costs": _costs,
}  # fmt: skip

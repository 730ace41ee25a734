"""The few numbers that people ask for first, and what is good, to be looked at, or poor.

``LIMITS`` is the only home of the thresholds; docs/qc.md shows the same table, and a test compares both.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

GOOD, LOOK, POOR, UNJUDGED = "good", "look", "poor", "unjudged"


class Limit(NamedTuple):
    """What is expected of a number in the summary.

    name : key in the summary
    label : how people call it
    good, poor : bounds of what is good and of what is poor; between them one should look. For two-sided
        limits pairs (low, high)
    unit : "%" for shares, "x" for depth, "" for plain numbers
    needs : (key, least value) below which there is too little to judge
    why : what usually lies behind a poor value
    """

    name: str
    label: str
    good: float | tuple[float, float]
    poor: float | tuple[float, float]
    unit: str
    needs: tuple[str, int] | None
    why: str


LIMITS: tuple[Limit, ...] = (
    Limit("coverage_mean", "Mean coverage", 28.0, 15.0, "x", None,
          "Too little was sequenced, or much of it twice."),
    Limit("coverage_at_10x", "Bases at 10x or more", 0.95, 0.90, "%", None,
          "Low or uneven coverage; or the sample was captured and no regions were given."),
    Limit("fold_80", "Fold-80 base penalty", 1.35, 1.8, "", None, "Uneven coverage: PCR, GC bias, capture."),
    Limit("mapped_fraction", "Reads mapped", 0.98, 0.95, "%", None,
          "Contamination, adapters, another genome."),
    Limit("properly_paired_fraction", "Pairs properly placed", 0.95, 0.90, "%", None,
          "Chimeric or degraded library, or mates of different files."),
    Limit("duplicate_fraction", "Duplicates", 0.15, 0.30, "%", None,
          "Too many PCR cycles or too little DNA."),
    Limit("q30_fraction", "Bases of Q30 or better", 0.80, 0.70, "%", None, "A poor sequencing run."),
    Limit("error_rate", "Errors per aligned base", 0.01, 0.02, "%", None,
          "A poor run, damaged DNA, or a distant genome."),
    Limit("ti_tv", "Ti/Tv of passing SNVs", (1.95, 2.2), (1.8, 2.5), "", ("snvs", 1000),
          "False SNVs pull it towards 0.5; exomes have about 3."),
    Limit("het_hom", "Heterozygous to homozygous", (1.3, 2.1), (1.0, 2.6), "", ("snvs", 1000),
          "Contamination or mixed samples raise it, consanguinity lowers it."),
    Limit("insertion_deletion", "Insertions to deletions", (0.8, 1.2), (0.6, 1.5), "", ("indels", 1000),
          "Artefacts of alignment or of the run."),
    Limit("snv_f1", "SNV F1 against the truth", 0.99, 0.98, "%", None, "See the evaluation by stratum."),
    Limit("indel_f1", "Indel F1 against the truth", 0.97, 0.90, "%", None, "See the evaluation by stratum."),
)  # fmt: skip


def summarise(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary: flat, and None where a section is missing."""
    summary: dict[str, Any] = {}
    if "reads" in sections:
        summary |= _of_alignments(sections)
    if "variants" in sections:
        summary |= _of_variants(sections["variants"])
    for kind in ("snv", "indel"):
        scores = sections.get("evaluation", {}).get(kind, {})
        summary |= {f"{kind}_{key}": scores[key] for key in ("precision", "recall", "f1") if key in scores}
    return summary


def _of_alignments(sections: Mapping[str, Any]) -> dict[str, Any]:
    reads, quality, coverage = sections["reads"], sections["base_quality"], sections["coverage"]
    orientations = sections["insert_size"]["orientations"]
    inserts: dict[str, Any] = max(orientations.values(), key=lambda o: o["n_pairs"], default={})
    at_least = coverage["at_least"]
    return {
        "reads": reads["primary"],
        "mapped_fraction": reads["mapped_fraction"],
        "properly_paired_fraction": reads["properly_paired_fraction"],
        "duplicate_fraction": reads["duplicate_fraction"],
        "mean_read_length": reads["mean_length"],
        "q30_fraction": quality["q30_fraction"],
        "gc_percent": sections["gc_content"]["mean_percent"],
        "error_rate": sections["errors"]["error_rate"],
        "insert_size_median": inserts.get("median"),
        "insert_size_sd": inserts.get("standard_deviation"),
        "coverage_mean": coverage["mean"],
        "coverage_median": coverage["median"],
        "coverage_sd": coverage["standard_deviation"],
        "coverage_evenness": coverage["evenness"],
        "fold_80": coverage["fold_80"],
        **{f"coverage_at_{depth}x": at_least[f"{depth}x"] for depth in (1, 10, 20, 30)},
        "suggested_sex": sections["sex"]["suggested"],
    }


def _of_variants(variants: Mapping[str, Any]) -> dict[str, Any]:
    passing = variants["passing"]
    return {
        "variants": variants["with_alt"],
        "pass_fraction": variants["pass_fraction"],
        "snvs": passing["snv"],
        "indels": passing["insertion"] + passing["deletion"],
        "ti_tv": passing["ti_tv"],
        "het_hom": passing["snv_het_hom"],
        "insertion_deletion": passing["insertion_deletion"],
    }


def check(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Judge each number of the summary that has a limit; those that are not there are left out."""
    rows = []
    for limit in LIMITS:
        value = summary.get(limit.name)
        if value is None:
            continue
        rows.append(
            {
                "name": limit.name,
                "label": limit.label,
                "value": value,
                "unit": limit.unit,
                "level": _level(limit, value, summary),
                "good": wording(limit.good, limit.poor, limit.unit),
                "why": limit.why,
            }
        )
    return rows


def _level(limit: Limit, value: float, summary: Mapping[str, Any]) -> str:
    if limit.needs is not None and (summary.get(limit.needs[0]) or 0) < limit.needs[1]:
        return UNJUDGED
    if isinstance(limit.good, tuple) and isinstance(limit.poor, tuple):
        if limit.good[0] <= value <= limit.good[1]:
            return GOOD
        return POOR if value < limit.poor[0] or value > limit.poor[1] else LOOK
    assert not isinstance(limit.good, tuple)
    assert not isinstance(limit.poor, tuple)
    if limit.good > limit.poor:
        return GOOD if value >= limit.good else POOR if value < limit.poor else LOOK
    return GOOD if value <= limit.good else POOR if value > limit.poor else LOOK


def wording(good: float | tuple[float, float], poor: float | tuple[float, float], unit: str) -> str:
    """Say in words what is good.

    Examples
    --------
    >>> wording(0.95, 0.9, "%"), wording((1.95, 2.2), (1.8, 2.5), "")
    ('at least 95 %', '1.95 to 2.2')
    """
    if isinstance(good, tuple):
        return f"{shown(good[0], unit)} to {shown(good[1], unit)}"
    assert not isinstance(poor, tuple)
    return f"{'at least' if good > poor else 'at most'} {shown(good, unit)}"


def shown(value: float, unit: str) -> str:
    """A bound as people write it."""
    return f"{100 * value:.3g} %" if unit == "%" else f"{value:.4g}{unit}"

"""Tables and plots of the callers' benchmark for people."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aligner_tables import table, title

from genomehub.quality.strata import SIZES

#: Rows of a table of errors: label, and where the report of ``genomehub evaluate`` has it.
CLASSES: tuple[tuple[str, tuple[str, str, str]], ...] = (
    ("SNV", ("all", "all", "snv")),
    *((f"  {name}", ("all", name, "snv")) for name in ("het", "hom")),
    *((f"  {name}", (name.lower(), "all", "snv")) for name in ("elsewhere", "homopolymer", "STR")),
    ("indel", ("all", "all", "indel")),
    *((f"  {name} bp", ("all", "all", f"indel_{name}")) for name in SIZES),
    *((f"  {name}", ("all", name, "indel")) for name in ("het", "hom")),
    *((f"  {name}", (name.lower(), "all", "indel")) for name in ("elsewhere", "homopolymer", "STR")),
    ("MNP", ("all", "all", "mnp")),
    ("all", ("all", "all", "all")),
)
_NOTHING = {"tp_truth": 0, "tp_calls": 0, "fp": 0, "fn": 0, "f1": None, "genotype_mismatches": 0}


def cell(scores: dict[str, Any], place: tuple[str, str, str]) -> dict[str, Any]:
    """Scores of one class of a report or of one of its strata; zeros where nothing was counted."""
    repeat, genotype, kind = place
    row: dict[str, Any] = scores["classes"].get(repeat, {}).get(genotype, {}).get(kind, _NOTHING)
    return row


def errors(row: dict[str, Any]) -> int:
    """False and missed together."""
    return int(row["fp"] + row["fn"])


def error_rows(
    reports: dict[str, dict[str, Any]], ours: str, stratum: str | None
) -> Iterator[tuple[str, dict[str, dict[str, Any]], float | None]]:
    """Yield each class that anybody has something in: label, scores by caller, our errors by the best peer's.

    The ratio is None where there is no peer, infinite where the best peer makes no error and we do.
    """
    scores = {
        name: report if stratum is None else report["strata"][stratum] for name, report in reports.items()
    }
    for label, place in CLASSES:
        row = {name: cell(part, place) for name, part in scores.items()}
        if not any(errors(one) or one["tp_truth"] for one in row.values()):
            continue
        peers = [errors(one) for name, one in row.items() if name != ours]
        ratio = None
        if peers and ours in row:
            mine, best = errors(row[ours]), min(peers)
            ratio = mine / best if best else (float("inf") if mine else 1.0)
        yield label, row, ratio


def print_scores(name: str, reports: dict[str, dict[str, Any]], ours: str, stratum: str | None) -> None:
    """F1, false and missed by class; ours beside the better peer."""
    heading = f"{name}: false + missed (F1)"
    title(f"{heading}, {stratum} regions" if stratum else heading)
    rows = []
    for label, row, ratio in error_rows(reports, ours, stratum):
        truth = max(one["tp_truth"] + one["fn"] for one in row.values())
        cells = [f"{one['fp']} + {one['fn']} ({_share(one['f1'])})" for one in row.values()]
        rows.append((label, f"{truth:,}", *cells, "" if ratio is None else f"{ratio:.2f}"))
    table(("", "true", *reports, "ours / better peer"), rows)


def print_speed(rows: list[dict[str, Any]]) -> None:
    """CPU seconds and memory of one run, all callers."""
    title(
        f"{rows[0]['input']}: BAM to bgzipped, indexed VCF, {rows[0]['covered_bp'] / 1e6:g} Mbp, one thread"
    )
    ours = next((row["per_mbp"] for row in rows if row["caller"] == "genomehub"), None)
    table(
        ("caller", "CPU s per Mbp", "without start-up", "CPU s", "median", "start-up", "wall s", "peak MB",
         "ours / its"),
        [
            (
                row["caller"], f"{row['per_mbp']:.2f}", f"{row['per_mbp_without_start']:.2f}",
                f"{row['seconds']:.1f}", f"{row['seconds_median']:.1f}", f"{row['fixed_seconds']:.1f}",
                f"{row['wall_seconds']:.1f}", f"{row['peak_rss_bytes'] / 1e6:,.0f}",
                "" if ours is None else f"{ours / row['per_mbp']:.2f}",
            )
            for row in rows
        ],
    )  # fmt: skip


def print_depth(rows: list[dict[str, Any]]) -> None:
    """F1 at each depth, all callers."""
    title("F1 against depth (mean over draws of the reads)")
    table(
        ("caller", "depth", "SNV F1", "false", "missed", "indel F1", "false", "missed"),
        [
            (
                row["caller"], f"{row['depth']:.0f}x",
                *(
                    text
                    for kind in ("snv", "indel")
                    for text in (_share(row[kind]["f1"]), f"{row[kind]['fp']:.1f}", f"{row[kind]['fn']:.1f}")
                ),
            )
            for row in rows
        ],
    )  # fmt: skip


def print_differences(peer: str, rows: Sequence[dict[str, Any]], n_same: int) -> None:
    """Each call that one of two sides has alone, and what the truth says of it."""
    title(f"genomehub and {peer}, allele by allele: {n_same} calls the same")
    table(
        ("position", "alleles", "genomehub", "truth says", peer, "truth says", "confident"),
        [
            (
                row["place"], row["alleles"], row["ours"] or "-", row["ours_is"] or "-", row["theirs"] or "-",
                row["theirs_is"] or "-", "yes" if row["confident"] else "no",
            )
            for row in rows
        ],
    )  # fmt: skip


def print_trio(row: dict[str, Any]) -> None:
    """Mendelian check."""
    title("Trio: sites where all three are sure (GQ >= 20, PASS)")
    print(f"{row['judged']} sites judged, {len(row['violations'])} against Mendel's rules")
    table(
        ("position", "child", "father", "mother", ""),
        [
            (site["place"], *(" / ".join(alleles) for alleles in site["alleles"]),
             "de novo candidate" if site["de_novo"] else "")
            for site in row["violations"]
        ],
    )  # fmt: skip


def print_profile(row: dict[str, Any]) -> None:
    """CPU seconds of our stages."""
    title(f"Where genomehub call spends its time: {row['covered_bp'] / 1e6:g} Mbp, one thread")
    megabases = row["covered_bp"] / 1e6
    rows = [
        (stage, f"{seconds:.2f}", f"{seconds / megabases:.3f}", f"{100 * seconds / row['seconds']:.1f}",
         f"{row['raised_bytes'][stage] / 1e6:,.0f}")
        for stage, seconds in row["stages"].items()
    ]  # fmt: skip
    total = (f"{row['seconds']:.2f}", f"{row['seconds'] / megabases:.3f}", "100.0",
             f"{row['peak_rss_bytes'] / 1e6:,.0f}")  # fmt: skip
    table(("stage", "CPU s", "CPU s per Mbp", "%", "raises the peak by MB"), [*rows, ("all", *total)])
    if row["missing"]:
        print(f"not clocked, because the pipeline has no such function: {', '.join(row['missing'])}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def plot_errors(reports: dict[str, dict[str, Any]], ours: str, path: Path) -> None:
    """Write a PNG: false and missed variants of each class and caller, side by side."""
    plt = _pyplot()
    rows = list(error_rows(reports, ours, None))
    figure, axes = plt.subplots(figsize=(9, 0.45 * len(rows) + 1.2), layout="constrained")
    height = 0.8 / len(reports)
    for number, name in enumerate(reports):
        places = [i + number * height for i in range(len(rows))]
        axes.barh(places, [errors(row[name]) for _, row, _ in rows], height, label=name)
    axes.set(
        yticks=[i + 0.4 - height / 2 for i in range(len(rows))],
        yticklabels=_full([label for label, *_ in rows]),
        xlabel="false + missed",
        xscale="symlog",
    )
    axes.invert_yaxis()
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _full(labels: Sequence[str]) -> list[str]:
    """Labels with the kind that an indented one belongs to."""
    kind, full = "", []
    for label in labels:
        kind = kind if label.startswith(" ") else label
        full.append(f"{kind} {label.strip()}" if label.startswith(" ") else label)
    return full


def plot_depth(rows: list[dict[str, Any]], path: Path) -> None:
    """Write a PNG: F1 of SNVs and of indels against depth, one line a caller."""
    plt = _pyplot()
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for axes, kind in zip(panels, ("snv", "indel"), strict=True):
        for name in dict.fromkeys(row["caller"] for row in rows):
            mine = [row for row in rows if row["caller"] == name and row[kind]["f1"] is not None]
            axes.plot([row["depth"] for row in mine], [row[kind]["f1"] for row in mine], "o-", label=name)
        axes.set(title="SNV" if kind == "snv" else "indel", xlabel="mean depth", ylabel="F1")
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _pyplot() -> Any:
    import matplotlib  # a second to load, so only where a plot is drawn

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt

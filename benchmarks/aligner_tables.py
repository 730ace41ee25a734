"""Tables of the aligners' benchmark for people."""

import statistics
from collections.abc import Sequence
from typing import Any

from alignment_agreement import LABELS


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns, the first to the left and the others to the right."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *cells]))


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}\n{'-' * len(text)}")


def _megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:,.0f}"


def print_index(rows: list[dict[str, Any]]) -> None:
    """What indexes cost."""
    title("Index")
    table(
        ("aligner", "threads", "CPU s", "wall s", "peak MB", "on disk MB"),
        [
            (
                row["aligner"], str(row["threads"]), f"{row['seconds']:.1f}", f"{row['wall_seconds']:.1f}",
                _megabytes(row["peak_rss_bytes"]), _megabytes(row["output_bytes"]),
            )
            for row in rows
        ],
    )  # fmt: skip


def print_sharing(row: dict[str, Any]) -> None:
    """Memory of processes that hold our index."""
    title(f"{row['input']}: processes that share genomehub's index")
    print(f"{_megabytes(row['index_bytes'])} MB are opened in {1000 * row['load_seconds']:.1f} ms\n")
    held = [("nothing", row["empty"]), ("the index, alone", row["alone"])]
    held += [(f"the index, {which} of two", memory) for which, memory in enumerate(row["two"], start=1)]
    table(
        ("a process that holds", "RSS MB", "PSS MB"),
        [(what, _megabytes(memory["rss_bytes"]), _megabytes(memory["pss_bytes"])) for what, memory in held],
    )


def print_speed(rows: list[dict[str, Any]], threads: int) -> None:
    """CPU seconds of one run, all aligners."""
    title(f"FASTQ.gz to a sorted, duplicate-marked, indexed BAM of level 1, {threads} thread(s)")
    times = ("per_million_pairs", "seconds", "seconds_median", "fixed_seconds", "wall_seconds")
    table(
        (
            "aligner", "ours / its", "CPU s per 1 M pairs", "CPU s", "median", "start-up", "wall s",
            "peak MB", "BAM MB",
        ),
        [
            (
                row["aligner"], f"{row['ratio']:.2f}" if "ratio" in row else "",
                *("-" if row[name] is None else f"{row[name]:.1f}" for name in times),
                _megabytes(row["peak_rss_bytes"]), _megabytes(row["output_bytes"]),
            )
            for row in rows
        ],
    )  # fmt: skip


def print_sizes(speeds: list[dict[str, Any]], threads: int) -> None:
    """Runs on two genomes in turn; start-up included."""
    title(f"{speeds[0]['input']} and {speeds[1]['input']}, CPU s per 1 M pairs in turn, {threads} thread(s)")
    each = [[1e6 * seconds / row["pairs"] for seconds in row["all_seconds"]] for row in speeds]
    ratios = [one / other for one, other in zip(*each, strict=True)]
    columns = [*each, ratios]
    table(
        ("round", *(row["input"] for row in speeds), "ratio of throughput"),
        [
            (name, *(f"{value:.{digits}f}" for value, digits in zip(values, (1, 1, 2), strict=True)))
            for name, values in (
                *((str(i), values) for i, values in enumerate(zip(*columns, strict=True), start=1)),
                ("median", [statistics.median(column) for column in columns]),
            )
        ],
    )


def print_accuracy(rows: list[dict[str, Any]], calibration: bool = False) -> None:
    """Placement of simulated reads; with ``calibration`` also the errors of each bin of qualities."""
    title("Placement of simulated reads, % of all; wrong reads at MAPQ thresholds")
    lows = [step["mapping_quality"] for step in rows[0]["at_least"]] if rows else []
    table(
        (
            "aligner", "reads", "right %", "unmapped %", "placed>=20 %", "wrong",
            *(f"wrong>={low}" for low in lows), "wrong>=20 %",
        ),
        [
            (
                row["aligner"], f"{row['reads']:,}", f"{row['right_percent']:.3f}",
                f"{100 * row['unmapped'] / max(1, row['reads']):.3f}", f"{row['placed20_percent']:.3f}",
                f"{row['wrong']:,}", *(f"{step['wrong']:,}" for step in row["at_least"]),
                f"{row['at_least'][lows.index(20)]['wrong_percent']:.4f}",
            )
            for row in rows
        ],
    )  # fmt: skip
    for row in rows if calibration else ():
        title(f"{row['aligner']}: errors by mapping quality")
        table(
            ("MAPQ", "placed", "wrong", "error rate", "promised"),
            [
                (
                    f"{step['low']}-{step['high']}", f"{step['placed']:,}", f"{step['wrong']:,}",
                    f"{step['observed']:.1e}", f"{step['expected']:.1e}",
                )
                for step in row["calibration"]
            ],
        )  # fmt: skip


def print_real(row: dict[str, Any]) -> None:
    """Agreement with bwa mem."""
    title(f"{row['input']}: genomehub and bwa mem, {row['reads']:,} reads")
    print(
        f"of the {row['bwa_sure']:,} reads that bwa mem places with MAPQ >= 30, {row['near_percent']:.2f} % "
        f"lie near ours, and {row['near_and_sure_percent']:.2f} % do and have MAPQ >= 30 with us too"
    )
    shares = row["mapped_percent"]
    lows = list(next(iter(shares.values())))
    print()
    table(
        ("placed, % of reads", *("mapped" if low == "0" else f"MAPQ >= {low}" for low in lows)),
        [(name, *(f"{share[low]:.2f}" for low in lows)) for name, share in shares.items()],
    )
    print("\nmapping quality, rows ours, columns bwa's")
    counts = zip(LABELS, row["quality_table"], strict=True)
    table(("", *LABELS), [(label, *(f"{count:,}" for count in numbers)) for label, numbers in counts])
    print("\nduplicates of our BAM")
    judged = {name: answer for name, answer in row["duplicates"].items() if name != "reads"}
    table(
        ("marked by", "reads", "otherwise than ours", "equal %"),
        [
            (name, f"{a['duplicates']:,}", f"{a['differ']:,}", f"{a['equal_percent']:.3f}")
            if "differ" in a
            else (name, f"{a['duplicates']:,}", "", "")
            for name, a in judged.items()
        ],
    )


def print_profile(row: dict[str, Any]) -> None:
    """CPU seconds of our stages."""
    title(f"Where genomehub align spends its time: {row['pairs']:,} pairs, one thread")
    rates, raised = row["per_million_pairs"], row["raised_bytes"]
    rows = [
        (
            stage, f"{seconds:.2f}", f"{rates[stage]:.2f}" if stage in rates else "",
            f"{100 * seconds / row['seconds']:.1f}", _megabytes(raised[stage]),
        )
        for stage, seconds in row["stages"].items()
    ]  # fmt: skip
    total = f"{row['seconds']:.2f}", f"{sum(rates.values()):.2f}", "100.0", _megabytes(row["peak_rss_bytes"])
    table(("stage", "CPU s", "CPU s per 1 M pairs", "%", "raises the peak by MB"), [*rows, ("all", *total)])
    if row["missing"]:
        print(f"not clocked, because the pipeline has no such function: {', '.join(row['missing'])}")

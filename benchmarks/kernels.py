"""How fast the vector kernels are, against their scalar selves and against parasail where it is installed.

    python benchmarks/kernels.py                     a table; --json FILE appends rows (- prints them)
    python benchmarks/kernels.py --compile           adds the seconds of a first call with an empty cache
    python benchmarks/kernels.py --digest            hashes of results: equal on every CPU target
    pip install parasail                             brings in the peer

Seconds are CPU seconds of the thread, the least of interleaved repeats: other work on the machine stretches
single runs, so compare rivals of one run only. Every rival's scores are compared with ours first.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import scalar_kernels as scalar

from genomehub.kernels.banded import align_banded
from genomehub.kernels.local import local_scores
from genomehub.kernels.pairhmm import log10_likelihoods
from genomehub.kernels.pairwise import align_global
from genomehub.types import AlignmentScoring

parasail: Any = importlib.import_module("parasail") if importlib.util.find_spec("parasail") else None

LOCAL = AlignmentScoring(match=1, mismatch=4, gap_open=6, gap_extend=1, end_bonus=0)
GATK = (200, -150, -260, -11)


class Task(NamedTuple):
    """One kernel on one input, and who else does it."""

    name: str
    work: float
    unit: str
    contestants: dict[str, Callable[[], Any]]  # the first is ours; each returns what `agree` compares
    tolerance: float = 0.0


# --- inputs -------------------------------------------------------------------------------------------------
def flat(sequences: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.zeros(len(sequences) + 1, np.int64)
    np.cumsum([s.size for s in sequences], out=offsets[1:])
    return np.concatenate(sequences).astype(np.uint8), offsets


def text(codes: np.ndarray) -> str:
    return np.frombuffer(b"ACGTNN", np.uint8)[codes].tobytes().decode()


def reads_in_windows(n: int, length: int, margin: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Reads with 2 % of bases changed, every other with a gap of 1-8 bp, in windows with a margin."""
    rng = np.random.default_rng(7)
    queries, targets = [], []
    for k in range(n):
        target = rng.integers(0, 4, length + 2 * margin).astype(np.uint8)
        query = target[margin : margin + length].copy()
        if k % 2:
            at, gap = int(rng.integers(20, length - 20)), int(rng.integers(1, 9))
            query = np.concatenate([query[:at], target[margin + at + gap :][: length - at]])
        changed = rng.random(length) < 0.02
        query[changed] = (query[changed] + 1) % 4
        queries.append(query)
        targets.append(target)
    return queries, targets


def active_regions(n: int, n_reads: int, n_haplotypes: int, length: int, read_length: int) -> tuple[Any, ...]:
    """Regions with haplotypes that differ at two places around their middle, and reads of them."""
    rng = np.random.default_rng(11)
    reads, haplotypes = [], []
    for _ in range(n):
        ancestor = rng.integers(0, 4, length).astype(np.uint8)
        family = [ancestor.copy() for _ in range(n_haplotypes)]
        for h, haplotype in enumerate(family):
            for bit, place in enumerate((length // 2 - 15, length // 2 + 15)):
                haplotype[place] = (haplotype[place] + (h >> bit & 1)) % 4
        for k in range(n_reads):
            start = int(rng.integers(0, length - read_length + 1))
            read = family[k % n_haplotypes][start : start + read_length].copy()
            changed = rng.random(read_length) < 0.005
            read[changed] = (read[changed] + 1) % 4
            reads.append(read)
        haplotypes += family
    bases, read_offsets = flat(reads)
    quals = rng.integers(20, 41, bases.size).astype(np.uint8)
    constant = [np.full(bases.size, q, np.uint8) for q in (45, 45, 10)]
    starts = np.arange(n + 1) * n_reads, np.arange(n + 1) * n_haplotypes
    return bases, quals, *constant, read_offsets, *flat(haplotypes), *starts


# --- tasks --------------------------------------------------------------------------------------------------
def parasail_matrix(match: int, mismatch: int) -> Any:
    return parasail.matrix_create("ACGT", match, mismatch)


def banded_task(length: int, band: int, n: int) -> Task:
    queries, targets = reads_in_windows(n, length, band)
    problems = (*flat(queries), *flat(targets), band, LOCAL)
    contestants: dict[str, Callable[[], Any]] = {
        "genomehub": lambda: align_banded(*problems)[0],
        "scalar": lambda: scalar.banded_totals(*problems),
    }
    if parasail:
        matrix, texts = (
            parasail_matrix(1, -4),
            [(text(q), text(t)) for q, t in zip(queries, targets, strict=True)],
        )
        contestants["parasail"] = lambda: np.array(
            [parasail.sw_trace_striped_sat(q, t, 7, 1, matrix).score for q, t in texts]
        )
    return Task(f"align_banded, {length} bp, band {band}", n, "alignments", contestants)


def local_task(length: int, window: int, n: int, scoring: AlignmentScoring, width: str) -> Task:
    queries, targets = reads_in_windows(n, length, (window - length) // 2)
    problems = (*flat(queries), *flat(targets), scoring)
    contestants: dict[str, Callable[[], Any]] = {
        "genomehub": lambda: local_scores(*problems)[0],
        "scalar": lambda: scalar.local_scores(*problems),
    }
    if parasail:
        matrix = parasail_matrix(scoring.match, -scoring.mismatch)
        texts = [(text(q), text(t)) for q, t in zip(queries, targets, strict=True)]
        gaps = scoring.gap_open + scoring.gap_extend, scoring.gap_extend
        contestants["parasail"] = lambda: np.array(
            [parasail.sw_striped_sat(q, t, *gaps, matrix).score for q, t in texts]
        )
    return Task(f"local_scores, {length} in {window} bp, {width}", n * length * window, "cells", contestants)


def global_task(length: int, n: int) -> Task:
    queries, targets = reads_in_windows(n, length, 10)
    pairs = list(zip(queries, targets, strict=True))
    contestants: dict[str, Callable[[], Any]] = {
        "genomehub": lambda: np.array([align_global(q, t, *GATK)[0] for q, t in pairs]),
        "scalar": lambda: np.array([scalar.global_score(q, t, *GATK) for q, t in pairs]),
    }
    if parasail:
        matrix, texts = parasail_matrix(200, -150), [(text(q), text(t)) for q, t in pairs]
        contestants["parasail"] = lambda: np.array(
            [parasail.nw_trace_striped_32(q, t, 260, 11, matrix).score for q, t in texts]
        )
    return Task(f"align_global, {length} bp", n, "alignments", contestants)


def pairhmm_task(n_regions: int, n_reads: int, n_haplotypes: int, read_length: int = 150) -> Task:
    regions = active_regions(n_regions, n_reads, n_haplotypes, 300, read_length)
    contestants: dict[str, Callable[[], Any]] = {
        "genomehub": lambda: log10_likelihoods(*regions),
        "scalar": lambda: scalar.log10_likelihoods(*regions),
    }
    cells = n_regions * n_reads * n_haplotypes * read_length * 300
    name = f"log10_likelihoods, {n_reads} reads x {n_haplotypes} haplotypes"
    return Task(name, cells, "cells", contestants, tolerance=1e-5)


TASKS: dict[str, Callable[[], Task]] = {
    "banded-20": lambda: banded_task(150, 20, 3200),
    "banded-50": lambda: banded_task(150, 50, 1600),
    "local-8": lambda: local_task(150, 500, 1280, LOCAL, "8 bits"),
    "local-16": lambda: local_task(150, 500, 640, AlignmentScoring(2, 8, 12, 2, 0), "16 bits"),
    "global": lambda: global_task(300, 100),
    "pairhmm-1": lambda: pairhmm_task(10, 64, 1),
    "pairhmm-4": lambda: pairhmm_task(5, 64, 4),
}


# --- running ------------------------------------------------------------------------------------------------
def agree(task: Task) -> None:
    """Run every contestant once (which also compiles it) and stop if one answers otherwise than we do."""
    results = {name: run() for name, run in task.contestants.items()}
    ours = results["genomehub"]
    for name, result in results.items():
        np.testing.assert_allclose(result, ours, rtol=0, atol=task.tolerance, err_msg=f"{task.name}: {name}")


def measure(task: Task, repeats: int) -> dict[str, float]:
    """Return the least CPU seconds of each contestant over interleaved repeats."""
    least = dict.fromkeys(task.contestants, float("inf"))
    for _ in range(repeats):
        for name, run in task.contestants.items():
            start = time.thread_time()
            run()
            least[name] = min(least[name], time.thread_time() - start)
    return least


def first_call_seconds(key: str) -> float:
    """Compile a task's kernel in a fresh process with an empty cache; CPU seconds of its first call."""
    with tempfile.TemporaryDirectory() as empty:
        command = [sys.executable, __file__, "--first-call", key]
        environment = os.environ | {"NUMBA_CACHE_DIR": empty}
        return float(
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        )


def first_call(key: str) -> float:
    ours = TASKS[key]().contestants["genomehub"]
    start = time.thread_time()
    ours()
    return time.thread_time() - start


def digest(key: str) -> str:
    return hashlib.sha256(
        np.ascontiguousarray(TASKS[key]().contestants["genomehub"]()).tobytes()
    ).hexdigest()[:16]


def environment() -> dict[str, Any]:
    """Return what a reader needs to know about where rows were measured."""
    repository = Path(__file__).resolve().parents[1]
    sha = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=repository, capture_output=True, text=True
    )
    versions = {"python": platform.python_version(), "numba": numba.__version__, "numpy": np.__version__}
    if parasail:
        versions["parasail"] = parasail.__version__
    cpu = os.environ.get("NUMBA_CPU_NAME") or numba.core.codegen.ll.get_host_cpu_name()
    return {"git_sha": sha.stdout.strip(), "machine": platform.machine(), "cpu": cpu, "versions": versions}


def rows_of(task: Task, seconds: dict[str, float], compile_seconds: float | None) -> list[dict[str, Any]]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return [
        {
            "task": task.name,
            "contestant": name,
            "seconds": spent,
            "rate": task.work / spent,
            "unit": f"{task.unit}/s",
            "ours_is_faster_by": spent / seconds["genomehub"],
            "compile_seconds": compile_seconds if name == "genomehub" else None,
            "threads": 1,
            "peak_rss_bytes": peak,
        }
        for name, spent in seconds.items()
    ]


def table_line(row: dict[str, Any]) -> str:
    rate = (
        f"{row['rate'] / 1e9:8.2f} G{row['unit']}"
        if row["unit"] == "cells/s"
        else f"{1e6 / row['rate']:8.2f} us each"
    )
    compiling = "" if row["compile_seconds"] is None else f"  first call {row['compile_seconds']:.1f} s"
    return (
        f"{row['task']:<44} {row['contestant']:<10} {rate:<18} {row['ours_is_faster_by']:7.1f} x{compiling}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "tasks", nargs="*", choices=[[], *TASKS], help=f"which ({', '.join(TASKS)}; default all)"
    )
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", metavar="FILE", help="append rows as JSON lines (- for standard output)")
    parser.add_argument("--compile", action="store_true", help="also time first calls with an empty cache")
    parser.add_argument("--digest", action="store_true", help="print hashes of our results and nothing else")
    parser.add_argument("--first-call", choices=list(TASKS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first_call:
        print(first_call(options.first_call))
        return
    for key in options.tasks or TASKS:
        if options.digest:
            print(f"{key:<12} {digest(key)}")
            continue
        task = TASKS[key]()
        agree(task)
        rows = rows_of(
            task, measure(task, options.repeats), first_call_seconds(key) if options.compile else None
        )
        lines = [json.dumps(row | environment()) for row in rows] if options.json else []
        if options.json and options.json != "-":
            with Path(options.json).open("a") as file:
                file.write("".join(f"{line}\n" for line in lines))
        print("\n".join(lines if options.json == "-" else [table_line(row) for row in rows]))


if __name__ == "__main__":
    main()

"""Rows of benchmarks that only ever grow, with what explains them: date, commit, machine, versions."""

import datetime
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from genomehub import __version__
from genomehub.pipeline.benchmark_inputs import checkout

_PACKAGES = ("numpy", "numba", "llvmlite", "zarr", "dask", "pysam", "isal")


def machine() -> dict[str, Any]:
    """The machine as far as it explains times; no name, no address."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def versions() -> dict[str, str]:
    """Versions of what decides about speed."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in _PACKAGES}}


def git_sha() -> str | None:
    """Commit of the checkout, with "+" if it was changed since; None outside of one."""
    root = checkout()
    if root is None or shutil.which("git") is None:
        return None
    answers = [
        subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
        for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    ]
    if answers[0].returncode != 0:
        return None
    return answers[0].stdout.strip() + ("+" if answers[1].stdout.strip() else "")


def default_history() -> Path:
    """benchmarks/history.jsonl of the checkout, else a file in the working directory."""
    root = checkout()
    return root / "benchmarks" / "history.jsonl" if root else Path("genomehub-benchmarks.jsonl")


def append_history(path: str | os.PathLike[str], rows: Sequence[dict[str, Any]]) -> None:
    """Append rows to a history, each with date, version, commit, machine and versions."""
    common = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "git_sha": git_sha(),
        "machine": machine(),
        "versions": versions(),
    }
    lines = "".join(json.dumps({**row, **common}) + "\n" for row in rows)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Path(path).open("a", encoding="utf-8") as handle:
        handle.write(lines)


def turnaround_rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the history for a measured turnaround: one a stage, one for the genome."""
    shared = {"input": result["input"], "threads": result["threads"]}
    rows = [
        {
            "task": f"turnaround.{row['stage']}",
            **shared,
            "seconds": row["core_seconds"],
            "wall_seconds": row["wall_seconds"],
            "peak_rss_bytes": row["peak_rss_bytes"],
            "input_bytes": row["input_bytes"],
            "output_bytes": row["output_bytes"],
            "fixed_seconds": row["fixed_core_seconds"],
            "reference_seconds": row["reference_core_seconds"],
            "compile_seconds": row["compile_seconds"],
            "unit": row["unit"],
            "genome_core_hours": row["genome_core_hours"],
        }
        for row in [
            *result["stages"],
            *({**peer, "stage": f"peer.{peer['stage']}"} for peer in result["peers"]),
        ]
    ]
    if result["reference"] is not None:
        usage = dict(result["reference"])
        rows.insert(
            0, {"task": "turnaround.reference", **shared, "seconds": usage.pop("core_seconds"), **usage}
        )
    genome = {"core_hours": result["core_hours"], "price": result["price"]}
    return [
        *rows,
        {"task": "turnaround", **shared, "sample": result["sample"], "genome": result["genome"], **genome},
    ]

"""Small files that stages leave behind: JSON of ours, metrics of picard, benchmark tables of Snakemake."""

import csv
import json
import os
from typing import Any

from genomehub.errors import InputError
from genomehub.files import require_file


def read_json(path: str | os.PathLike[str], what: str) -> dict[str, Any]:
    """Read a JSON object; ``what`` it should be is for messages.

    Raises
    ------
    NotFoundError, InputError
        Nothing is there, or it is no JSON object.
    """
    try:
        value = json.loads(require_file(path, f"{what} file").read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            f"{path}: is not JSON ({error}); the {what} that genomehub wrote was expected."
        ) from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds a {type(value).__name__}; a JSON object was expected as {what}.")
    return value


def read_qc(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read qc.json.

    Raises
    ------
    InputError
        It is something else, or of another format version.
    """
    value = read_json(path, "quality metrics")
    if value.get("format") != "genomehub-qc":
        raise InputError(f"{path}: is not the qc.json that 'genomehub qc' writes.")
    if value.get("format_version") != 1:
        raise InputError(
            f"{path}: has format version {value.get('format_version')}, this genomehub reads 1. Run "
            "genomehub qc again."
        )
    return value


def read_cost(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what ``genomehub --cost`` wrote: command, core_seconds, wall_seconds, peak_rss_bytes."""
    value = read_json(path, "cost")
    for key in ("core_seconds", "wall_seconds", "peak_rss_bytes"):
        if not isinstance(value.get(key), int | float):
            raise InputError(f"{path}: says no {key}; a file of 'genomehub --cost FILE' was expected.")
    return value


def read_benchmark(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a benchmark table of Snakemake as a cost; of several repeats the mean.

    Its CPU time is sampled and misses the last seconds of a job: prefer ``genomehub --cost``.
    """
    lines = require_file(path, "benchmark file").read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(lines, delimiter="\t"))
    try:
        cores, walls = ([_float(row[key]) for row in rows] for key in ("cpu_time", "s"))
        memory = max(_float(row["max_rss"]) for row in rows)
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{path}: is not a benchmark table of Snakemake (columns s, max_rss and cpu_time, a row or more)."
        ) from error
    return {
        "core_seconds": sum(cores) / len(cores),
        "wall_seconds": sum(walls) / len(walls),
        "peak_rss_bytes": int(memory * 1_000_000),
    }


def _float(text: str) -> float:
    return 0.0 if text in ("-", "NA", "") else float(text)  # short jobs end before the first sample


def read_picard_metrics(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read the rows of a metrics file in picard's format, names in lower case."""
    lines = iter(require_file(path, "metrics file").read_text(encoding="utf-8").splitlines())
    if next((line for line in lines if line.startswith("## METRICS CLASS")), None) is None:
        raise InputError(f"{path}: has no '## METRICS CLASS' line; a metrics file of picard was expected.")
    names = next(lines, "").split("\t")
    rows = []
    for line in lines:
        if not line.strip():
            break
        values = line.split("\t")
        if len(values) != len(names):
            raise InputError(f"{path}: a row has {len(values)} values for {len(names)} columns.")
        rows.append({name.lower(): _number(value) for name, value in zip(names, values, strict=True)})
    return rows


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None

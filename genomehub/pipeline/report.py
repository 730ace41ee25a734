"""Results of a run to one page: finds or takes what stages left behind, one row a sample.

How the page looks is the business of quality.report_run.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from genomehub.errors import InputError, NotFoundError
from genomehub.files import atomic_output, require_writable_parent
from genomehub.pipeline.report_inputs import read_benchmark, read_cost, read_json, read_qc
from genomehub.quality.report_run import run_page, stage_order
from genomehub.quality.report_summary import check


class RunFiles(NamedTuple):
    """What a run left behind.

    qc : sample -> folder of ``genomehub qc``
    evaluations : sample -> file of ``genomehub evaluate --json``
    entries : sample -> file of ``genomehub hub register --json``
    costs : (stage, sample or "") -> file of ``genomehub --cost``
    benchmarks : (stage, sample or "") -> Snakemake's benchmark table; a cost of the same stage wins
    """

    qc: dict[str, Path]
    evaluations: dict[str, Path]
    entries: dict[str, Path]
    costs: dict[tuple[str, str], Path]
    benchmarks: dict[tuple[str, str], Path]


def find_files(folder: str | os.PathLike[str]) -> RunFiles:
    """Find the files of a run where ``genomehub run`` puts them.

    Raises
    ------
    NotFoundError
        The folder is not there, or no sample in it has been measured.
    """
    folder = Path(folder)
    found = RunFiles({}, {}, {}, {}, {})
    for path in sorted(folder.glob("samples/*/qc/qc.json")):
        sample = path.parts[-3]
        home = path.parents[1]
        found.qc[sample] = path.parent
        for kind, files in (("evaluation", found.evaluations), ("catalogue", found.entries)):
            file = home / f"{sample}.{kind}.json"
            if file.exists():
                files[sample] = file
        found.costs.update({(file.stem, sample): file for file in sorted((home / "cost").glob("*.json"))})
    if not found.qc:
        raise NotFoundError(
            f"{folder}: has no samples/*/qc/qc.json; a results folder of 'genomehub run' was expected."
        )
    for path in sorted(folder.glob("*.cost.json")):
        found.costs[(path.name.removesuffix(".cost.json"), "")] = path
    for path in sorted(folder.glob("benchmarks/*.tsv")):
        found.benchmarks[(path.stem, "")] = path
    for path in sorted(folder.glob("benchmarks/*/*.tsv")):
        found.benchmarks[(path.parent.name, path.stem)] = path
    return found


def report(files: RunFiles, output: str | os.PathLike[str], price_per_core_hour: float) -> dict[str, Any]:
    """Write the page of a run; return what it shows.

    Parameters
    ----------
    files : what the run left behind
    output : HTML file to write; links to the samples' pages are relative to it
    price_per_core_hour : money
    """
    output = require_writable_parent(output)
    if not files.qc:
        raise InputError("a report needs at least one sample: --sample NAME=QC_DIR, or a results folder.")
    costs = _costs(files)
    curves: dict[str, Any] = {}
    samples = []
    for name, folder in sorted(files.qc.items()):
        result = read_qc(folder / "qc.json")
        row, curves[name] = _sample(name, result, files, costs)
        row["page"] = Path(os.path.relpath(folder / "qc.html", output.parent)).as_posix()
        samples.append(row)
    core_seconds = sum(cost["core_seconds"] for cost in costs)
    run = {
        "format": "genomehub-report",
        "format_version": 1,
        "n_samples": len(samples),
        "core_seconds": core_seconds,
        "price_per_core_hour": price_per_core_hour,
        "price": core_seconds / 3600 * price_per_core_hour,
        "samples": samples,
        "stages": costs,
        "software": _software(samples),
    }
    with atomic_output(output) as temporary:
        temporary.write_text(run_page(run, curves), encoding="utf-8")
    return run


def _costs(files: RunFiles) -> list[dict[str, Any]]:
    """Costs by stage and sample; a benchmark table counts only where nothing exact is known."""
    rows = []
    for stage, sample in sorted(
        {*files.costs, *files.benchmarks}, key=lambda key: (key[1], stage_order(key[0]))
    ):
        exact = files.costs.get((stage, sample))
        cost = read_cost(exact) if exact is not None else read_benchmark(files.benchmarks[(stage, sample)])
        keys = ("core_seconds", "wall_seconds", "peak_rss_bytes")
        rows.append({"stage": stage, "sample": sample or None, **{key: cost[key] for key in keys}})
    return rows


def _sample(
    name: str, result: Mapping[str, Any], files: RunFiles, costs: list[dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One row of the table, and the curves that plots compare."""
    summary = dict(result["summary"])
    if name in files.evaluations:
        scores = read_json(files.evaluations[name], "evaluation")
        for kind in ("snv", "indel"):
            row = scores.get(kind, {})
            summary |= {f"{kind}_{key}": row[key] for key in ("precision", "recall", "f1") if key in row}
    mine = [cost for cost in costs if cost["sample"] == name]
    entry = read_json(files.entries[name], "catalogue entry") if name in files.entries else {}
    row = {
        "sample": name,
        "summary": summary,
        "checks": check(summary),
        "core_seconds": sum(cost["core_seconds"] for cost in mine) if mine else None,
        "peak_rss_bytes": max((cost["peak_rss_bytes"] for cost in mine), default=None),
        "entry": entry.get("id"),
        "software": {"genomehub": result["genomehub_version"], **(entry.get("software") or {})},
    }
    orientations = result.get("insert_size", {}).get("orientations", {})
    inserts: dict[str, Any] = max(
        orientations.values(), key=lambda o: o["n_pairs"], default={"histogram": []}
    )
    curves = {
        "coverage": result.get("coverage", {}).get("histogram", []),
        "insert_size": inserts["histogram"],
    }
    return row, curves


def _software(samples: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Program -> versions in use; more than one is worth knowing."""
    versions: dict[str, set[str]] = {}
    for sample in samples:
        for program, version in sample["software"].items():
            versions.setdefault(str(program), set()).add(str(version))
    return {program: sorted(found) for program, found in sorted(versions.items())}

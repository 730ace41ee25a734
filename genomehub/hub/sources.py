"""What describes a result, read from the files that the stages leave: configuration, QC, costs, reference.

Only text is read here (JSON, YAML, TOML, TSV); no data file is opened.
"""

import contextlib
import csv
import dataclasses
import importlib.metadata
import json
import math
import os
import platform
import re
import tomllib
from collections.abc import Callable, Iterable
from datetime import date, time
from pathlib import Path
from typing import Any

import yaml

from genomehub.errors import ConfigError, InputError, NotFoundError, StoreError
from genomehub.files import require_file
from genomehub.hub.records import CostRecord, ReferenceRecord

#: Packages whose version may change a result or the way it is stored.
PACKAGES = (
    "genomehub", "numpy", "numba", "llvmlite", "zarr", "numcodecs", "pysam", "isal", "dask", "distributed",
    "snakemake",
)  # fmt: skip

#: End of the name (the longest first) to kind; the program's own outputs and their usual neighbours.
KINDS = {
    ".g.vcf.gz": "gvcf", ".gvcf.gz": "gvcf", ".vcf.gz": "vcf", ".vcf": "vcf", ".bcf": "bcf", ".vcz": "vcz",
    ".bam": "bam", ".cram": "cram", ".bai": "index", ".csi": "index", ".crai": "index", ".tbi": "index",
    ".fastq.gz": "fastq", ".fq.gz": "fastq", ".fastq": "fastq", ".fq": "fastq",
    ".bed": "bed", ".bed.gz": "bed", ".html": "report", ".json": "json", ".tsv": "table", ".csv": "table",
}  # fmt: skip

_FASTA = re.compile(r"\.(fasta|fa|fna)(\.b?gz)?$", re.IGNORECASE)
_MEBIBYTE = 1 << 20


def installed_software() -> dict[str, str]:
    """Return the versions of Python and of the packages that make results, without importing them."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def input_kind(path: str | os.PathLike[str]) -> str:
    """Return the kind of an input file by its name, or "input" if it tells nothing."""
    try:
        return kind_of(path)
    except ConfigError:
        return "input"


def kind_of(path: str | os.PathLike[str]) -> str:
    """Return the kind of file that a name tells.

    >>> kind_of("NA12878.g.vcf.gz")
    'gvcf'

    Raises
    ------
    ConfigError
        The end of the name is not known.
    """
    name = Path(path).name.lower()
    for suffix in sorted(KINDS, key=len, reverse=True):
        if name.endswith(suffix):
            return KINDS[suffix]
    raise ConfigError(f"{path}: the name does not tell what kind of file it is. Say it: --file KIND={path}.")


def read_reference(path: str | os.PathLike[str]) -> ReferenceRecord:
    """Return digest, name and size of the reference genome in a reference directory.

    Raises
    ------
    NotFoundError
        There is no reference directory.
    StoreError
        Its ``reference.json`` is damaged.
    """
    description = Path(path) / "reference.json"
    if not description.is_file():
        raise NotFoundError(
            f"{path}: no reference directory (no reference.json in it). "
            "Make one with 'genomehub reference build'."
        )
    try:
        content = json.loads(description.read_text(encoding="utf-8"))
        lengths = [int(_length(contig)) for contig in content["contigs"]]
        name = _FASTA.sub("", Path(str(content.get("source", ""))).name) or Path(path).name
        return ReferenceRecord(str(content["digest"]), name, len(lengths), sum(lengths))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise StoreError(
            f"{description}: damaged; digest and contigs with their lengths were expected "
            f"({type(error).__name__}: {error}). Build the reference again."
        ) from error


def _length(contig: Any) -> Any:
    return contig["length"] if isinstance(contig, dict) else contig[1]


def read_configuration(path: str | os.PathLike[str]) -> tuple[Any, str]:
    """Return a configuration file parsed (YAML, JSON, TOML by its name; else as text) and as written.

    Raises
    ------
    InputError
        It cannot be parsed.
    """
    path = require_file(path, "configuration file")
    text = _text(path)
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        return text, text
    try:
        return _plain(parse(text)), text
    except (ValueError, yaml.YAMLError) as error:
        raise InputError(
            f"{path}: is not the {path.suffix[1:].upper()} that its name says: {error}."
        ) from error


def read_object(path: str | os.PathLike[str], what: str) -> dict[str, Any]:
    """Return the JSON object in a file, such as a QC summary; numbers that JSON has not become null.

    Raises
    ------
    InputError
        It is no JSON object.
    """
    path = require_file(path, what)
    try:
        content = _plain(json.loads(_text(path)))
    except ValueError as error:
        raise InputError(f"{path}: is not valid JSON ({error}); a {what} was expected.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a JSON {type(content).__name__}; an object was expected as {what}.")
    return content


def read_qc(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return a QC summary and the evaluation that it repeats, if any; the costs it repeats are left out.

    ``genomehub qc`` puts scores and costs on its page too. In the catalogue each stands in one place, and
    costs, which differ from run to run, are no part of what a result is.
    """
    qc = read_object(path, "QC summary")
    qc.pop("costs", None)
    evaluation = qc.pop("evaluation", None)
    return qc, evaluation if isinstance(evaluation, dict) else None


def read_costs(path: str | os.PathLike[str], stage: str | None = None) -> tuple[CostRecord, ...]:
    """Return the costs in a Snakemake benchmark file (.tsv, .txt: one stage) or a JSON file (any number).

    Parameters
    ----------
    path : a Snakemake benchmark table, what ``genomehub --cost FILE`` wrote, or a JSON object {stage:
        {"wall_seconds": ..., "core_seconds": ..., "peak_rss_bytes": ..., "read_bytes": ...,
        "written_bytes": ...}}
    stage : name of the only stage in the file; by default the command, or a table's name without its ending

    Raises
    ------
    InputError
        It is neither.
    """
    path = require_file(path, "cost file")
    if path.suffix.lower() != ".json":
        return (_benchmark(path, stage or path.stem),)
    content = read_object(path, "cost file")
    if "command" in content:  # one stage, as genomehub --cost writes it
        content = {stage or str(content["command"]): content}
    return tuple(_cost(path, name, cost) for name, cost in content.items())


def _cost(path: Path, stage: str, cost: Any) -> CostRecord:
    fields = [field.name for field in dataclasses.fields(CostRecord) if field.name != "stage"]
    if not isinstance(cost, dict) or not all(
        isinstance(cost.get(name), int | float | None) for name in fields
    ):
        expected = f"numbers, by name any of {', '.join(fields)}"
        raise InputError(f"{path}: the cost of {stage!r} is not what was expected: {expected}.")
    whole = {name: cost.get(name) for name in fields}
    return CostRecord(
        stage, **{name: round(n) if name.endswith("_bytes") and n else n for name, n in whole.items()}
    )


def _benchmark(path: Path, stage: str) -> CostRecord:
    """Return the mean over the repeats in a Snakemake benchmark table (sizes in MiB there)."""
    rows = list(csv.DictReader(_text(path).splitlines(), delimiter="\t"))
    if not rows or "s" not in rows[0]:
        raise InputError(
            f"{path}: a Snakemake benchmark table was expected (header with 's' and 'cpu_time', then values)."
        )

    def mean(column: str) -> float | None:
        values = [value for row in rows if (value := _number(row.get(column))) is not None]
        return sum(values) / len(values) if values else None

    def mebibytes(column: str) -> int | None:
        value = mean(column)
        return None if value is None else round(value * _MEBIBYTE)

    return CostRecord(
        stage,
        wall_seconds=mean("s"),
        core_seconds=mean("cpu_time"),
        peak_rss_bytes=mebibytes("max_rss"),
        read_bytes=mebibytes("io_in"),
        written_bytes=mebibytes("io_out"),
    )


def _number(text: str | None) -> float | None:
    """Return a number of a benchmark table; jobs too short to measure have '-' or 'NA'."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def flat_numbers(values: Any, prefix: str = "") -> Iterable[tuple[str, float]]:
    """Yield every number in nested objects under its dotted name; lists (histograms) are left out.

    >>> dict(flat_numbers({"coverage": {"mean": 31.5, "histogram": [1, 2]}, "caller": "x"}))
    {'coverage.mean': 31.5}
    """
    if isinstance(values, dict):
        for key, value in values.items():
            yield from flat_numbers(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(values, int | float) and not isinstance(values, bool):
        with contextlib.suppress(OverflowError):  # an integer beyond 1e308 measures nothing
            yield prefix, float(values)


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start}).") from error
    if "\0" in text:
        raise InputError(f"{path}: is binary; a text file was expected.")
    return text


def _plain(value: Any) -> Any:
    """Return JSON values only: dates as ISO text, NaN and infinity as null, keys as text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value.encode(errors="replace").decode().replace("\0", "\ufffd")  # no database keeps these
    return value.isoformat() if isinstance(value, date | time) else str(value)


_PARSERS: dict[str, Callable[[str], Any]] = {
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
    ".json": json.loads,
    ".toml": tomllib.loads,
}

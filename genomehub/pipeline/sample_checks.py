"""The checks of a sample sheet: what is wrong, in which row, in which column.

``samples`` reads the table and asks here. Checks are generators of ``Problem``; ``raise_all`` turns what
they found into one error with a sentence a line. First comes the form, which the text alone can tell, and
then the files, which only the disk can.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema

from genomehub.errors import ConfigError, GenomehubError, InputError, NotFoundError
from genomehub.files import require_file

#: Columns that name a file, in the order in which a person would look at them.
FILE_COLUMNS = ("fastq_1", "fastq_2", "alignments", "truth", "confident")
#: Columns that describe the sample, not the lane: rows of one sample may not differ in them.
SAMPLE_COLUMNS = ("sex", "truth", "confident")
_INDEX_SUFFIXES = {".bam": (".bai", ".csi"), ".cram": (".crai",)}
_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the sheet, cells stripped, empty cells left out."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is wrong in one row; ``column`` is empty if the row as a whole is meant."""

    row: int
    column: str
    text: str
    kind: type[GenomehubError] = ConfigError

    def sentence(self, sheet: Path) -> str:
        """Return the problem with its place, for the user."""
        column = f", column {self.column}" if self.column else ""
        return f"{sheet}, row {self.row}{column}: {self.text}"


def resolve(base: Path, name: str) -> Path:
    """Return ``name`` as an absolute path, relative to the folder ``base``."""
    return (base / Path(name).expanduser()).absolute()


def by_sample(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows of each sample, samples and rows in the order of the sheet."""
    samples: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        samples[row["sample"]].append(row)
    return dict(samples)


def default_read_group(row: Row, number: int) -> str:
    """Name the read group of a sample's lane ``number`` (1-based) where the sheet does not."""
    return f"{row['sample']}.{number}"


# ---- form: what the text alone can tell -----------------------------------------------------------


def form_problems(rows: list[Row], schema: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with cells, rows, the rows of one sample, and names, without looking at files."""
    yield from _cell_problems(rows, schema)
    for row in rows:
        yield from _row_problems(row)
    for same_sample in by_sample(rows).values():
        yield from _sample_problems(same_sample)
    yield from _letter_case_problems(rows)


def _cell_problems(rows: list[Row], schema: Mapping[str, Any]) -> Iterator[Problem]:
    validator = jsonschema.Draft202012Validator(schema)
    for row in rows:
        for error in sorted(validator.iter_errors(dict(row.cells)), key=lambda found: list(found.path)):
            if error.validator == "required":
                yield Problem(row.number, "sample", "is empty; every row needs the sample's name.")
            else:
                column = str(error.path[0])
                expected = schema["properties"][column]["description"]
                yield Problem(row.number, column, f"{shown(row[column])} found; expected {expected}.")


def _row_problems(row: Row) -> Iterator[Problem]:
    if row["alignments"]:
        for column in ("fastq_1", "fastq_2", "read_group", "library"):
            if row[column]:
                remedy = (
                    "a sample comes as FASTQ or as alignments"
                    if column.startswith("fastq")
                    else "the read groups of alignments are taken from their header, so leave it empty"
                )
                yield Problem(row.number, column, f"{shown(row[column])} stands beside alignments; {remedy}.")
    elif not row["fastq_1"]:
        yield Problem(row.number, "fastq_1", "is empty, and so is alignments; one of them is needed.")
    if row["fastq_1"] and row["fastq_1"] == row["fastq_2"]:
        yield Problem(
            row.number,
            "fastq_2",
            f"{shown(row['fastq_2'])} is the same file as fastq_1; expected its mates.",
        )
    if row["fastq_1"].endswith(tuple(_INDEX_SUFFIXES)) and row["fastq_2"]:
        yield Problem(
            row.number,
            "fastq_2",
            f"{shown(row['fastq_2'])} stands beside {shown(row['fastq_1'])}, which holds both mates; leave "
            "it empty.",
        )
    if row["confident"] and not row["truth"]:
        yield Problem(row.number, "confident", "is given without truth; give the column truth too.")


def _sample_problems(rows: list[Row]) -> Iterator[Problem]:
    first = rows[0]
    for row in rows[1:]:
        if bool(row["alignments"]) != bool(first["alignments"]):
            yield Problem(
                row.number,
                "alignments",
                f"sample {first['sample']} comes as FASTQ and as alignments (row {first.number}); give "
                "one of them.",
            )
        elif row["alignments"]:
            yield Problem(
                row.number,
                "alignments",
                f"sample {first['sample']} has alignments already (row {first.number}); merge them "
                "into one file with samtools merge.",
            )
    yield from _differences(rows)
    yield from _read_group_problems(rows)


def _differences(rows: list[Row]) -> Iterator[Problem]:
    for column in SAMPLE_COLUMNS:
        given = [row for row in rows if row[column]]
        for row in given[1:]:
            if row[column] != given[0][column]:
                yield Problem(
                    row.number,
                    column,
                    f"{shown(row[column])} differs from {shown(given[0][column])} in row "
                    f"{given[0].number}; rows of one sample ({row['sample']}) must agree.",
                )


def _read_group_problems(rows: list[Row]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if not row["fastq_1"]:
            continue
        name = row["read_group"] or default_read_group(row, number)
        if name in seen:
            yield Problem(
                row.number,
                "read_group",
                f"{shown(name)} is the read group of row {seen[name]} too; lanes of one sample need "
                "different ones.",
            )
        seen.setdefault(name, row.number)


def _letter_case_problems(rows: list[Row]) -> Iterator[Problem]:
    """Names that differ only in upper and lower case become one file on some file systems."""
    seen: dict[str, Row] = {}
    for row in rows:
        first = seen.setdefault(row["sample"].lower(), row)
        if first["sample"] != row["sample"]:
            yield Problem(
                row.number,
                "sample",
                f"{shown(row['sample'])} differs from {shown(first['sample'])} in row {first.number} only "
                "in upper and lower case; give both the same spelling, or different names.",
            )


# ---- files: what the disk can tell ----------------------------------------------------------------


def file_problems(rows: list[Row], base: Path) -> Iterator[Problem]:
    """Yield which files are missing, empty, folders or not indexed; ``base`` is the sheet's folder."""
    for row in rows:
        for column in FILE_COLUMNS:
            if row[column]:
                path = resolve(base, row[column])
                try:
                    _check_file(path, column)
                except InputError as error:
                    yield Problem(row.number, column, str(error), type(error))


def _check_file(path: Path, column: str) -> None:
    require_file(path, f"file for {column}")
    if path.stat().st_size == 0 and column != "confident":  # an empty BED is a BED without regions
        raise InputError(f"{path}: is empty (0 bytes). Check whether its copying or download was finished.")
    if column == "alignments" and find_index(path) is None:
        raise NotFoundError(f"{path}: has no index beside it. Make one with: samtools index {path}")


def find_index(alignments: Path) -> Path | None:
    """Return the index of a BAM or CRAM (``x.bam.bai``, ``x.bai``, ``x.bam.csi``...), or None."""
    suffixes = _INDEX_SUFFIXES[alignments.suffix]
    candidates = [Path(f"{alignments}{suffix}") for suffix in suffixes]
    candidates += [alignments.with_suffix(suffix) for suffix in suffixes]
    return next((candidate for candidate in candidates if candidate.exists()), None)


def same_file_problems(rows: list[Row], base: Path) -> Iterator[Problem]:
    """Reads given twice would count as evidence twice; links are followed.

    Alignments may serve several samples: calling picks each by its name in the header.
    """
    seen: dict[Path, tuple[int, str]] = {}
    for row in rows:
        for column in ("fastq_1", "fastq_2"):
            if not row[column]:
                continue
            path = resolve(base, row[column]).resolve()
            if path in seen:
                number, other = seen[path]
                yield Problem(
                    row.number,
                    column,
                    f"{shown(row[column])} is the same file as {other} in row {number}; each file may be "
                    "given once.",
                )
            seen.setdefault(path, (row.number, column))


# ---- telling --------------------------------------------------------------------------------------


def raise_all(path: Path, found: Iterable[Problem]) -> None:
    """Raise all problems in one error, a sentence a line, in the order of rows; the first gives the class."""
    problems = sorted(found, key=lambda problem: problem.row)
    if not problems:
        return
    lines = [problem.sentence(path) for problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"{path}: {len(problems) - _SHOWN} more problems of the same kind are not shown.")
    raise problems[0].kind("\n".join(lines))


def shown(cell: str) -> str:
    return f'"{cell}"' if len(cell) <= 60 else f'"{cell[:57]}..."'

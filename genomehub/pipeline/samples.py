"""The sample sheet: from a table that a person wrote to samples that a run can trust.

Comes before everything else: the sheet is read and checked whole, the files it names included, before
the first job starts, and every problem is told by its row and column. One row is one lane; rows with the
same sample belong together. Columns, patterns and their explanations come from the schema of the
workflow (``workflows/schemas/samples.schema.yaml``).

Definitions
-----------
row : number as an editor or spreadsheet shows it; the header is row 1.
path : relative to the folder of the sheet unless absolute; ``~`` is the user's home.
lane : one FASTQ file or pair, one read group. A sample has lanes or alignments, never both.
"""

import csv
import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from genomehub.errors import ConfigError
from genomehub.files import require_file
from genomehub.pipeline.sample_checks import (
    Problem,
    Row,
    by_sample,
    default_read_group,
    file_problems,
    form_problems,
    raise_all,
    resolve,
    same_file_problems,
    shown,
)


@dataclasses.dataclass(frozen=True)
class Lane:
    """FASTQ of one read group, or a BAM or CRAM whose reads are to be aligned anew.

    Parameters
    ----------
    read_group : SAM @RG ID, unique within the sample; of BAM and CRAM, for reads that have none
    library : SAM @RG LB; duplicates are looked for within a library
    fastq_1 : first mates or single reads, or BAM or CRAM
    fastq_2 : second mates, None for single reads
    """

    read_group: str
    library: str
    fastq_1: Path
    fastq_2: Path | None

    @property
    def files(self) -> list[Path]:
        """The FASTQ files, first mates first."""
        return [self.fastq_1] if self.fastq_2 is None else [self.fastq_1, self.fastq_2]


@dataclasses.dataclass(frozen=True)
class Sample:
    """One person's (or cell line's) data in a run.

    Parameters
    ----------
    lanes : in the order of the sheet; empty if ``alignments`` is given
    alignments : sorted and indexed BAM or CRAM, or None
    sex : "female", "male" or "unknown"
    truth, confident : VCF of true variants and BED of the regions where it is complete, or None
    """

    name: str
    lanes: tuple[Lane, ...] = ()
    alignments: Path | None = None
    sex: str = "unknown"
    truth: Path | None = None
    confident: Path | None = None


def read_samples(path: str | Path, schema: Mapping[str, Any]) -> list[Sample]:
    """Read and check a sample sheet.

    Parameters
    ----------
    path : sheet ending in .tsv (tab-separated) or .csv (comma-separated), UTF-8, with a header; empty
        rows and rows that begin with # are skipped
    schema : JSON schema of a row

    Raises
    ------
    ConfigError
        The sheet's form is wrong: columns, names, duplicates, mixtures. Each problem names its row.
    NotFoundError, InputError
        The form is right, but a file is missing, empty, a folder or not indexed.

    Examples
    --------
    >>> read_samples("samples.tsv", schema)  # doctest: +SKIP
    [Sample(name='NA12878', lanes=(Lane(read_group='NA12878.1', ...
    """
    path = Path(path)
    rows = _read_rows(path, schema)
    raise_all(path, form_problems(rows, schema))
    raise_all(path, file_problems(rows, path.parent))
    raise_all(path, same_file_problems(rows, path.parent))
    return [_sample(name, lanes, path.parent) for name, lanes in by_sample(rows).items()]


def _sample(name: str, rows: list[Row], base: Path) -> Sample:
    def path(column: str) -> Path | None:
        return next((resolve(base, row[column]) for row in rows if row[column]), None)

    return Sample(
        name=name,
        lanes=tuple(_lanes(rows, base)),
        alignments=path("alignments"),
        sex=next((row["sex"] for row in rows if row["sex"]), "unknown"),
        truth=path("truth"),
        confident=path("confident"),
    )


def _lanes(rows: list[Row], base: Path) -> Iterator[Lane]:
    for number, row in enumerate(rows, start=1):
        if row["fastq_1"]:
            yield Lane(
                read_group=row["read_group"] or default_read_group(row, number),
                library=row["library"] or row["sample"],
                fastq_1=resolve(base, row["fastq_1"]),
                fastq_2=resolve(base, row["fastq_2"]) if row["fastq_2"] else None,
            )


def _read_rows(path: Path, schema: Mapping[str, Any]) -> list[Row]:
    require_file(path, "sample sheet")
    delimiter = {".tsv": "\t", ".csv": ","}.get(path.suffix.lower())
    if delimiter is None:
        raise ConfigError(
            f"{path}: a sample sheet's name must end in .tsv (tab-separated) or .csv (comma-separated)."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets write a byte-order mark
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: is not text in UTF-8 (byte {error.start}). Save the sheet as tab-separated UTF-8 text, "
            "not as a spreadsheet file."
        ) from error
    reader = csv.reader(text.splitlines(), delimiter=delimiter)
    table = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    table = [(number, cells) for number, cells in table if any(cells) and not cells[0].startswith("#")]
    if not table:
        raise ConfigError(f"{path}: is empty; expected a header with the column sample, and a row per lane.")
    header = _check_header(path, *table[0], schema)
    if len(table) == 1:
        raise ConfigError(f"{path}: has a header but no sample; expected a row per lane below it.")
    raise_all(path, _width_problems(header, table[1:]))
    return [
        Row(number, {column: cell for column, cell in zip(header, cells, strict=False) if cell})
        for number, cells in table[1:]
    ]


def _check_header(path: Path, number: int, header: list[str], schema: Mapping[str, Any]) -> list[str]:
    known = list(schema["properties"])
    for position, column in enumerate(header, start=1):
        if column not in known:
            raise ConfigError(f"{path}, row {number}, column {position}: {_unknown(column, known, header)}")
        if column in header[: position - 1]:
            raise ConfigError(
                f"{path}, row {number}, column {position}: {column} stands in the header twice."
            )
    if "sample" not in header:
        raise ConfigError(f"{path}, row {number}: the header has no column sample, which is required.")
    return header


def _unknown(column: str, known: list[str], header: list[str]) -> str:
    if len(header) == 1 and ("sample" in column or "fastq" in column):
        return f"the header {shown(column)} was read as one column; .tsv needs tabs and .csv commas between."
    close = difflib.get_close_matches(column.lower(), known, n=1)
    guess = f" Did you mean {close[0]}?" if close else ""
    return f"unknown column {shown(column)}; known are {', '.join(known)}.{guess}"


def _width_problems(header: list[str], table: list[tuple[int, list[str]]]) -> Iterator[Problem]:
    for number, cells in table:
        if len(cells) > len(header) and any(cells[len(header) :]):
            yield Problem(number, "", f"has {len(cells)} cells, but the header has {len(header)} columns.")

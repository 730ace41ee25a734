"""Regions of reads and variants by GA4GH htsget: the ticket is followed, the blocks are joined into a file.

Only the blocks of the region travel. ``Slice.path`` is a BAM, CRAM, VCF.gz or BCF that any tool reads.
"""

import dataclasses
import gzip
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genomehub.errors import ConfigError, InputError, ResourceError, StoreError
from genomehub.files import atomic_output
from genomehub.hub.client.files import data_of
from genomehub.hub.client.transport import Transport

if TYPE_CHECKING:
    import pandas as pd

_REGION = re.compile(r"(?P<contig>[^:\s]+)(?::(?P<start>[\d,]+)(?:-(?P<end>[\d,]+))?)?")
_SUFFIX = {"BAM": ".bam", "CRAM": ".cram", "VCF": ".vcf.gz", "BCF": ".bcf"}
_VCF = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")


@dataclasses.dataclass(frozen=True)
class Region:
    """A part of a contig: 0-based, end exclusive; None for open."""

    contig: str
    start: int | None = None
    end: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Region":
        """Return the region of a text as samtools writes it: positions from 1 on, the last one included.

        >>> Region.parse("20:10,000,001-10,000,100")
        Region(contig='20', start=10000000, end=10000100)
        >>> Region.parse("chrM")
        Region(contig='chrM', start=None, end=None)
        """
        found = _REGION.fullmatch(text)
        if found is None:
            raise ConfigError(f"{text!r}: is no region. Write CONTIG, CONTIG:START or CONTIG:START-END.")
        start, end = (int(found[name].replace(",", "")) if found[name] else None for name in ("start", "end"))
        if (start is not None and start < 1) or (start is not None and end is not None and end < start):
            raise ConfigError(f"{text!r}: positions count from 1, and the end is not before the start.")
        return cls(found["contig"], None if start is None else start - 1, end)

    @property
    def parameters(self) -> dict[str, str]:
        """As htsget's parameters."""
        given = {"referenceName": self.contig, "start": self.start, "end": self.end}
        return {name: str(value) for name, value in given.items() if value is not None}


@dataclasses.dataclass(frozen=True)
class Slice:
    """A region that was fetched.

    format : BAM, CRAM, VCF or BCF
    region : None for the whole
    """

    path: Path
    format: str
    region: Region | None

    def records(self) -> Iterator[Any]:
        """Yield pysam's records; those of the region alone, though the blocks may hold neighbours."""
        try:
            import pysam
        except ImportError as error:
            raise ResourceError(
                f"{self.path}: records need pysam, which is not installed. pip install pysam."
            ) from error
        opener = pysam.AlignmentFile if self.format in ("BAM", "CRAM") else pysam.VariantFile
        with opener(str(self.path)) as file:
            for record in file:
                contig = record.reference_name if self.format in ("BAM", "CRAM") else record.contig
                begin = record.reference_start if self.format in ("BAM", "CRAM") else record.start
                end = record.reference_end if self.format in ("BAM", "CRAM") else record.stop
                if self._holds(contig, begin, end or begin + 1):
                    yield record

    def frame(self) -> "pd.DataFrame":
        """Return variants as a pandas frame: a column for each of VCF's, and one of genotypes per sample.

        Needs pandas, and no pysam.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ResourceError(
                f"{self.path}: frames need pandas, which is not installed. pip install pandas."
            ) from error
        if self.format != "VCF":
            raise ConfigError(f"{self.path}: is {self.format}; a frame is made of VCF. Use records().")
        columns: list[str] = list(_VCF)
        rows = []
        with gzip.open(self.path, "rt") as file:
            for line in file:
                fields = line.rstrip("\n").split("\t")
                if line.startswith("#CHROM"):
                    columns = [fields[0].removeprefix("#"), *fields[1:]]
                elif not line.startswith("#"):
                    begin = int(fields[1]) - 1
                    if self._holds(fields[0], begin, _vcf_end(fields, begin)):
                        rows.append(fields)
        frame = pd.DataFrame(rows, columns=columns)
        frame["POS"] = frame["POS"].astype("int64")
        frame["QUAL"] = pd.to_numeric(frame["QUAL"].replace(".", None))
        return frame

    def _holds(self, contig: str, start: int, end: int) -> bool:
        region = self.region
        if region is None:
            return True
        begins = region.end is None or start < region.end
        return contig == region.contig and begins and (region.start is None or end > region.start)


def _vcf_end(fields: list[str], start: int) -> int:
    found = re.search(r"(?:^|;)END=(\d+)", fields[7])
    return int(found[1]) if found else start + len(fields[3])


def fetch(
    transport: Transport,
    url: str,
    region: Region | None,
    to: str | Path | None = None,
    wanted: str | None = None,
) -> Slice:
    """Ask for a region, follow the ticket, and return the file.

    Parameters
    ----------
    url : of htsget for a file or data set
    to : where; by default a temporary file, which is the caller's to remove
    wanted : format, by default the file's own

    Raises
    ------
    ConfigError
        ``to`` is named as of another format.
    """
    parameters = {} if region is None else region.parameters
    if wanted is not None:
        parameters["format"] = wanted
    answer = transport.json("GET", url, params=parameters)
    try:
        ticket = answer["htsget"]
        kind, urls = (
            ticket.get("format", "BAM"),
            [(one["url"], one.get("headers") or {}) for one in ticket["urls"]],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{url}: the answer is no htsget ticket.") from error
    if to is None:
        with tempfile.NamedTemporaryFile(suffix=_SUFFIX.get(kind, ".bin"), delete=False) as made:
            path = Path(made.name)
    else:
        path = Path(to)
        if any(path.name.endswith(suffix) for other, suffix in _SUFFIX.items() if other != kind):
            raise ConfigError(
                f"{path}: the hub has this as {kind}. Name the file *{_SUFFIX.get(kind, '')}, and "
                "make another format of it with samtools or bcftools."
            )
    with atomic_output(path) as temporary, Path(temporary).open("wb") as out:
        for block, headers in urls:
            _copy(transport, block, headers, out)
        if out.tell() == 0:
            raise StoreError(f"{url}: the ticket's blocks are empty; a file was expected. Ask again.")
    return Slice(path, kind, region)


def _copy(transport: Transport, url: str, headers: dict[str, str], out: Any) -> None:
    if url.startswith("data:"):
        out.write(data_of(url))
        return
    with transport.open(
        "GET", url, headers={"Accept": "*/*", "Accept-Encoding": "identity", **headers}
    ) as answer:
        for chunk in answer.iter_bytes():
            out.write(chunk)

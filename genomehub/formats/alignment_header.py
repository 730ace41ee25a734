"""The header lines of SAM, BAM and CRAM as types (SAM 1.6, section 1.3); nothing of records."""

import os
from typing import NamedTuple

from genomehub.errors import InputError
from genomehub.types import ReadGroup


class AlignmentHeader(NamedTuple):
    """The header of an alignment file.

    text : the lines as they stand in the file
    contig_names, contig_lengths, contig_md5s : @SQ lines in file order (M5 is None where absent)
    sort_order : SO of @HD, "" if it says nothing
    read_groups : @RG lines in file order ("" for what they do not say)
    """

    text: str
    contig_names: tuple[str, ...]
    contig_lengths: tuple[int, ...]
    contig_md5s: tuple[str | None, ...]
    sort_order: str
    read_groups: tuple[ReadGroup, ...]


def parse_header(text: str, path: str | os.PathLike[str] = "header") -> AlignmentHeader:
    """Read the lines of a SAM header; ``path`` is for messages.

    Raises
    ------
    InputError
        A @SQ line lacks its name or length.

    Examples
    --------
    >>> parse_header("@HD\\tVN:1.6\\tSO:coordinate\\n@SQ\\tSN:20\\tLN:100\\n").contig_lengths
    (100,)
    """
    contigs: list[dict[str, str]] = []
    groups: list[ReadGroup] = []
    sort_order = ""
    for number, line in enumerate(text.splitlines(), start=1):
        fields = dict(field.split(":", 1) for field in line.split("\t")[1:] if ":" in field)
        if line.startswith("@HD"):
            sort_order = fields.get("SO", "")
        elif line.startswith("@SQ"):
            if "SN" not in fields or not fields.get("LN", "").isdigit():
                raise InputError(
                    f"{path}, header line {number}: {line!r} needs a name (SN) and a length (LN)."
                )
            contigs.append(fields)
        elif line.startswith("@RG"):
            groups.append(ReadGroup(*(fields.get(key, "") for key in ("ID", "SM", "LB", "PL", "PU"))))
    return AlignmentHeader(
        text,
        tuple(contig["SN"] for contig in contigs),
        tuple(int(contig["LN"]) for contig in contigs),
        tuple(contig.get("M5") for contig in contigs),
        sort_order,
        tuple(groups),
    )

"""The .alt file of a genome: which of its contigs are no part of the primary assembly (ALT, decoy, HLA).

The form is that of bwakit: lines of SAM, one or more for each such contig; bwa mem, too, reads their first
column alone. How ALT contigs lie on the primary assembly is not used.
"""

import os
from pathlib import Path

from genomehub.errors import InputError
from genomehub.files import os_error, require_file


def read_alt_names(path: str | os.PathLike[str]) -> frozenset[str]:
    """Return the names in the first column; lines of a SAM header (@) and empty ones are passed over.

    Raises
    ------
    InputError
        The file is missing, no text, or names nothing.
    """
    path = require_file(path, ".alt file")
    try:
        lines = path.read_text("ascii").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: is no text, but an .alt file is lines of SAM whose first column names a contig. Name "
            "the file that came with the genome (GENOME.fa.alt)."
        ) from error
    except OSError as error:
        raise os_error(path, error) from error
    names = frozenset(line.split("\t", 1)[0] for line in lines if line and not line.startswith("@"))
    if not names:
        raise InputError(
            f"{path}: names no contig; an .alt file is lines of SAM whose first column names one. Leave the "
            "file out if the genome has no ALT contigs."
        )
    return names


def alt_file_beside(fasta: Path) -> Path | None:
    """Return the .alt file that lies beside a FASTA file under its name, with or without .gz, if any."""
    for path in (Path(f"{fasta}.alt"), Path(f"{str(fasta).removesuffix('.gz')}.alt")):
        if path.is_file():
            return path
    return None

"""The last step of a run: is every result that was asked for there, and whole?

A job can succeed and still leave nothing that is of use: a full disk, a quota, a file system that lost a
write. So the files are looked at again, all together, when the last job is done.
"""

import dataclasses
import json
from pathlib import Path

from genomehub.errors import GenomehubError, StoreError
from genomehub.files import size_bytes
from genomehub.pipeline.workflow import Run
from genomehub.store.variants import VariantStore

#: The empty block that ends every BGZF file (SAM specification 1.6, section 4.1.2).
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_BGZF_SUFFIXES = (".bam", ".vcf.gz", ".tbi")


@dataclasses.dataclass(frozen=True)
class Output:
    """A result that is there and whole."""

    path: str
    size_bytes: int


def check_outputs(run: Run, directory: Path) -> list[Output]:
    """Look at every result of a run.

    Raises
    ------
    StoreError
        Results are missing, empty or damaged; a sentence for each.
    """
    outputs, faults = [], []
    for name in run.all_outputs():
        path = directory / name
        if fault := _fault(path):
            faults.append(f"{name}: {fault}")
        else:
            outputs.append(Output(name, size_bytes(path)))
    if faults:
        total = len(faults) + len(outputs)
        remedy = f"{len(faults)} of {total} results are not whole. Remove them, and run the workflow again."
        raise StoreError("\n".join([*faults, remedy]))
    return outputs


def _fault(path: Path) -> str | None:
    """What is wrong with a result, or None."""
    if not path.exists():
        return "is missing."
    if size_bytes(path) == 0:
        return "is empty."
    if path.name.endswith(_BGZF_SUFFIXES) and not _ends_with(path, _BGZF_END):
        return "is cut off (no end-of-file block)."
    try:
        if path.suffix == ".vcz":
            VariantStore.open(path)
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
    except (GenomehubError, ValueError) as error:
        return f"cannot be read: {error}"
    return None


def _ends_with(path: Path, end: bytes) -> bool:
    with path.open("rb") as handle:
        handle.seek(-min(len(end), path.stat().st_size), 2)
        return handle.read() == end

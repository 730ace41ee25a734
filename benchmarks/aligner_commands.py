"""The aligners that are compared, as lines of shell: an index from FASTA, a finished BAM from reads.

Finished is sorted, duplicates marked, level 1, indexed. genomehub does it in one command, snap-aligner too
(at its own level); the others are followed by samtools: ``fixmate -m | sort | markdup``, uncompressed in
between. Programs are looked for on PATH; what is not there is skipped.
"""

import hashlib
import importlib.util
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import genomehub

_PYTHON = shlex.quote(sys.executable)
_OURS = f"{_PYTHON} -m genomehub"
_FINISH = (
    "samtools fixmate -m -u - - | samtools sort -u -@ {more_threads} -T {bam}.sort - | "
    "samtools markdup -@ {more_threads} --write-index --output-fmt bam,level=1 - {bam}"
)
_DRIVER = shlex.quote(str(Path(__file__).with_name("bwa_mem3_to_bam.py")))


class Aligner(NamedTuple):
    """One contestant; the scripts' fields are filled by ``aligner_runs``.

    programs : what must be on PATH
    build : makes ``{index}`` (a folder that exists) from ``{fasta}`` on ``{threads}``
    align : makes ``{bam}`` of ``{reads}``, two quoted paths
    version : prints its version, as the last word
    """

    programs: tuple[str, ...]
    build: str
    align: str
    version: str


ALIGNERS = {
    "genomehub": Aligner(
        (),
        f"rm -rf {{index}}/genome.ref && {_OURS} reference build {{fasta}} -o {{index}}/genome.ref",
        f"{_OURS} align -r {{index}}/genome.ref --sample S --level 1 --threads {{threads}} "
        "-o {bam} {reads}",
        f"{_OURS} --version",
    ),
    "bwa": Aligner(
        ("bwa", "samtools"),
        "ln -sf {fasta} {index}/genome.fa && bwa index {index}/genome.fa",
        f"bwa mem -t {{threads}} {{index}}/genome.fa {{reads}} | {_FINISH}",
        "bwa 2>&1 | sed -n 's/^Version: //p'",
    ),
    "minimap2": Aligner(
        ("minimap2", "samtools"),
        "minimap2 -t {threads} -x sr -d {index}/genome.mmi {fasta}",
        f"minimap2 -t {{threads}} -ax sr {{index}}/genome.mmi {{reads}} | {_FINISH}",
        "minimap2 --version",
    ),
    "snap": Aligner(
        ("snap-aligner",),
        "snap-aligner index {fasta} {index} -t{threads}",
        "snap-aligner paired {index} {reads} -t {threads} -b- -so -o {bam}",
        "snap-aligner 2>&1 | sed -n 's/^Welcome to SNAP version //p'",
    ),
    "strobealign": Aligner(
        ("strobealign", "samtools"),
        "ln -sf {fasta} {index}/genome.fa && "
        "strobealign -t {threads} --create-index -r {read_length} {index}/genome.fa",
        f"strobealign -t {{threads}} --use-index {{index}}/genome.fa {{reads}} | {_FINISH}",
        "strobealign --version",
    ),
    "minibwa": Aligner(
        ("minibwa", "samtools"),
        "minibwa index -t{threads} {fasta} {index}/genome",
        f"minibwa map -t{{threads}} {{index}}/genome {{reads}} | {_FINISH}",
        "minibwa version",
    ),
    "bwa-mem3": Aligner(
        ("samtools",),
        "",
        f"{_PYTHON} {_DRIVER} --threads {{threads}} {{index}} {{reads}} | {_FINISH}",
        f"{_PYTHON} -m pip show bwa-mem3 | sed -n 's/^Version: //p'",
    ),
}  # fmt: skip
OURS = "genomehub"
#: Makes an index of bwa-mem2's format of the index that bwa left at {prefix}.
BWA_MEM3_INDEX = f"{_PYTHON} {shlex.quote(str(Path(__file__).with_name('bwa_mem2_index.py')))} {{prefix}}"
#: What decides about the bytes and the cost of our index.
INDEX_SOURCES = ("align/index.py", "kernels/seeds.py", "kernels/sorting.py", "*/reference.py")


def why_not(name: str, bwa_mem3_index: Path | None) -> str:
    """Why an aligner cannot run here; "" if it can."""
    lacking = [program for program in ALIGNERS[name].programs if shutil.which(program) is None]
    if lacking:
        return f"{' and '.join(lacking)} not installed"
    if name == "bwa-mem3":
        if importlib.util.find_spec("bwa_mem3") is None:
            return "the Python package bwa-mem3 is not installed"
        if bwa_mem3_index is None and shutil.which("bwa") is None:
            return "its bindings build no index, and there is no bwa to make one from: see --bwa-mem3-index"
    return ""


def identity(name: str, sources: Sequence[str] = ("**/*.py",)) -> str:
    """Version of an aligner, which tells whether a kept result is stale.

    For genomehub a digest is added, of those of its files that match ``sources``.
    """
    command = ["bash", "-c", ALIGNERS[name].version]
    words = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    version = words[-1] if words else "unknown"
    return f"{version}-{sources_digest(sources)}" if name == OURS else version


def sources_digest(patterns: Sequence[str] = ("**/*.py",)) -> str:
    """Digest of those files of genomehub that match."""
    package = Path(genomehub.__file__).parent
    paths = sorted({path for pattern in patterns for path in package.glob(pattern)})
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]

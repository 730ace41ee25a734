"""The callers that are compared, as lines of shell: a bgzipped, indexed VCF from a BAM, on one thread.

Each caller runs as its makers advise, over the same BED and with nothing tuned to the data. What counts as a
call is what its users take: PASS for genomehub, QUAL >= 20 for bcftools and freebayes, which filter nothing
themselves. Programs are looked for on PATH; what is not there is skipped.
"""

import functools
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from aligner_commands import sources_digest

_OURS = f"{shlex.quote(sys.executable)} -m genomehub"
#: pysam's, which knows the newest model of indels.
_BCFTOOLS = shlex.join([sys.executable, str(Path(__file__).with_name("pysam_bcftools.py"))])


class Caller(NamedTuple):
    """One contestant; the scripts' fields are filled by ``caller_runs``.

    programs : what must be on PATH
    call : makes ``{out}.vcf.gz`` and its index of ``{bam}`` within ``{bed}``; ``{fasta}`` has a .fai,
        ``{reference}`` is our reference directory
    version : prints its version, as the last word
    least_quality : QUAL from which a record counts; 0: FILTER decides
    """

    programs: tuple[str, ...]
    call: str
    version: str
    least_quality: int


_INDEX = "bcftools index -f -t {out}.vcf.gz"
CALLERS = {
    "genomehub": Caller(
        (),
        f"{_OURS} call -q -r {{reference}} --regions {{bed}} --threads 1 -o {{out}}.vcz "
        "--vcf {out}.vcf.gz {bam}",
        f"{_OURS} --version",
        0,
    ),
    "bcftools": Caller(
        ("bcftools",),
        f"{_BCFTOOLS} mpileup --indels-cns -Ou -a AD,DP -f {{fasta}} -R {{bed}} {{bam}} | "
        f"{_BCFTOOLS} call -m -v -a GQ -Oz -o {{out}}.vcf.gz - && {_INDEX}",
        f"{_BCFTOOLS} --version",
        20,
    ),
    "freebayes": Caller(
        ("freebayes", "bcftools"),
        "freebayes -f {fasta} -t {bed} --genotype-qualities {bam} | "
        f"bcftools view -Oz -o {{out}}.vcf.gz - && {_INDEX}",
        "freebayes --version",
        20,
    ),
}  # fmt: skip
OURS = "genomehub"


def why_not(name: str) -> str:
    """Why a caller cannot run here; "" if it can."""
    lacking = [program for program in CALLERS[name].programs if shutil.which(program) is None]
    return f"{' and '.join(lacking)} not installed" if lacking else ""


@functools.cache
def identity(name: str) -> str:
    """Version of a caller, which tells whether a kept result is stale; ours with a digest of its sources."""
    command = ["bash", "-c", CALLERS[name].version]
    words = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    version = words[-1] if words else "unknown"
    return f"{version}-{sources_digest()}" if name == OURS else version

"""The bcftools that comes within pysam, as a program: newer than many a distribution's.

python benchmarks/pysam_bcftools.py mpileup -Ou -f genome.fa reads.bam | python ... call -mv -Ob -o calls.bcf
"""

import sys

import pysam
import pysam.bcftools
from pysam.version import __bcftools_version__


def main() -> None:
    """Run one command of bcftools; its answer goes to standard output."""
    if sys.argv[1:] == ["--version"]:
        print(f"bcftools {__bcftools_version__}")
        return
    command, *options = sys.argv[1:]
    try:
        getattr(pysam.bcftools, command)(*options, catch_stdout=False)
    except pysam.SamtoolsError as error:
        sys.exit(f"bcftools {command}: {error}")


if __name__ == "__main__":
    main()

# What every rule asks: the checked configuration (RUN), and where genomehub itself is.
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from genomehub.errors import GenomehubError
from genomehub.pipeline import commands
from genomehub.pipeline.workflow import check_run

try:
    RUN = check_run(config, (workflow.configfiles or ["--config"])[-1])
except GenomehubError as error:
    raise WorkflowError(str(error)) from None

if shutil.which("genomehub") is None:  # snakemake was called by its path, its environment is not active
    shell.prefix(f"export PATH=$PATH:{Path(sys.executable).parent}; ")


wildcard_constraints:
    sample="[A-Za-z0-9][A-Za-z0-9._-]*",

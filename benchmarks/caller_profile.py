"""Where the CPU time of genomehub call goes, stage by stage.

    python benchmarks/caller_profile.py GENOME.ref IN.bam REGIONS.bed FOLDER     prints JSON

The pipeline runs with one thread in a process of its own, with the clocks of ``aligner_profile``.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from aligner_profile import REST, START_UP, Clocks, install, peak_rss

#: Stage, module in which the pipeline looks the function up, name there.
STAGES = (
    ("gap costs", "genomehub.pipeline.call", "calibrated"),
    ("decode", "genomehub.pipeline.call", "_fetch"),
    ("counters", "genomehub.variants.caller", "make_window"),
    ("counters", "genomehub.variants.caller", "with_qualities"),
    ("counters", "genomehub.variants.caller", "usable_reads"),
    ("counters", "genomehub.variants.caller", "as_alignments"),
    ("counters", "genomehub.variants.caller", "tally_window"),
    ("active regions", "genomehub.variants.caller", "find_regions"),
    ("haplotypes", "genomehub.variants.caller", "select_reads"),
    ("haplotypes", "genomehub.variants.caller", "candidate_haplotypes"),
    ("assembly", "genomehub.variants.caller", "with_assembled"),
    ("events", "genomehub.variants.caller", "events_of"),
    ("PairHMM", "genomehub.variants.caller", "read_likelihoods"),
    ("genotypes", "genomehub.kernels.genotype", "fragment_likelihoods"),
    ("genotypes", "genomehub.variants.genotypes", "group_sites"),
    ("genotypes", "genomehub.variants.genotypes", "genotype_all"),
    ("report", "genomehub.variants.genotypes", "select_called"),
    ("report", "genomehub.variants.caller", "variant_arrays"),
    ("phase", "genomehub.variants.caller", "link_called"),
    ("phase", "genomehub.pipeline.call", "_phased"),
    ("reference blocks", "genomehub.variants.caller", "reference_confidence"),
    ("reference blocks", "genomehub.variants.caller", "lower_confidence"),
    ("reference blocks", "genomehub.variants.caller", "reference_blocks"),
    ("store", "genomehub.store.variants", "VariantStoreWriter.write_region"),
    ("store", "genomehub.store.variants", "VariantStoreWriter.finalise"),
    ("export VCF", "genomehub.pipeline.call", "write_vcf"),
)  # fmt: skip


def profile(reference: Path, bam: Path, bed: Path, folder: Path) -> dict[str, Any]:
    """Profile calling in a process of its own; kernels should be compiled before.

    Returns
    -------
    row : as ``aligner_profile.profile``, without rates
    """
    command = [sys.executable, __file__, *map(str, (reference, bam, bed, folder))]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    row: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return {"task": "callers.profile", "caller": "genomehub", "threads": 1, **row}


def _main(reference: str, bam: str, bed: str, folder: str) -> None:
    from genomehub.pipeline import call
    from genomehub.pipeline.call_scope import CallScope

    clocks = Clocks()
    missing = install(clocks, STAGES)
    started, clocks.peak = time.process_time(), peak_rss()
    start_rss = clocks.peak
    store, vcf = Path(folder) / "profile.vcz", Path(folder) / "profile.vcf.gz"
    call.call(reference, bam, store, CallScope(bed), call.Exports(vcf), threads=1)
    total = time.process_time()
    stages = {START_UP: started, **{stage: clocks.seconds[stage] for stage, _, _ in STAGES}}
    stages[REST] = total - sum(stages.values())
    raised = {START_UP: start_rss, **{stage: clocks.raised[stage] for stage, _, _ in STAGES}}
    raised[REST] = peak_rss() - sum(raised.values())
    row = {"seconds": total, "stages": stages, "missing": missing}
    print(json.dumps(row | {"peak_rss_bytes": peak_rss(), "raised_bytes": raised}))


if __name__ == "__main__":
    _main(*sys.argv[1:])

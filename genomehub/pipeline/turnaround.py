"""From measured stages to a whole genome: the model of ``genomehub benchmark turnaround``. Pure arithmetic.

A stage that took C core-seconds on a sample, R on a handful of reads with the same reference and S on these
with a tiny reference costs, for L bases of reference and U units of work::

    C_genome = S + (R - S) / L_sample * L_genome + (C - R) / U_sample * U_genome

S is the start-up, R - S what walking over a reference costs however few the reads. The unit is sequenced
bases for align and qc, and aligned bases for call: time grows with depth as well as with the length that
is covered. Compilation is measured apart; it is paid once per machine.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from genomehub.config import BenchmarkConfig


class Usage(NamedTuple):
    """What a command used, its child processes included.

    core_seconds : user and system time; wall_seconds : start to end
    peak_rss_bytes : largest resident memory of one process
    input_bytes, output_bytes : size of the files that it was given and that it left
    """

    core_seconds: float
    wall_seconds: float
    peak_rss_bytes: int
    input_bytes: int
    output_bytes: int


@dataclasses.dataclass(frozen=True)
class Sample:
    """How much work the measured sample is.

    n_reads, n_bases : as sequenced
    covered_bp : reference bases with a depth of at least 1
    aligned_bases : bases of reads on the reference, as depth counts them
    reference_bp : length of the reference
    """

    n_reads: int
    n_bases: int
    covered_bp: int
    aligned_bases: int
    reference_bp: int

    @property
    def depth(self) -> float:
        """Mean depth of covered bases."""
        return self.aligned_bases / self.covered_bp if self.covered_bp else 0.0


@dataclasses.dataclass(frozen=True)
class Stage:
    """One measured stage.

    name : subcommand
    unit : field of Sample that its work is measured in
    usage, idle, start_up : on the sample, on a handful of reads, and on these with a tiny reference; kernels
        compiled before
    compile_seconds : core-seconds that a first run on this machine takes more
    """

    name: str
    unit: str
    usage: Usage
    idle: Usage
    start_up: Usage
    compile_seconds: float


def stage_estimate(stage: Stage, sample: Sample, config: BenchmarkConfig) -> dict[str, Any]:
    """Extrapolate one stage.

    Returns
    -------
    row : what was measured; fixed_core_seconds (start-up), reference_core_seconds (for the reference's
        length), per_gigaunit (core-seconds per 10^9 units), times (how many times the sample's work a genome
        is), genome_core_hours; for stages that work on aligned bases also genome_core_hours_at_sample_depth,
        had depth no influence. None where the sample costs no more than a handful of reads
    """
    amount = getattr(sample, stage.unit)
    target = config.genome_bp * config.depth
    fixed = stage.start_up.core_seconds
    walk = max(0.0, stage.idle.core_seconds - fixed)
    variable = stage.usage.core_seconds - fixed - walk
    constant = fixed + walk / sample.reference_bp * config.genome_bp
    can_tell = amount > 0 and variable > 0
    row = {
        "stage": stage.name,
        "unit": stage.unit,
        **stage.usage._asdict(),
        "fixed_core_seconds": fixed,
        "reference_core_seconds": walk,
        "compile_seconds": stage.compile_seconds,
        "per_gigaunit": variable / amount * 1e9 if can_tell else None,
        "times": target / amount if amount else None,
        "genome_core_hours": (constant + variable / amount * target) / 3600 if can_tell else None,
    }
    if stage.unit == "aligned_bases" and can_tell:
        row["genome_core_hours_at_sample_depth"] = (
            constant + variable / sample.covered_bp * config.genome_bp
        ) / 3600
    return row


def estimate(stages: Sequence[Stage], sample: Sample, config: BenchmarkConfig) -> dict[str, Any]:
    """Extrapolate all stages of a sample to a genome, in core-hours and money.

    Examples
    --------
    >>> used, idle = Usage(110.0, 60.0, 1, 1, 1), Usage(10.0, 9.0, 1, 1, 1)
    >>> sample = Sample(n_reads=10**7, n_bases=10**9, covered_bp=10**8, aligned_bases=10**9, reference_bp=10)
    >>> stage = Stage("align", "n_bases", used, idle, idle, 0.0)
    >>> round(estimate([stage], sample, BenchmarkConfig())["core_hours"], 2)  # 10 s + 100 s per Gb x 93 Gb
    2.59
    """
    rows = [stage_estimate(stage, sample, config) for stage in stages]
    hours = [row["genome_core_hours"] for row in rows]
    core_hours = None if None in hours else sum(hours)
    return {
        "stages": rows,
        "sample": {**dataclasses.asdict(sample), "depth": sample.depth},
        "genome": dataclasses.asdict(config),
        "genome_reads": round(config.genome_bp * config.depth / config.read_length),
        "core_hours": core_hours,
        "price": None if core_hours is None else core_hours * config.price_per_core_hour,
    }


def caveats(result: dict[str, Any]) -> list[str]:
    """Say from what the estimate extrapolates, and how far."""
    sample = result["sample"]
    times = max((row["times"] or 0 for row in result["stages"]), default=0)
    genome = result["genome"]
    lines = [
        f"from {sample['n_reads']:,} reads ({sample['n_bases'] / 1e6:,.1f} Mb) on "
        f"{sample['covered_bp'] / 1e6:,.2f} Mbp at {sample['depth']:.0f}x "
        f"to {genome['genome_bp'] / 1e9:g} Gbp at {genome['depth']:g}x: {times:,.0f} times the work"
    ]
    if sample["reference_bp"] < 0.5 * result["genome"]["genome_bp"]:
        lines.append(
            f"the reference has {sample['reference_bp'] / 1e6:,.1f} Mbp: repeats and cache misses of a whole "
            "genome, which make seeding dearer, are not in the figures"
        )
    short = [
        row["stage"]
        for row in result["stages"]
        if row["core_seconds"] < 4 * (row["fixed_core_seconds"] + row["reference_core_seconds"])
    ]
    if short:
        names = ", ".join(short)
        lines.append(
            f"without reads it costs more than a quarter of what was measured for {names}: take more"
        )
    return lines

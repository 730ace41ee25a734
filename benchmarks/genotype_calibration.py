"""Whether GQ and QUAL keep what they promise, on calls whose truth is known.

    genomehub evaluate -r REF --truth TRUTH --confident BED --all --output-vcf judged.vcf.gz calls.vcf.gz
    python benchmarks/genotype_calibration.py calls.vcf.gz judged.vcf.gz --plot calibration.png

A call that evaluation counts as false is wrong, be it no variant or another genotype. Of each bin of
qualities the observed share of wrong calls (with its 95 % interval) stands beside the mean promise. Several
pairs of files count together; ``--leave-out BED`` names places where the truth itself is in doubt.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pysam
from caller_runs import read_intervals
from placement import Tally, calibration

_TOP = 255


def read_calls(
    calls: Path, judged: Path, left_out: Sequence[tuple[str, int, int]] = ()
) -> dict[str, list[tuple[float, bool]]]:
    """Return (quality, whether wrong) of each judged call, for GQ and QUAL, SNVs and indels apart.

    Calls are found again by contig, position and alleles; those that evaluation spells otherwise or does not
    count are left out, and those in the spans ``left_out`` (contig, start, end; 0-based).
    """
    wrong = {}
    with pysam.VariantFile(str(judged)) as file:
        for record in file:
            decision = record.samples["QUERY"]["BD"]
            if decision in ("TP", "FP"):
                wrong[record.contig, record.pos, record.alleles] = decision == "FP"
    rows: dict[str, list[tuple[float, bool]]] = {}
    with pysam.VariantFile(str(calls)) as file:
        for record in file:
            key = record.contig, record.pos, record.alleles
            if key not in wrong or not record.samples:
                continue
            if any(c == record.contig and s <= record.start < e for c, s, e in left_out):
                continue
            kind = "SNV" if {len(allele) for allele in record.alleles} == {1} else "indel"
            qualities = {"GQ": record.samples[0].get("GQ"), "QUAL": record.qual}
            for name, quality in qualities.items():
                if quality is not None:
                    rows.setdefault(f"{name} of {kind}s", []).append((quality, wrong[key]))
    return rows


def summarise(rows: list[tuple[float, bool]]) -> list[dict[str, Any]]:
    """Return the bins of placement.calibration: ``placed`` counts calls, qualities are rounded."""
    quality, is_wrong = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    whole = np.clip(np.rint(quality), 0, _TOP).astype(np.int64)
    counts = (np.bincount(whole, weights=weight, minlength=_TOP + 1) for weight in (None, is_wrong))
    placed, wrong = (count.astype(np.int64) for count in counts)
    return calibration(Tally(placed, wrong, 0))


def main() -> None:
    """Print the bins as JSON and draw them if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="CALLS JUDGED",
        help="VCF of calls and that of genomehub evaluate --output-vcf, in turn",
    )  # fmt: skip
    parser.add_argument("--leave-out", type=Path, metavar="BED")
    parser.add_argument("--plot", type=Path, metavar="PNG")
    options = parser.parse_args()
    if len(options.files) % 2:
        parser.error(f"{options.files[-1]}: stands alone; name calls and judged calls in turn")
    left_out = read_intervals(options.leave_out) if options.leave_out else []
    rows: dict[str, list[tuple[float, bool]]] = {}
    for calls, judged in zip(options.files[::2], options.files[1::2], strict=True):
        for name, found in read_calls(calls, judged, left_out).items():
            rows.setdefault(name, []).extend(found)
    bins = {name: summarise(found) for name, found in rows.items()}
    if options.plot:
        from calibration_plot import plot_reliability  # matplotlib takes a second to load

        plot_reliability(bins, options.plot)
    print(json.dumps(bins, indent=2))


if __name__ == "__main__":
    main()

"""Whether GQ and QUAL keep what they promise, on calls whose truth is known.

    genomehub evaluate -r REF --truth TRUTH --confident BED --all --output-vcf judged.vcf.gz calls.vcf.gz
    python benchmarks/genotype_calibration.py calls.vcf.gz judged.vcf.gz --plot calibration.png

A call that evaluation counts as false is wrong, be it no variant or another genotype. Of each bin of
qualities the observed share of wrong calls (with its 95 % interval) stands beside the mean promise.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pysam
from placement import Tally, calibration

_TOP = 255


def read_calls(calls: Path, judged: Path) -> dict[str, list[tuple[float, bool]]]:
    """Return (quality, whether wrong) of each judged call, for GQ and QUAL, SNVs and indels apart.

    Calls are found again by contig, position and alleles; those that evaluation spells otherwise or does not
    count are left out.
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
    parser.add_argument("calls", type=Path)
    parser.add_argument("judged", type=Path, help="VCF of genomehub evaluate --output-vcf")
    parser.add_argument("--plot", type=Path, metavar="PNG")
    options = parser.parse_args()
    bins = {name: summarise(rows) for name, rows in read_calls(options.calls, options.judged).items()}
    if options.plot:
        from calibration_plot import plot_reliability  # matplotlib takes a second to load

        plot_reliability(bins, options.plot)
    print(json.dumps(bins, indent=2))


if __name__ == "__main__":
    main()

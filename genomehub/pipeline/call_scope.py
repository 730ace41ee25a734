"""What a run of ``call`` answers for: intervals, their ploidy, and alleles that are asked for.

Read and checked before any read is looked at, but for the depths that tell the sex.
"""

import hashlib
import logging
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from genomehub.config import CallConfig
from genomehub.errors import ConfigError
from genomehub.formats.alignment_reader import AlignmentReader
from genomehub.formats.bed import read_bed, read_targets
from genomehub.formats.vcf_reader import read_alleles
from genomehub.pipeline.ploidy import Ploidies, plan_ploidy
from genomehub.store.reference import Reference
from genomehub.types import Contig, Interval
from genomehub.variants.asked import LONGEST, AskedAlleles

_log = logging.getLogger("genomehub.call")


class CallScope(NamedTuple):
    """What to call, as a user says it; all of the genome by default.

    regions : BED of the intervals to call
    targets : BED of what was enriched, to call with ``padding`` bp on both sides, in place of ``regions``
    alleles : VCF of alleles to genotype and report whatever the genotype
    sex : "male", "female", "unknown" or "auto" (from the depths of X and Y): ploidy of X and Y
    calibrate_on : BED of the intervals that gap costs and contamination are measured on, in place of those to
        call: what is called in pieces then has the same of both
    ploidy_regions : BED with the ploidy in its fourth column, in place of the sex (see pipeline.ploidy)
    """

    regions: str | os.PathLike[str] | None = None
    targets: str | os.PathLike[str] | None = None
    padding: int = 0
    alleles: str | os.PathLike[str] | None = None
    sex: str = "auto"
    calibrate_on: str | os.PathLike[str] | None = None
    ploidy_regions: str | os.PathLike[str] | None = None


class CallPlan(NamedTuple):
    """A scope, read: intervals to call and to measure on, ploidy of every base, alleles to report anyway."""

    intervals: list[Interval]
    calibration: list[Interval]
    ploidies: Ploidies
    asked: AskedAlleles | None

    def attributes(self, contigs: Sequence[Contig]) -> dict[str, Any]:
        """Return what the store says of sex, ploidy and of the alleles that were asked for."""
        spans = [
            [contigs[span.interval.contig_index].name, *span.interval[1:], span.ploidy]
            for span in self.ploidies.map.spans
        ]
        told = {"sex": self.ploidies.sex.value, "sex_from": self.ploidies.sex_from, "ploidy_spans": spans}
        if self.asked is None:
            return told
        digest = hashlib.sha256(b"".join(np.ascontiguousarray(column).tobytes() for column in self.asked))
        return {**told, "alleles_sha256": digest.hexdigest()}


def plan_call(
    scope: CallScope, reference: Reference, reader: AlignmentReader, read_groups: tuple[int, ...] | None,
    config: CallConfig,
) -> CallPlan:  # fmt: skip
    """Read the files of a scope and decide the ploidy of every base.

    Parameters
    ----------
    read_groups : those of the sample, None for all

    Raises
    ------
    InputError
        A BED or VCF is missing, damaged or of another genome.
    ConfigError
        What the scope says does not go together.
    """
    intervals = _intervals(scope, reference)
    enriched = intervals if scope.targets is not None else None
    asked = _asked(scope.alleles, reference) if scope.alleles is not None else None
    ploidies = plan_ploidy(
        reference, reader, read_groups, intervals, enriched, config, scope.sex, scope.ploidy_regions
    )
    calibration = read_bed(scope.calibrate_on, reference) if scope.calibrate_on is not None else intervals
    return CallPlan(intervals, calibration, ploidies, asked)


def _intervals(scope: CallScope, reference: Reference) -> list[Interval]:
    regions, targets, padding = scope.regions, scope.targets, scope.padding
    if regions is not None and targets is not None:
        raise ConfigError(
            f"regions {regions} and targets {targets}: both say what to call. Give one of them: regions are "
            "called as they are, targets with padding."
        )
    if padding and targets is None:
        raise ConfigError(
            f"padding {padding}: widens targets, but none are given. Name their BED (--targets)."
        )
    if targets is not None:
        return read_targets(targets, reference, padding)
    return read_bed(regions, reference) if regions is not None else whole_genome(reference.contigs)


def _asked(path: str | os.PathLike[str], reference: Reference) -> AskedAlleles:
    alleles, n_left_out = read_alleles(path, reference, LONGEST)
    if n_left_out:
        _log.warning(
            "%s: %d alleles are left out: they spell no bases, exceed %d bp or are on contigs that the "
            "reference lacks", path, n_left_out, LONGEST,
        )  # fmt: skip
    sizes = [len(allele.alt) for allele in alleles]
    letters = np.frombuffer("".join(allele.alt for allele in alleles).encode(), dtype=np.uint8)
    return AskedAlleles(
        np.array([allele.contig_index for allele in alleles], dtype=np.int32),
        np.array([allele.start for allele in alleles], dtype=np.int64),
        np.array([len(allele.ref) for allele in alleles], dtype=np.int64),
        np.searchsorted(np.frombuffer(b"ACGT", dtype=np.uint8), letters).astype(np.uint8),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
    )


def whole_genome(contigs: Sequence[Contig]) -> list[Interval]:
    """Return one interval per contig."""
    return [Interval(index, 0, contig.length) for index, contig in enumerate(contigs)]

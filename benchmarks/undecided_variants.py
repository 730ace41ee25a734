"""Which variants alignments can decide at all: where simulated reads that have the ALT lie, and how surely.

    genomehub evaluate -r REF --truth TRUTH --confident SPAN --output-vcf NAME.judged.vcf.gz NAME.vcf.gz
    python benchmarks/undecided_variants.py --bam our.bam --truth phased.vcf.gz --outside confident.bed \\
        NAME=NAME.judged.vcf.gz ...

Names of simulated reads (simulate_reads.py) tell which reads hold a variant's ALT. A read of MAPQ 0 fits
another copy as well: had that copy the variant, the same reads would lie the same way, and no caller can
tell which one has it. One with fewer than ``--enough`` ALT reads surely at its place is such, and costs
any caller one error on average: left out, it is missed; called at both copies, false at one; called at
either, it is right once in two times, else missed and false.
"""

import argparse
import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pysam
from caller_runs import read_intervals
from placement import NEAR_BP

#: MAPQ from which a read lies surely where it lies; callers look at reads from there on.
SURE = 20


class Variant(NamedTuple):
    """A true variant: contig, 0-based place, whether it is an SNV, and the haplotypes (1, 2) with an ALT."""

    contig: str
    place: int
    is_snv: bool
    haplotypes: tuple[int, ...]


def true_variants(truth: Path, judged: Path, outside: Sequence[tuple[str, int, int]]) -> list[Variant]:
    """True variants that were judged (BD is TP or FN) and lie in none of the spans ``outside``."""
    spans = sorted(outside)
    found = []
    with pysam.VariantFile(str(truth)) as phased:
        for contig, place in sorted(judged_places(judged, ("TP", "FN"))):
            before = bisect.bisect_right(spans, (contig, place, place + (1 << 40))) - 1
            if before >= 0 and spans[before][0] == contig and spans[before][2] > place:
                continue
            for record in phased.fetch(contig, place, place + 1):
                if record.start == place:
                    is_snv = {len(allele) for allele in record.alleles or ()} == {1}
                    genotype = record.samples[0]["GT"]
                    with_alt = tuple(h + 1 for h in (0, 1) if genotype[h])
                    found.append(Variant(contig, place, is_snv, with_alt))
    return found


def judged_places(judged: Path, decisions: Iterable[str]) -> set[tuple[str, int]]:
    """Contig and 0-based place of the true variants that evaluation decided so about."""
    with pysam.VariantFile(str(judged)) as file:
        return {
            (record.contig, record.start) for record in file if record.samples["TRUTH"]["BD"] in decisions
        }


def alt_reads(bam: Path, variants: Sequence[Variant]) -> list[Counter[str]]:
    """Count each variant's reads with the ALT: ``sure``, ``unsure`` or ``tied`` (MAPQ 0) here, or ``away``.

    Reads of MAPQ 0 that lie elsewhere are tied as well: the aligner drew lots.
    """
    counts: list[Counter[str]] = [Counter() for _ in variants]
    order = sorted(range(len(variants)), key=lambda i: variants[i])
    keys = [(variants[i].contig, variants[i].place) for i in order]
    with pysam.AlignmentFile(str(bam)) as file:
        for record in file:
            if record.flag & 0x900:
                continue
            haplotype_and_contig, *places, _ = record.query_name.rsplit("_", 5)
            haplotype, _, contig = haplotype_and_contig.partition("_")
            first, _, last = places[2 if record.flag & 0x80 else 0].partition("-")
            start, end = int(first) - 1, int(last or first)
            for i in range(
                bisect.bisect_left(keys, (contig, start)), bisect.bisect_left(keys, (contig, end))
            ):
                if int(haplotype[1:]) in variants[order[i]].haplotypes:
                    counts[order[i]][_standing(record, contig, start)] += 1
    return counts


def _standing(record: pysam.AlignedSegment, contig: str, start: int) -> str:
    if record.is_unmapped or record.mapping_quality == 0:
        return "tied"
    slack = NEAR_BP + record.query_length
    if record.reference_name != contig or abs(record.reference_start - start) > slack:
        return "away"
    return "sure" if record.mapping_quality >= SURE else "unsure"


def kind_of(reads: Counter[str], enough: int) -> str:
    """The row of the table that a variant with these ALT reads belongs to."""
    if reads["sure"] >= enough:
        return f"{enough} or more ALT reads of MAPQ >= {SURE} at the place"
    if reads["sure"] + reads["unsure"] >= enough:
        return f"fewer, but {enough} or more of MAPQ > 0"
    if reads["away"] > reads["tied"]:
        return "most ALT reads surely at another copy"
    return "most ALT reads of MAPQ 0"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bam", type=Path, required=True, help="alignments of simulated reads")
    parser.add_argument(
        "--truth", type=Path, required=True, help="phased VCF that they were made of, indexed"
    )
    parser.add_argument("--outside", type=Path, help="BED; SNVs in it are left out")
    parser.add_argument("--enough", type=int, default=3, help="ALT reads that decide (3)")
    parser.add_argument("judged", nargs="+", metavar="NAME=VCF", help="--output-vcf of genomehub evaluate")
    args = parser.parse_args()
    files: dict[str, list[Path]] = {}
    for item in args.judged:
        name, _, path = item.partition("=")
        files.setdefault(name, []).append(Path(path))
    outside = read_intervals(args.outside) if args.outside else []
    one = next(iter(files.values()))
    variants = [v for path in one for v in true_variants(args.truth, path, outside)]
    missed = {
        name: set().union(*(judged_places(path, ["FN"]) for path in paths)) for name, paths in files.items()
    }
    kinds = [
        f"{'SNVs' if variant.is_snv else 'indels'}, {kind_of(reads, args.enough)}"
        for variant, reads in zip(variants, alt_reads(args.bam, variants), strict=True)
    ]
    print("| true variants | all |", " | ".join(f"missed by {name}" for name in files), "|")
    print("|---|---|" + "---|" * len(files))
    for kind, n in sorted(Counter(kinds).items()):
        members = [(v.contig, v.place) for v, k in zip(variants, kinds, strict=True) if k == kind]
        counts = [str(sum(m in missed[name] for m in members)) for name in files]
        print(f"| {kind} | {n} |", " | ".join(counts), "|")


if __name__ == "__main__":
    main()

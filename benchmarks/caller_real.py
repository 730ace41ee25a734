"""Real reads: each difference from another caller's calls, and whether a child's alleles are its parents'."""

import gzip
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caller_runs import CallerRuns, Truth, evaluate, read_intervals

from genomehub.store.variants import VariantStore
from genomehub.types import Interval

#: GQ from which a genotype of the trio is taken for sure.
SURE = 20
#: A record of the annotated VCF: contig, POS, REF and ALT.
_Site = tuple[str, int, str, str]


def differences(
    runs: CallerRuns, ours: Path, peer: Path, truth: Truth, confident: Path
) -> tuple[list[dict[str, Any]], int]:
    """Compare our calls with a peer's, allele by allele.

    Returns
    -------
    rows : each call that the other side lacks: ``place``, ``alleles``, the genotypes ``ours`` and ``theirs``
        ("" where there is none), what the truth says of them (``ours_is``, ``theirs_is``: TP or FP, ""), and
        whether it lies in the ``confident`` regions
    n_same : calls of ours that the peer has as well, however it spells them
    """
    between = _decisions(runs, Truth(peer, {}), ours, runs.folder / "differences.vcf")
    judged = [
        _decisions(runs, Truth(truth.vcf, {}), calls, runs.folder / f"judged.{side}.vcf")
        for side, calls in enumerate((ours, peer))
    ]
    regions = read_intervals(confident)
    rows = []
    for site, ((theirs, their_decision), (mine, my_decision)) in between.items():
        if "FN" not in their_decision and "FP" not in my_decision:
            continue
        contig, position, ref, alt = site
        rows.append(
            {
                "place": f"{contig}:{position}",
                "alleles": f"{ref}>{alt}",
                "ours": mine,
                "ours_is": judged[0].get(site, (("", ""), ("", "")))[1][1],
                "theirs": theirs,
                "theirs_is": judged[1].get(site, (("", ""), ("", "")))[1][1],
                "confident": any(c == contig and s < position <= e for c, s, e in regions),
            }
        )
    n_same = sum(decision == "TP" for _, (_, decision) in between.values())
    return rows, n_same


def _decisions(
    runs: CallerRuns, truth: Truth, calls: Path, out: Path
) -> dict[_Site, tuple[tuple[str, str], tuple[str, str]]]:
    """Genotype and decision of both sides at each site; "" where a side has none."""
    evaluate(runs.genome, calls, truth, runs.bed, out)
    sites = {}
    for line in out.read_text().splitlines():
        if line[0] != "#":
            contig, position, _, ref, alt, *_, true, called = line.split("\t")
            sides = [tuple(side.split(":")[:2]) for side in (true, called)]
            first, second = ((g, d) if g != "./." else ("", "") for g, d in sides)
            sites[contig, int(position), ref, alt] = (first, second)
    return sites


# --- trio ---------------------------------------------------------------------------------------------------
def trio(stores: Sequence[Path], confident: Path) -> dict[str, Any]:
    """Check Mendel's rules where child, father and mother (in this order) are sure.

    Returns
    -------
    row : ``judged`` sites; ``violations``: ``place``, ``alleles`` of the three, and ``de_novo``: whether the
        child has an allele that both parents lack
    """
    opened = [VariantStore.open(path) for path in stores]
    contigs = {contig.name: i for i, contig in enumerate(opened[0].contigs)}
    judged, violations = 0, []
    for contig, start, end in read_intervals(confident):
        span = Interval(contigs[contig], start, end)
        places = {int(p) - 1 for store in opened for p in store.region(span)["variant_position"]}
        for place in sorted(places & set(range(start, end))):
            found = [_sure_alleles(store, contigs[contig], place) for store in opened]
            if any(alleles is None for alleles in found):
                continue
            judged += 1
            child, father, mother = (alleles or () for alleles in found)
            if not any(one in father and two in mother for one, two in itertools.permutations(child)):
                new = any(allele and allele not in (*father, *mother) for allele in child)
                shown = [[allele or "REF" for allele in alleles] for alleles in (child, father, mother)]
                violations.append({"place": f"{contig}:{place + 1}", "alleles": shown, "de_novo": new})
    return {"task": "callers.trio", "caller": "genomehub", "judged": judged, "violations": violations}


def _sure_alleles(store: VariantStore, contig_index: int, place: int) -> tuple[str, ...] | None:
    """Both alleles at a place (0-based) as the differences they are, "" for the reference; None if unsure."""
    span = Interval(contig_index, place, place + 1)
    rows = store.region(span)
    for i in range(len(rows["variant_position"])):
        if rows["variant_position"][i] != place + 1:
            continue
        if rows["call_GQ"][i, 0] < SURE or not rows["variant_filter"][i, 0]:
            return None
        texts = [str(allele) for allele in rows["variant_allele"][i]]
        return tuple(_difference(texts[0], texts[max(int(g), 0)]) for g in rows["call_genotype"][i, 0])
    blocks = store.blocks(span)
    return ("", "") if len(blocks["block_GQ"]) and blocks["block_GQ"][0] >= SURE else None


def _difference(ref: str, alt: str) -> str:
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    return "" if ref == alt else f"{ref}>{alt}"


def without_blocks(path: Path, folder: Path) -> Path:
    """A peer's VCF without records that call nothing, such as the blocks of a gVCF."""
    read = gzip.open if path.suffix == ".gz" else open
    out = folder / f"{path.name.removesuffix('.gz').removesuffix('.vcf')}.calls.vcf"
    with read(path, "rt") as source, out.open("w") as target:
        target.writelines(line for line in source if line[0] == "#" or line.split("\t")[4] != "<NON_REF>")
    return out

"""What is known of every candidate site, reported or not: the input of a model that rescores calls.

Sites are looked at as if their likeliest ALT had been called, so that errors and variants are described by
the same numbers. Only made on request (``genomehub call --features``).
"""

import numpy as np

from genomehub.kernels.genotype import MAX_ALLELES, Genotypes
from genomehub.variants.annotations import (
    Observations,
    annotate,
    homopolymers,
    observe_called,
    phred,
    site_columns,
)
from genomehub.variants.genotypes import Called, Evidence, Posteriors, allele_texts, called_alleles
from genomehub.variants.pileup import Window
from genomehub.variants.ploidy import genotype_table

#: bp on both sides of POS in which G and C are counted.
_GC_REACH = 50
_MAX_PL = 9999.0


def candidate_arrays(
    sites: np.ndarray, evidence: Evidence, genotypes: Genotypes, result: Posteriors, is_called: np.ndarray,
    window: Window,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return the candidate_* arrays of sites, as store.schema names them.

    Parameters
    ----------
    sites : (n, 3) int64, as group_sites; evidence : of all sites of the window
    genotypes, result, is_called : of these sites
    window : the reference around them
    """
    candidates = as_called(sites, genotypes, result)
    texts = allele_texts(candidates, evidence.events, evidence.haplotypes, window)
    seen = observe_called(candidates, site_columns(candidates), evidence)
    notes = annotate(seen, texts.shape[1])
    row = evidence.events.row[sites[:, 1]]
    lengths = np.strings.str_len(texts)
    alts = ([text for text in alleles if text] for alleles in texts[:, 1:].tolist())
    behind = np.minimum(row + 1, window.reference.size - 1)
    arrays = {
        "contig": np.full(row.size, window.contig_index), "position": window.start + row + 1,
        "ref": texts[:, 0], "alt": np.array([",".join(own) for own in alts], dtype=texts.dtype),
        "called": is_called, "QUAL": result.quality, "GQ": result.genotype_quality,
        "PL": likelihood_by_dose(genotypes, result.genotype.shape[1]),
        "n_alts": (genotypes.alleles >= 0).sum(axis=1),
        "haplotypes": np.diff(evidence.haplotypes.region_offsets)[sites[:, 0]],
        "DP": notes.depth, "SB": notes.strand, "MQ": notes.mapping_quality, "FS": phred(notes.strand_p),
        "SOR": notes.odds_ratio,
        **{name.removeprefix("variant_"): values for name, values in notes.rank_sums.items()},
        **means_by_side(seen),
        "length": lengths[:, 1] - lengths[:, 0],
        "period": window.period[behind],
        "tract": (window.tract_end - window.tract_start)[behind] * (window.period[behind] > 0),
        "HRun": homopolymers(window.reference, row, lengths[:, 0]),
        "GC": gc_share(window.reference, row),
    }  # fmt: skip
    return {f"candidate_{name}": _stored(values) for name, values in arrays.items()}


def _stored(values: np.ndarray) -> np.ndarray:
    return values.astype({"f": np.float32, "u": np.int64}.get(values.dtype.kind, values.dtype))


def as_called(sites: np.ndarray, genotypes: Genotypes, result: Posteriors) -> Called:
    """Return the sites with their called alleles or, where none has an ALT, with the likeliest ALT."""
    table = genotype_table(MAX_ALLELES, result.genotype.shape[1])
    rows = np.arange(sites.shape[0])
    of_allele = np.full((sites.shape[0], MAX_ALLELES), -np.inf)
    for a in range(1, MAX_ALLELES):
        has = (table == a).any(axis=1) & (table.max(axis=1) < genotypes.n_alleles[:, None])
        of_allele[:, a] = np.where(has, genotypes.log10_likelihood, -np.inf).max(axis=1)
    best = np.where(genotypes.alleles >= 0, of_allele, -np.inf).argmax(axis=1)
    places = called_alleles(result.genotype, np.zeros(genotypes.alleles.shape, dtype=bool))
    events = np.where(places >= 0, genotypes.alleles[rows[:, None], np.maximum(places, 0)], -3)
    without = ~(events >= 0).any(axis=1)
    places[without, 1:] = -1
    places[without, 1] = best[without]
    events = np.where(places >= 0, genotypes.alleles[rows[:, None], np.maximum(places, 0)], -3)
    return Called(
        sites, events, places, result.genotype, result.genotype_quality, result.quality,
        genotypes.log10_likelihood, np.zeros(places.shape, dtype=bool),
    )  # fmt: skip


def likelihood_by_dose(genotypes: Genotypes, ploidy: int) -> np.ndarray:
    """Return (n, 3) float64: PL of the best genotype with no ALT, with some, and of ALTs only."""
    table = genotype_table(MAX_ALLELES, ploidy)
    exists = table.max(axis=1) < genotypes.n_alleles[:, None]
    dose = (genotypes.alleles >= 0)[:, table].sum(axis=2)
    best = np.stack(
        [
            np.where(exists & which, genotypes.log10_likelihood, -np.inf).max(axis=1)
            for which in (dose == 0, (dose > 0) & (dose < ploidy), dose == ploidy)
        ],
        axis=1,
    )
    return np.minimum(-10 * (best - best.max(axis=1, keepdims=True)), _MAX_PL)


def means_by_side(seen: Observations) -> dict[str, np.ndarray]:
    """Return (n, 2) means over the fragments of REF and of ALTs: base quality, MAPQ, bp to the read's end.

    NaN where no fragment is of the side.
    """
    n = seen.site_offsets.size - 1
    side = 2 * np.repeat(np.arange(n), np.diff(seen.site_offsets)) + (seen.allele > 0)
    informative = seen.allele >= 0
    count = np.bincount(side[informative], minlength=2 * n)
    values = {
        "mean_BQ": seen.base_quality, "mean_MQ": seen.mapping_quality, "mean_end_distance": seen.position
    }  # fmt: skip
    with np.errstate(invalid="ignore"):
        return {
            name: (np.bincount(side[informative], value[informative], 2 * n) / count).reshape(n, 2)
            for name, value in values.items()
        }


def gc_share(reference: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return (n,) float64: share of G and C among the known bases within 50 bp of ``row``."""
    known = np.concatenate([[0], np.cumsum(reference < 4)])
    strong = np.concatenate([[0], np.cumsum((reference == 1) | (reference == 2))])
    low, high = np.maximum(row - _GC_REACH, 0), np.minimum(row + _GC_REACH + 1, reference.size)
    return (strong[high] - strong[low]) / np.maximum(known[high] - known[low], 1)

"""What the candidate_* arrays of a store must hold: ranges, what follows from other arrays, the calls.

Part of ``store.verify``; the sentences stand in docs/formats/vcf-zarr.md. Reads batch by batch.
"""

from collections.abc import Iterator

import numpy as np

from genomehub.store.parts import Arrays
from genomehub.store.schema import CANDIDATE_ARRAYS
from genomehub.store.variants import VariantStore

_ROWS = 1 << 18
_MAX_GQ, _MAX_PERIOD, _MAX_MAPQ = 99, 8, 255
#: Of floats; QUAL is rounded to three places here, to two with the calls.
_TOLERANCE = 0.006
#: Arrays of counts and of statistics that cannot be negative.
_NOT_NEGATIVE = (
    "DP",
    "SB",
    "QUAL",
    "PL",
    "MQ",
    "FS",
    "SOR",
    "mean_BQ",
    "mean_MQ",
    "mean_end_distance",
    "tract",
)
_SUMMARIES = ("variant_contig", "variant_position", "variant_quality", "variant_DP", "call_GQ")


def candidate_rules(store: VariantStore) -> Iterator[tuple[Arrays, str, np.ndarray]]:
    """Yield batches of candidates, what a candidate must not do, and which of the batch do it."""
    n = store.array("candidate_position").shape[0]
    before, n_called = (-1, 0), 0
    for start in range(0, n, _ROWS):
        rows = store.rows([spec.name for spec in CANDIDATE_ARRAYS], slice(start, start + _ROWS))
        contig, position = (
            rows["candidate_contig"].astype(np.int64),
            rows["candidate_position"].astype(np.int64),
        )
        place = np.concatenate([[before[0]], contig]) * (1 << 40) + np.concatenate([[before[1]], position])
        yield rows, "comes after a later one", np.diff(place) < 0
        before = (int(contig[-1]), int(position[-1]))
        for what, wrong in (*_ranges(store, rows), *_consequences(rows)):
            yield rows, what, wrong
        called = np.flatnonzero(rows["candidate_called"])
        variants = store.rows(_SUMMARIES, slice(n_called, n_called + called.size))
        yield from _calls(rows, called, variants)
        n_called += called.size
    left = store.n_variants - n_called
    if left:
        rows = {
            "candidate_contig": store["variant_contig"][-1:],
            "candidate_position": store["variant_position"][-1:],
        }
        yield rows, f"is missing: {left} variants are called by no candidate", np.array([True])


def _ranges(store: VariantStore, rows: Arrays) -> Iterator[tuple[str, np.ndarray]]:
    contig, ref = rows["candidate_contig"].astype(np.int64), rows["candidate_ref"]
    known = (contig >= 0) & (contig < len(store.contigs))
    yield "names a contig that is not there", ~known
    lengths = np.array([contig.length for contig in store.contigs], dtype=np.int64)
    end = rows["candidate_position"].astype(np.int64) - 1 + np.strings.str_len(ref)
    yield "lies beyond its contig", (rows["candidate_position"] < 1) | (end > lengths[contig * known])
    for key in _NOT_NEGATIVE:
        yield f"has a negative {key}", _any(rows[f"candidate_{key}"] < 0)
    for key, low, high in (
        ("GQ", 0, _MAX_GQ), ("MQ", 0, _MAX_MAPQ), ("mean_MQ", 0, _MAX_MAPQ), ("GC", 0, 1),
        ("period", 0, _MAX_PERIOD),
    ):  # fmt: skip
        values = rows[f"candidate_{key}"]
        yield f"has a {key} outside {low} to {high}", _any((values < low) | (values > high))
    for key in ("n_alts", "haplotypes", "HRun"):
        yield f"has a {key} below 1", rows[f"candidate_{key}"] < 1


def _consequences(rows: Arrays) -> Iterator[tuple[str, np.ndarray]]:
    ref, alt = rows["candidate_ref"], rows["candidate_alt"]
    alts = [text.split(",") for text in alt.tolist()]
    own = [[ref, *others] for ref, others in zip(ref.tolist(), alts, strict=True)]
    yield "has no REF, or an empty ALT", np.array(["" in alleles for alleles in own], dtype=bool)
    yield "has an allele twice", np.array([len({*alleles}) < len(alleles) for alleles in own], dtype=bool)
    first = np.array([len(others[0]) for others in alts], dtype=np.int64)
    yield (
        "has a length that does not follow from its alleles",
        (rows["candidate_length"] != first - np.strings.str_len(ref)),
    )
    yield "has a PL without a best genotype (0)", ~(rows["candidate_PL"] == 0).any(axis=1)
    yield (
        "has more reads in SB than in DP",
        (rows["candidate_SB"].sum(axis=1, dtype=np.int64) > rows["candidate_DP"]),
    )
    yield (
        "has a repeat without length, or a length without repeat",
        ((rows["candidate_period"] > 0) != (rows["candidate_tract"] > 0)),
    )
    for side, first_count in (("REF", 0), ("ALT", 2)):
        none = rows["candidate_SB"][:, first_count : first_count + 2].sum(axis=1) == 0
        for key in ("mean_BQ", "mean_MQ", "mean_end_distance"):
            differs = np.isnan(rows[f"candidate_{key}"][:, first_count // 2]) != none
            yield f"has {key} of {side} and no reads of it, or reads and no mean", differs


def _calls(rows: Arrays, called: np.ndarray, variants: Arrays) -> Iterator[tuple[Arrays, str, np.ndarray]]:
    """Called candidates are the variants, one by one."""
    n = len(variants["variant_position"])
    mine = {name: array[called[:n]] for name, array in rows.items()}
    other = (mine["candidate_contig"] != variants["variant_contig"]) | (
        mine["candidate_position"] != variants["variant_position"]
    )
    yield mine, "is called, but another variant stands in its place", other
    quality = np.abs(mine["candidate_QUAL"] - variants["variant_quality"]) > _TOLERANCE
    yield mine, "has another QUAL than its variant", quality
    yield mine, "has another DP than its variant", mine["candidate_DP"] != variants["variant_DP"]
    known = variants["call_GQ"][:, 0] >= 0
    yield mine, "has another GQ than its variant", known & (mine["candidate_GQ"] != variants["call_GQ"][:, 0])
    beyond = {name: array[called[n:]] for name, array in rows.items()}
    yield beyond, "is called and no variant", np.ones(called.size - n, dtype=bool)


def _any(flags: np.ndarray) -> np.ndarray:
    return np.asarray(flags.reshape(len(flags), -1).any(axis=1))

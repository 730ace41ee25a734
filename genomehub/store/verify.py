"""Read a variant store back and check it against the schema and against itself.

What a valid store is stands in docs/formats/vcf-zarr.md, sentence by sentence; each check here is one of
them. Reading is batch by batch, so memory does not grow with the store.
"""

import itertools
import os
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from genomehub.errors import StoreError
from genomehub.store.assembly import index_rows
from genomehub.store.parts import Arrays, derived_arrays, ploidy_of_rows
from genomehub.store.schema import (
    CALL_ARRAYS,
    CANDIDATE_ARRAYS,
    FIXED_DIMENSIONS,
    GVCF_ARRAYS,
    RAGGED,
    STORED,
    ArraySpec,
    numpy_dtype,
    row_length,
)
from genomehub.store.variants import VariantStore
from genomehub.store.verify_candidates import candidate_rules
from genomehub.types import INT_FILL, STRING_FILL, is_fill

_MAX_GQ = 99
#: Version, codec version, flags, type size; then bytes decompressed, of a block, compressed with this header.
_BLOSC_HEADER = struct.Struct("<4B3I")


def verify_variants(path: str | os.PathLike[str]) -> dict[str, int]:
    """Check the variant store at ``path``; return its numbers of variants, blocks and samples.

    Raises
    ------
    NotFoundError
        Nothing is there.
    StoreError
        The store breaks a rule; the sentence says which, and where.

    Examples
    --------
    >>> verify_variants("NA12878.vcz")  # doctest: +SKIP
    {'variants': 4712345, 'blocks': 1234567, 'samples': 1}
    """
    store = VariantStore.open(path)
    specs = STORED + CANDIDATE_ARRAYS if store.has_candidates else STORED
    sizes = _check_layout(store, specs)
    _check_chunks(store, specs)
    _check_labels(store)
    _check_variants(store)
    _check_blocks(store)
    if store.has_candidates:
        _check_candidates(store)
    return {name: sizes[name] for name in ("variants", "blocks", "samples")}


def _fail(store: VariantStore, what: str) -> StoreError:
    return StoreError(
        f"{store.path}: {what}. The store is damaged or was not made by genomehub; write it again."
    )


def _place(store: VariantStore, contig: int, position: int) -> str:
    name = store.contigs[contig].name if 0 <= contig < len(store.contigs) else f"contig {contig}"
    return f"{name}:{position}"


def _check_layout(store: VariantStore, specs: tuple[ArraySpec, ...]) -> dict[str, int]:
    """Dimensions, shapes and types; return the size of each dimension."""
    sizes: dict[str, int] = {**FIXED_DIMENSIONS, "region_index_fields": 6}
    for spec in specs:
        array = store.array(spec.name)
        dims: tuple[Any, ...] = tuple(array.attrs.get("_ARRAY_DIMENSIONS", ()))  # type: ignore[arg-type]
        if dims != spec.dims:
            raise _fail(store, f"array {spec.name!r} has dimensions {dims}, {spec.dims} were expected")
        for dim, size in zip(dims, array.shape, strict=True):
            if sizes.setdefault(dim, size) != size:
                raise _fail(store, f"array {spec.name!r} has {size} {dim}, others have {sizes[dim]}")
        _check_type(store, spec, array.dtype)
    for dim in RAGGED:
        if sizes[dim] != row_length(dim, sizes["alleles"], sizes["ploidy"]):
            raise _fail(store, f"{sizes['alleles']} alleles do not give {sizes[dim]} {dim}")
    return sizes


def _check_type(store: VariantStore, spec: ArraySpec, dtype: Any) -> None:
    wanted = numpy_dtype(spec)
    if dtype.kind != wanted.kind or dtype.itemsize < wanted.itemsize:
        raise _fail(store, f"array {spec.name!r} has type {dtype}, {wanted} or wider was expected")


def _check_chunks(store: VariantStore, specs: tuple[ArraySpec, ...]) -> None:
    """Every chunk is there and as long as its Blosc header says.

    A reader takes a missing chunk for zeros, and may not notice a short one.
    """
    for spec in specs:
        array = store.array(spec.name)
        if 0 in array.shape:
            continue
        for place in itertools.product(*map(range, array.cdata_shape)):
            chunk = store.path / spec.name / ".".join(map(str, place))
            if not chunk.is_file():
                raise _fail(store, f"chunk {chunk.name} of array {spec.name!r} is missing")
            with chunk.open("rb") as handle:
                header = handle.read(_BLOSC_HEADER.size)
            if len(header) < _BLOSC_HEADER.size or _BLOSC_HEADER.unpack(header)[-1] != chunk.stat().st_size:
                raise _fail(store, f"chunk {chunk.name} of array {spec.name!r} is cut off")


def _check_labels(store: VariantStore) -> None:
    for name in ("contig_id", "filter_id", "sample_id"):
        labels = store[name].tolist()
        if len(set(labels)) < len(labels) or "" in labels:
            raise _fail(store, f"array {name!r} has a name twice or an empty one")
    if next(iter(store.filters), "") != "PASS":
        raise _fail(store, "the first filter is not PASS")


def _check_variants(store: VariantStore) -> None:
    before = (-1, 0)
    index: list[tuple[int, ...]] = []
    chunk = store.array("variant_position").chunks[0]
    for number, rows in enumerate(store.variant_batches(rows=chunk)):
        contig, position = rows["variant_contig"].astype(np.int64), rows["variant_position"].astype(np.int64)
        _raise_first(
            store, rows, (contig < 0) | (contig >= len(store.contigs)), "names a contig that is not there"
        )
        after = np.concatenate([[before[0]], contig]) * (1 << 40) + np.concatenate([[before[1]], position])
        _raise_first(store, rows, np.diff(after) < 0, "comes after a later site")
        before = (int(contig[-1]), int(position[-1]))
        for what, wrong in _row_rules(store, rows):
            _raise_first(store, rows, wrong, what)
        index.extend(index_rows(number, rows))
    stored = store["region_index"]
    if not np.array_equal(stored, np.array(index, dtype=np.int64).reshape(-1, 6)):
        raise _fail(store, "region_index does not fit the variants")


def _raise_first(store: VariantStore, rows: Arrays, wrong: np.ndarray, what: str) -> None:
    if wrong.any():
        i = int(np.argmax(wrong))
        place = _place(store, int(rows["variant_contig"][i]), int(rows["variant_position"][i]))
        raise _fail(store, f"the variant at {place} {what}")


def _row_rules(store: VariantStore, rows: Arrays) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what a row must not do, and which rows do it."""
    alleles, genotype = rows["variant_allele"], rows["call_genotype"]
    empty = alleles == STRING_FILL
    n_alleles = (~empty).sum(axis=1)
    lengths = np.array([contig.length for contig in store.contigs], dtype=np.int64)
    end = rows["variant_position"].astype(np.int64) - 1 + rows["variant_length"]
    yield "lies beyond its contig", (rows["variant_position"] < 1) | (end > lengths[rows["variant_contig"]])
    yield "has no REF or no ALT", empty[:, :2].any(axis=1)
    yield "has an empty allele before another", (empty[:, :-1] & ~empty[:, 1:]).any(axis=1)
    yield "has an allele twice", np.array([len({*row}) < len(row) for row in _present(alleles)], dtype=bool)
    yield (
        "has a genotype that names no allele of its own",
        ((genotype >= n_alleles[:, None, None]) | (genotype < INT_FILL)).any(axis=(1, 2)),
    )
    quality = rows["call_GQ"]
    yield f"has a GQ outside 0 to {_MAX_GQ}", _any((quality < -1) | (quality > _MAX_GQ))
    phase_set, unphased = rows["call_PS"], ~rows["call_genotype_phased"]
    yield "has a PS behind its position", _any(phase_set > rows["variant_position"][:, None])
    yield "has a PS or PQ without a phase", _any(unphased & ((phase_set >= 0) | (rows["call_PQ"] >= 0)))
    for name, values in derived_arrays(rows, n_alleles).items():
        differs = np.asarray(values) != rows[name]
        if values.dtype.kind == "f":
            differs = np.abs(np.nan_to_num(values) - np.nan_to_num(rows[name])) > 0.001
        yield f"has {name} that does not follow from its genotype and alleles", _any(differs)
    ploidy = ploidy_of_rows(genotype)
    for spec in CALL_ARRAYS + GVCF_ARRAYS:
        if spec.dims[-1] in RAGGED:
            n = row_length(spec.dims[-1], n_alleles, ploidy)
            beyond = np.arange(rows[spec.name].shape[-1])[None, None, :] >= n[:, None, None]
            yield f"has {spec.name} of a wrong length", _any(np.asarray(is_fill(rows[spec.name]) != beyond))
    likelihoods = rows["call_PL"]
    has_best = (likelihoods == 0).any(axis=2) | (likelihoods < 0).all(axis=2)
    yield "has a PL without a best genotype (0)", _any(~has_best)


def _present(alleles: np.ndarray) -> Iterator[list[str]]:
    return ([allele for allele in row if allele] for row in alleles.tolist())


def _check_candidates(store: VariantStore) -> None:
    for rows, what, wrong in candidate_rules(store):
        if wrong.any():
            i = int(np.argmax(wrong))
            contig, position = int(rows["candidate_contig"][i]), int(rows["candidate_position"][i])
            raise _fail(store, f"the candidate at {_place(store, contig, position)} {what}")


def _any(flags: np.ndarray) -> np.ndarray:
    return np.asarray(flags.reshape(len(flags), -1).any(axis=1))


def _check_blocks(store: VariantStore) -> None:
    lengths = np.array([contig.length for contig in store.contigs], dtype=np.int64)
    before = (-1, 0)
    for rows in store.block_batches():
        contig, start, end = (rows[f"block_{key}"].astype(np.int64) for key in ("contig", "start", "end"))
        contig_before = np.concatenate([[before[0]], contig[:-1]])
        end_before = np.concatenate([[before[1]], end[:-1]])
        before = (int(contig[-1]), int(end[-1]))
        in_range = (contig >= 0) & (contig < len(lengths))
        rules = (
            ("names a contig that is not there", ~in_range),
            ("is empty or leaves its contig",
             (start < 0) | (end <= start) | (end > lengths[contig * in_range])),
            ("overlaps the block before it or comes too late",
             (contig < contig_before) | ((contig == contig_before) & (start < end_before))),
            ("has a GQ or depth below its range", (rows["block_GQ"] < -1) | (rows["block_MIN_DP"] < -1)),
            ("has a median depth below its least depth", rows["block_DP"] < rows["block_MIN_DP"]),
        )  # fmt: skip
        for what, wrong in rules:
            if wrong.any():
                i = int(np.argmax(wrong))
                raise _fail(store, f"the block at {_place(store, int(contig[i]), int(start[i]) + 1)} {what}")
    _check_apart(store)


def _check_apart(store: VariantStore) -> None:
    """No variant starts within a block: a base is one or the other."""
    if store.n_blocks == 0:
        return
    scale = 1 << 40
    starts = store["block_contig"].astype(np.int64) * scale + store["block_start"]
    ends = store["block_contig"].astype(np.int64) * scale + store["block_end"]
    for rows in store.variant_batches(("variant_contig", "variant_position")):
        site = rows["variant_contig"].astype(np.int64) * scale + rows["variant_position"] - 1
        block = np.searchsorted(starts, site, side="right") - 1
        _raise_first(store, rows, (block >= 0) & (site < ends[block]), "starts within a reference block")

"""One region's calls on their way into a variant store: checked, completed, kept as a part file.

A part is a file of plain arrays named by region and content, written whole or not at all; the writer in
``store.variants`` joins the parts of all regions. Nothing here knows the final layout on disk.
"""

import hashlib
import io
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genomehub.errors import StoreError
from genomehub.files import atomic_output
from genomehub.store.schema import (
    BLOCK_ARRAYS,
    BY_NAME,
    CANDIDATE_ARRAYS,
    FIXED_DIMENSIONS,
    LEAST_PLOIDY,
    RAGGED,
    RAGGED_BY_PLOIDY,
    ROW_ARRAYS,
    ArraySpec,
    Origin,
    numpy_dtype,
    row_length,
)
from genomehub.types import (
    FLOAT32_FILL,
    FLOAT32_MISSING,
    INT_FILL,
    INT_MISSING,
    STRING_FILL,
    STRING_MISSING,
    Interval,
    RegionCalls,
    is_fill,
)

Arrays = dict[str, np.ndarray]
_STRINGS = np.dtypes.StringDType()
_NO_ROWS = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


class PartInfo(NamedTuple):
    """What the writer must know of a part before it reads it.

    n_variants, n_blocks, n_candidates : rows
    n_alleles : alleles of the widest row, at least 2
    ploidy, block_genotypes : sizes of these axes
    ranges : for each integer array of variants and candidates, its least and greatest value
    """

    n_variants: int
    n_blocks: int
    n_candidates: int
    n_alleles: int
    ploidy: int
    block_genotypes: int
    ranges: dict[str, tuple[int, int]]


def complete(calls: RegionCalls, region: Interval, n_filters: int) -> RegionCalls:
    """Check a region's arrays against the schema, fill in what the writer derives, round floats.

    Parameters
    ----------
    calls : as the caller made them
    region : every variant and block must start in it, and every block end in it
    n_filters : columns of variant_filter

    Returns
    -------
    RegionCalls
        Every variant, call and, where given, candidate array of the schema; the block arrays with the
        transient ones where given.
        Rows keep their order. Ragged axes are as wide as the region's widest row (2 alleles at least).

    Raises
    ------
    StoreError
        An array is missing or unknown, has another shape or kind, rows are unsorted or outside the region, or
        a genotype names an allele its row does not have.
    """
    variants, blocks = dict(calls.variants), dict(calls.blocks)
    place = f"region {region.contig_index}:{region.start + 1}-{region.end}"
    _check_names(variants, ROW_ARRAYS, place)
    _check_names(blocks, BLOCK_ARRAYS, place)
    variants = _complete_variants(variants, n_filters, place)
    blocks = _complete_blocks(blocks, place)
    _check_variants(variants, region, place)
    _check_blocks(blocks, region, place)
    candidates = calls.candidates
    if candidates is not None:
        candidates = _complete_candidates(candidates, region, place)
    return RegionCalls(variants, blocks, calls.links, candidates, calls.edge_depths)


def _edge_depths(blocks: Arrays) -> np.ndarray:
    """RegionCalls.edge_depths as if all bases had the median depth."""
    length, depth = blocks["block_end"] - blocks["block_start"], blocks["block_DP"]
    rows = [(edge, depth[at], length[at]) for edge, at in ((0, 0), (1, -1)) if length.size]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _complete_candidates(arrays: Arrays, region: Interval, place: str) -> Arrays:
    _check_names(arrays, CANDIDATE_ARRAYS, place)
    sizes = {"candidates": len(arrays.get("candidate_position", ())), **FIXED_DIMENSIONS}
    full = {}
    for spec in CANDIDATE_ARRAYS:
        shape = tuple(sizes[dim] for dim in spec.dims)
        full[spec.name] = rounded(
            _conform(spec, arrays.get(spec.name), shape, _NO_ROWS, place), spec.decimals
        )
    position = full["candidate_position"]
    if (np.diff(position) < 0).any():
        raise StoreError(f"{place}: candidates are not sorted by position.")
    if position.size and (position[0] <= region.start or position[-1] > region.end):
        raise StoreError(
            f"{place}: a candidate lies outside the region, between {position[0]} and {position[-1]}."
        )
    return full


def _check_names(arrays: Arrays, specs: tuple[ArraySpec, ...], place: str) -> None:
    known = {spec.name for spec in specs}
    for name in arrays:
        if name not in known:
            raise StoreError(f"{place}: array {name!r} is not in the schema of the store (store/schema.py).")
    missing = [spec.name for spec in specs if spec.origin is Origin.CALLER and spec.name not in arrays]
    if missing and arrays:
        raise StoreError(
            f"{place}: array {missing[0]!r} is missing; the schema says that the caller makes it."
        )


def _complete_variants(arrays: Arrays, n_filters: int, place: str) -> Arrays:
    alleles = _trimmed_alleles(arrays)
    ploidy = max([LEAST_PLOIDY, *np.shape(arrays.get("call_genotype", ()))[2:]])
    sizes = {
        "variants": len(alleles), "samples": 1, "filters": n_filters, "ploidy": ploidy, **FIXED_DIMENSIONS,
        **{dim: row_length(dim, alleles.shape[1], ploidy) for dim in RAGGED},
    }  # fmt: skip
    present = (alleles != STRING_FILL).sum(axis=1)
    ploidies = ploidy_of_rows(np.asarray(arrays.get("call_genotype", np.zeros((0, 1, ploidy)))))
    full = {}
    for spec in ROW_ARRAYS:
        if spec.origin is Origin.DERIVED:
            continue
        shape = tuple(sizes[dim] for dim in spec.dims)
        given = alleles if spec.name == "variant_allele" else arrays.get(spec.name)
        full[spec.name] = _conform(spec, given, shape, (present, ploidies), place)
    full.update(derived_arrays(full, present))
    return {spec.name: rounded(full[spec.name], spec.decimals) for spec in ROW_ARRAYS}


def _trimmed_alleles(arrays: Arrays) -> np.ndarray:
    alleles = arrays.get("variant_allele")
    if alleles is None or len(alleles) == 0:
        return np.full((0, 2), STRING_FILL, dtype=_STRINGS)
    alleles = np.asarray(alleles).astype(_STRINGS)
    used = np.flatnonzero((alleles != STRING_FILL).any(axis=0))
    return pad_last(alleles[:, : used[-1] + 1 if len(used) else 1], 2)


def _conform(
    spec: ArraySpec, given: np.ndarray | None, shape: tuple[int, ...],
    present: tuple[np.ndarray, np.ndarray], place: str,
) -> np.ndarray:  # fmt: skip
    """Check an array and widen it to ``shape``; ``present`` : alleles and ploidy of each row."""
    ragged = spec.dims[-1] in RAGGED
    if given is None or (shape[0] == 0 and len(given) == 0):
        given = missing_array(spec, shape)
    given = np.asarray(given)
    if (ragged or spec.dims[-1] in RAGGED_BY_PLOIDY) and given.ndim == len(shape):
        given = pad_last(given, shape[-1])[..., : shape[-1]]
    if given.shape != shape:
        raise StoreError(f"{place}: array {spec.name!r} has shape {given.shape}; {shape} was expected.")
    wanted = numpy_dtype(spec)
    kind = wanted.kind if wanted.kind not in "iu" else "iu"
    if given.dtype.kind not in kind:
        raise StoreError(
            f"{place}: array {spec.name!r} has type {given.dtype}; {wanted} or wider was expected."
        )
    if wanted.kind in "iu":
        given = given.astype(np.int64)
        return _fill_ragged(spec, given, *present) if ragged else given
    return given.astype(wanted, copy=False)


def ploidy_of_rows(genotype: np.ndarray) -> np.ndarray:
    """Return (n,) int64: how many places of genotypes ((n, 1, ploidy)) are no fill."""
    return np.asarray((genotype != INT_FILL).sum(axis=(1, 2)))


def _fill_ragged(
    spec: ArraySpec, values: np.ndarray, present: np.ndarray, ploidies: np.ndarray
) -> np.ndarray:
    """Say fill (-2) behind the last element that a row with fewer alleles, or of lower ploidy, has."""
    beyond = np.arange(values.shape[-1]) >= row_length(spec.dims[-1], present, ploidies)[:, None]
    return np.where(beyond if values.ndim == 2 else beyond[:, None, :], INT_FILL, values)


def derived_arrays(full: Arrays, present: np.ndarray) -> Arrays:
    """Return what follows from alleles and genotypes; ``present`` is the number of alleles of each row."""
    alleles, genotype = full["variant_allele"], full["call_genotype"]
    n_alt = alleles.shape[1] - 1
    an = (genotype >= 0).sum(axis=(1, 2))
    ac = np.stack([(genotype == i + 1).sum(axis=(1, 2)) for i in range(n_alt)], axis=1)
    beyond = np.arange(n_alt)[None, :] >= (present - 1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        af = (ac / an[:, None]).astype(np.float32)
    af[np.broadcast_to(an[:, None] == 0, af.shape)] = FLOAT32_MISSING
    af[beyond] = FLOAT32_FILL
    return {
        "variant_length": np.strings.str_len(alleles[:, 0]).astype(np.int64),
        "variant_AC": np.where(beyond, INT_FILL, ac).astype(np.int64),
        "variant_AF": af,
        "variant_AN": an.astype(np.int64),
        "call_genotype_mask": genotype < 0,
    }


def rounded(values: np.ndarray, decimals: int) -> np.ndarray:
    """Round floats to ``decimals`` places and six significant digits, so that every tool prints the same.

    From 10,000 on only whole numbers are left: tools that print three places would show float32's error.
    """
    if values.dtype.kind != "f":
        return values
    out = np.where(is_fill(values), FLOAT32_FILL, FLOAT32_MISSING)
    finite = np.isfinite(values)
    numbers = values[finite].astype(np.float64)
    magnitude = np.floor(np.log10(np.maximum(np.abs(numbers), 1.0)))
    scale = 10.0 ** np.where(magnitude < 4, np.clip(5 - magnitude, 0, decimals), 0)
    out[finite] = np.round(numbers * scale) / scale + 0.0  # + 0.0: no negative zero
    return out


def _complete_blocks(arrays: Arrays, place: str) -> Arrays:
    n = len(arrays.get("block_start", ()))
    n_likelihoods = max([LEAST_PLOIDY + 1, *np.shape(arrays.get("block_PL", ()))[1:]])
    sizes = {"blocks": n, "block_genotypes": n_likelihoods, **FIXED_DIMENSIONS}
    full = {}
    for spec in BLOCK_ARRAYS:
        if spec.origin is Origin.TRANSIENT and spec.name not in arrays:
            continue
        shape = tuple(sizes[dim] for dim in spec.dims)
        values = _conform(spec, arrays.get(spec.name), shape, _NO_ROWS, place)
        full[spec.name] = values.astype(np.int64)
    full.setdefault("block_band", np.full(n, -1, dtype=np.int64))
    return full


def _check_variants(arrays: Arrays, region: Interval, place: str) -> None:
    position = arrays["variant_position"]
    if len(position) == 0:
        return
    if (arrays["variant_contig"] != region.contig_index).any():
        raise StoreError(f"{place}: a variant lies on another contig.")
    if (np.diff(position) < 0).any():
        raise StoreError(f"{place}: variants are not sorted by position.")
    if position[0] <= region.start or position[-1] > region.end:
        raise StoreError(
            f"{place}: a variant lies outside the region, between {position[0]} and {position[-1]}."
        )
    alleles, genotype = arrays["variant_allele"], arrays["call_genotype"]
    n_alleles = (alleles != STRING_FILL).sum(axis=1)
    wrong = (genotype >= n_alleles[:, None, None]).any(axis=(1, 2)) | (genotype < INT_FILL).any(axis=(1, 2))
    if wrong.any():
        raise StoreError(
            f"{place}: the genotype at position {position[wrong][0]} names an allele its row does not have."
        )
    if (alleles[:, :2] == STRING_FILL).any():
        raise StoreError(f"{place}: a variant lacks REF or ALT.")


def _check_blocks(arrays: Arrays, region: Interval, place: str) -> None:
    start, end = arrays["block_start"], arrays["block_end"]
    if len(start) == 0:
        return
    if (arrays["block_contig"] != region.contig_index).any():
        raise StoreError(f"{place}: a reference block lies on another contig.")
    if (end <= start).any() or (start[1:] < end[:-1]).any():
        raise StoreError(f"{place}: reference blocks are empty, unsorted or overlap.")
    if start[0] < region.start or end[-1] > region.end:
        raise StoreError(f"{place}: a reference block leaves the region ({start[0] + 1}-{end[-1]}).")


def missing_array(spec: ArraySpec, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array that says missing everywhere (False for booleans)."""
    dtype = numpy_dtype(spec)
    value = {"f": FLOAT32_MISSING, "T": STRING_MISSING, "b": False}.get(dtype.kind, INT_MISSING)
    return np.full(shape, value, dtype=np.int64 if dtype.kind in "iu" else dtype)


def pad_last(values: np.ndarray, size: int) -> np.ndarray:
    """Widen the last axis to ``size`` with the fill value of the type; wider arrays are left as they are."""
    if values.shape[-1] >= size:
        return values
    value = {"f": FLOAT32_FILL, "T": STRING_FILL, "b": True}.get(values.dtype.kind, INT_FILL)  # b: a mask
    out = np.full((*values.shape[:-1], size), value, dtype=values.dtype)
    out[..., : values.shape[-1]] = values
    return out


def write_part(folder: Path, index: int, calls: RegionCalls) -> Path:
    """Write completed calls of region ``index``; the same calls give the same name and the same bytes."""
    candidates = calls.candidates or {}
    edge_depths = _edge_depths(calls.blocks) if calls.edge_depths is None else calls.edge_depths
    others = {"links": calls.links.astype(np.int64), "edge_depths": edge_depths}
    arrays = {**calls.variants, **calls.blocks, **candidates, **others}
    ranges = {
        name: (int(values.min()), int(values.max()))
        for name, values in {**calls.variants, **candidates}.items()
        if values.dtype.kind == "i" and values.size
    }
    info = PartInfo(
        len(arrays["variant_position"]), len(arrays["block_start"]),
        len(candidates.get("candidate_position", ())), arrays["variant_allele"].shape[1],
        arrays["call_genotype"].shape[2], arrays["block_PL"].shape[1], ranges,
    )  # fmt: skip
    buffer = io.BytesIO()
    members = {name: _pack(values) for name, values in arrays.items()}
    np.savez(buffer, info=np.frombuffer(json.dumps(info).encode(), dtype=np.uint8), **members)  # type: ignore[arg-type]
    content = _content_hash(members)
    path = folder / f"{index:08d}-{content}.npz"
    with atomic_output(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())
    return path


def _content_hash(members: Arrays) -> str:
    digest = hashlib.sha256()
    for name, values in members.items():
        digest.update(f"{name} {values.dtype} {values.shape}\n".encode())
        digest.update(np.ascontiguousarray(values).view(np.uint8).data)
    return digest.hexdigest()[:16]


def _pack(values: np.ndarray) -> np.ndarray:
    """Narrow integers; strings become the bytes of their lines (neither alleles nor identifiers hold one)."""
    if values.dtype.kind == "i":
        return narrowed(values, np.dtype(np.int8))
    if values.dtype.kind == "T":
        return np.frombuffer("\n".join(values.ravel().tolist()).encode(), dtype=np.uint8)
    return values


def narrowed(values: np.ndarray, least: np.dtype) -> np.ndarray:
    """Return integers in the smallest signed type that holds them, ``least`` or wider."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    return values.astype(integer_dtype(low, high, least))


def integer_dtype(low: int, high: int, least: np.dtype) -> np.dtype:
    """Return the smallest signed integer type that holds ``low`` to ``high``, ``least`` or wider.

    Examples
    --------
    >>> integer_dtype(-2, 300, np.dtype("int8"))
    dtype('int16')
    """
    candidates = [np.dtype(name) for name in ("int8", "int16", "int32", "int64")]
    fits = (np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max for dtype in candidates)
    return next(
        dtype for dtype, ok in zip(candidates, fits, strict=True) if ok and dtype.itemsize >= least.itemsize
    )


def read_info(path: Path) -> PartInfo:
    """Read what a part holds, without its arrays."""
    with np.load(path) as archive:
        info = PartInfo(*json.loads(archive["info"].tobytes()))
    return info._replace(ranges={name: (low, high) for name, (low, high) in info.ranges.items()})


def read_part(path: Path, names: list[str]) -> Arrays:
    """Read arrays of a part by name; integers come as int64."""
    with np.load(path) as archive:
        info = PartInfo(*json.loads(archive["info"].tobytes()))
        return {name: _unpack(archive[name], BY_NAME[name], info) for name in names}


def read_links(path: Path) -> np.ndarray:
    """Read the links between sites of a part, as RegionCalls has them."""
    with np.load(path) as archive:
        return archive["links"].astype(np.int32)


def read_edge_depths(path: Path) -> np.ndarray:
    """Read the depths of a part's first and last block, as RegionCalls has them."""
    with np.load(path) as archive:
        return archive["edge_depths"].astype(np.int64)


def _unpack(values: np.ndarray, spec: ArraySpec, info: PartInfo) -> np.ndarray:
    if spec.dtype == "string":
        n_rows = info.n_candidates if spec.dims[0] == "candidates" else info.n_variants
        shape = (n_rows, info.n_alleles) if spec.dims[-1] == "alleles" else (n_rows,)
        lines = values.tobytes().decode().split("\n") if n_rows else []
        return np.array(lines, dtype=_STRINGS).reshape(shape)
    return values.astype(np.int64) if values.dtype.kind in "iu" else values

"""Parts of all regions to one Zarr group: the layout of a variant store on disk.

Everything is streamed, a chunk at a time. What must not depend on the regions (widths of integers, ragged
axes, reference blocks) is found in a first pass over the parts. Used by ``store.variants``.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numcodecs
import numcodecs.blosc
import numpy as np
import zarr

from genomehub import __version__
from genomehub.store import parts
from genomehub.store.schema import (
    BLOCK_ARRAYS,
    BY_NAME,
    CANDIDATE_ARRAYS,
    FIXED_DIMENSIONS,
    FORMAT_VERSION,
    LEAST_PLOIDY,
    RAGGED,
    RAGGED_BY_PLOIDY,
    ROW_ARRAYS,
    VCF_ZARR_VERSION,
    ArraySpec,
    Origin,
    numpy_dtype,
    row_length,
)
from genomehub.types import INT_FILL, Contig

# Blosc with threads appends blocks in the order they finish: bytes would differ from run to run.
numcodecs.blosc.use_threads = False

#: Rows per chunk. 5 M sites then are 20 chunks per array, and one chunk of alleles decodes in 0.1 s.
VARIANTS_CHUNK = 1 << 18
BLOCKS_CHUNK = 1 << 20

#: Bases of reference blocks that a contig must have for its depth to be known.
LEAST_BASES = 5_000

#: Arrays with a row per variant, and stored arrays with a row per block.
ROWS = tuple(spec.name for spec in ROW_ARRAYS)
CANDIDATES = tuple(spec.name for spec in CANDIDATE_ARRAYS)
STORED_BLOCKS = tuple(spec.name for spec in BLOCK_ARRAYS if spec.origin is not Origin.TRANSIENT)
_BLOCKS = tuple(spec.name for spec in BLOCK_ARRAYS)


class Labels(NamedTuple):
    """What a store says besides its rows; see ``store.variants.VariantStoreWriter``."""

    sample: str
    contigs: tuple[Contig, ...]
    reference_digest: str
    filters: dict[str, str]
    source_attrs: dict[str, Any]
    with_candidates: bool = False
    depth_filter: tuple[str, float] | None = None


def assemble(path: Path, part_paths: list[Path], labels: Labels, replaced: Mapping[str, np.ndarray]) -> None:
    """Join parts, in the order of their regions, into a Zarr group at ``path``.

    ``replaced`` : arrays of variants, of all rows, that stand in for those of the parts
    """
    infos = [parts.read_info(part) for part in part_paths]
    n_alleles = max((info.n_alleles for info in infos), default=2)
    ploidy = max((info.ploidy for info in infos), default=LEAST_PLOIDY)
    sizes = {
        "variants": sum(info.n_variants for info in infos), "samples": 1,
        "candidates": sum(info.n_candidates for info in infos), "filters": len(labels.filters),
        "contigs": len(labels.contigs), **{dim: row_length(dim, n_alleles, ploidy) for dim in RAGGED},
        "ploidy": ploidy,
        "block_genotypes": max((info.block_genotypes for info in infos), default=LEAST_PLOIDY + 1),
        "region_index_fields": 6, **FIXED_DIMENSIONS,
    }  # fmt: skip
    ranges = _joined_ranges([info.ranges for info in infos])
    block_ranges, sizes["blocks"], depths = _scan_blocks(part_paths)
    ranges.update(block_ranges)
    ranges.update(
        {name: (int(a.min()), int(a.max())) for name, a in replaced.items() if a.dtype.kind == "i" and a.size}
    )

    root = zarr.open_group(path, mode="w", zarr_format=2, attributes=_root_attributes(labels))
    _write_labels(root, labels, sizes)
    rows = _row_batches(part_paths, replaced)
    if labels.depth_filter is not None:
        name, deviations = labels.depth_filter
        limits = depth_limits(depths, len(labels.contigs), deviations)
        rows = (_with_depth_filter(part, limits, list(labels.filters).index(name)) for part in rows)
    rows = ({name: _widen(BY_NAME[name], array, sizes) for name, array in part.items()} for part in rows)
    index = _write_rows(root, ROWS, rows, sizes, ranges, VARIANTS_CHUNK)
    table = np.array(index, dtype=np.int32).reshape(-1, 6)
    sizes["region_index_values"] = len(table)
    _create(root, BY_NAME["region_index"], sizes, table.dtype, table.shape)[...] = table
    block_rows = (
        {name: _widen(BY_NAME[name], array, sizes) for name, array in blocks.items()}
        for blocks in _joined_blocks(part_paths)
    )
    _write_rows(root, STORED_BLOCKS, block_rows, sizes, ranges, BLOCKS_CHUNK)
    if labels.with_candidates:
        candidates = (parts.read_part(part, list(CANDIDATES)) for part in part_paths)
        _write_rows(root, CANDIDATES, candidates, sizes, ranges, VARIANTS_CHUNK)
    zarr.consolidate_metadata(path, zarr_format=2)


def _row_batches(part_paths: list[Path], replaced: Mapping[str, np.ndarray]) -> Iterator[parts.Arrays]:
    """Yield the rows of each part, with those of ``replaced`` in their place."""
    read = [name for name in ROWS if name not in replaced]
    start = 0
    for path in part_paths:
        rows = parts.read_part(path, read)
        end = start + len(rows["variant_position"])
        rows.update({name: array[start:end] for name, array in replaced.items()})
        yield rows
        start = end


def _root_attributes(labels: Labels) -> dict[str, Any]:
    meta = [["genomehub_reference", labels.reference_digest]]
    if "contamination_from" in labels.source_attrs:
        share = labels.source_attrs["call_config"]["contamination"]
        meta.append(["genomehub_contamination", f"{share:.4f} ({labels.source_attrs['contamination_from']})"])
    return {
        "vcf_zarr_version": VCF_ZARR_VERSION,
        "source": f"genomehub-{__version__}",
        "vcf_meta_information": meta,
        "genomehub_format_version": FORMAT_VERSION,
        "reference_digest": labels.reference_digest,
        "provenance": labels.source_attrs,
    }


def _joined_ranges(each: list[dict[str, tuple[int, int]]]) -> dict[str, tuple[int, int]]:
    joined: dict[str, tuple[int, int]] = {}
    for ranges in each:
        for name, (low, high) in ranges.items():
            before = joined.get(name, (low, high))
            joined[name] = (min(low, before[0]), max(high, before[1]))
    return joined


def _scan_blocks(part_paths: list[Path]) -> tuple[dict[str, tuple[int, int]], int, dict[int, np.ndarray]]:
    """Ranges and number of blocks after joining, which must not depend on the regions; bases by depth.

    The last has for each contig (index) how many bases of blocks have depth 0, 1, 2 ...
    """
    n_blocks, each = 0, []
    depths: dict[int, np.ndarray] = {}
    for blocks in _joined_blocks(part_paths):
        _count_depths(depths, blocks)
        n_blocks += len(blocks["block_start"])
        each.append({name: (int(a.min()), int(a.max())) for name, a in blocks.items() if a.size})
    return _joined_ranges(each), n_blocks, depths


def _count_depths(depths: dict[int, np.ndarray], blocks: parts.Arrays) -> None:
    length = blocks["block_end"] - blocks["block_start"]
    for contig in np.unique(blocks["block_contig"]).tolist():
        mine = blocks["block_contig"] == contig
        counts = np.bincount(np.maximum(blocks["block_DP"][mine], 0), length[mine]).astype(np.int64)
        both = np.zeros(max(counts.size, depths.get(contig, counts).size), dtype=np.int64)
        both[: counts.size] += counts
        if contig in depths:
            both[: depths[contig].size] += depths[contig]
        depths[contig] = both


def depth_limits(depths: dict[int, np.ndarray], n_contigs: int, deviations: float) -> np.ndarray:
    """Return (n_contigs,) float64: depth above which a site is suspect, inf where there are too few bases.

    The median, and so many standard deviations on top: Poisson's or, where depth varies more (targets,
    amplicons), half the span of the middle 68 % of bases.
    """
    limits = np.full(n_contigs, np.inf)
    for contig, counts in depths.items():
        if counts.sum() >= LEAST_BASES:
            low, median, high = np.searchsorted(np.cumsum(counts), counts.sum() * np.array([0.16, 0.5, 0.84]))
            limits[contig] = median + deviations * max(np.sqrt(median), (high - low) / 2)
    return limits


def _with_depth_filter(rows: parts.Arrays, limits: np.ndarray, column: int) -> parts.Arrays:
    deep = rows["variant_DP"] > limits[rows["variant_contig"].astype(np.int64)]
    filters = rows["variant_filter"].copy()
    filters[deep, 0], filters[deep, column] = False, True
    return {**rows, "variant_filter": filters}


def _joined_blocks(part_paths: list[Path]) -> Iterator[parts.Arrays]:
    """Yield the blocks of all parts in order, touching blocks of one band joined where regions meet."""
    held: parts.Arrays | None = None
    held_depths = np.zeros((0, 2), dtype=np.int64)
    for path in part_paths:
        blocks = parts.read_part(path, list(_BLOCKS))
        if len(blocks["block_start"]) == 0:
            continue
        edges = parts.read_edge_depths(path)
        depths = edges[edges[:, 0] == 1, 1:]
        if held is not None:
            width = max(held["block_PL"].shape[1], blocks["block_PL"].shape[1])
            for both in (held, blocks):
                both["block_PL"] = parts.pad_last(both["block_PL"], width)
            blocks = {name: np.concatenate([held[name], blocks[name]]) for name in _BLOCKS}
            if _joins(blocks):
                first_depths = np.concatenate([held_depths, edges[edges[:, 0] == 0, 1:]])
                blocks = _join_first_two(blocks, median_depth(first_depths))
                if len(blocks["block_start"]) == 1:
                    depths = _merged_depths(first_depths)
        yield {name: blocks[name][:-1] for name in STORED_BLOCKS}
        held, held_depths = {name: array[-1:] for name, array in blocks.items()}, depths
    if held is not None:
        yield {name: held[name] for name in STORED_BLOCKS}


def _merged_depths(depths: np.ndarray) -> np.ndarray:
    """Add up the bases ((n, 2) int64: depth, bases) of each depth; ascending."""
    depth, place = np.unique(depths[:, 0], return_inverse=True)
    return np.stack([depth, np.bincount(place, depths[:, 1], depth.size).astype(np.int64)], axis=1)


def median_depth(depths: np.ndarray) -> int:
    """Return the median of bases by depth ((n, 2) int64: depth, bases), halves up.

    Examples
    --------
    >>> median_depth(np.array([[30, 2], [33, 1], [31, 1]]))
    31
    """
    merged = _merged_depths(depths)
    until = np.cumsum(merged[:, 1])
    low, high = np.searchsorted(until, np.array([(until[-1] - 1) // 2, until[-1] // 2]), side="right")
    return int(merged[low, 0] + merged[high, 0] + 1) // 2


def _joins(blocks: parts.Arrays) -> bool:
    first, second = (blocks["block_band"][i] for i in (0, 1))
    same_contig = blocks["block_contig"][0] == blocks["block_contig"][1]
    touch = blocks["block_end"][0] == blocks["block_start"][1]
    ploidies = (blocks["block_PL"][:2] == INT_FILL).sum(axis=1)
    return bool(first >= 0 and first == second and same_contig and touch and ploidies[0] == ploidies[1])


def _join_first_two(blocks: parts.Arrays, depth: int) -> parts.Arrays:
    joined = {}
    for name, array in blocks.items():
        first, second = array[0], array[1]
        if name in ("block_GQ", "block_MIN_DP", "block_PL"):
            merged = np.minimum(first, second)
        elif name == "block_DP":
            merged = np.int64(depth)
        else:
            merged = second if name == "block_end" else first
        joined[name] = np.concatenate([np.asarray(merged)[None], array[2:]])
    return joined


def _widen(spec: ArraySpec, array: np.ndarray, sizes: dict[str, int]) -> np.ndarray:
    ragged = spec.dims[-1] in RAGGED + RAGGED_BY_PLOIDY
    return parts.pad_last(array, sizes[spec.dims[-1]]) if ragged else array


def _write_rows(
    root: zarr.Group, names: tuple[str, ...], batches: Iterator[parts.Arrays], sizes: dict[str, int],
    ranges: dict[str, tuple[int, int]], chunk: int,
) -> list[tuple[int, ...]]:  # fmt: skip
    """Write batches of rows chunk by chunk; return the rows of region_index."""
    arrays = {name: _create_rows(root, BY_NAME[name], sizes, ranges, chunk) for name in names}
    index: list[tuple[int, ...]] = []
    written = 0
    for rows in _rechunked(batches, names, chunk):
        n_rows = len(rows[names[0]])
        for name, array in arrays.items():
            array[written : written + n_rows] = rows[name].astype(array.dtype, copy=False)
        if "variant_position" in rows:
            index.extend(index_rows(written // chunk, rows))
        written += n_rows
    return index


def _rechunked(batches: Iterator[parts.Arrays], names: tuple[str, ...], chunk: int) -> Iterator[parts.Arrays]:
    waiting: list[parts.Arrays] = []
    n_waiting = 0
    for batch in batches:
        waiting.append(batch)
        n_waiting += len(batch[names[0]])
        while n_waiting >= chunk:
            rows = {name: np.concatenate([part[name] for part in waiting]) for name in names}
            yield {name: array[:chunk] for name, array in rows.items()}
            waiting = [{name: array[chunk:] for name, array in rows.items()}]
            n_waiting -= chunk
    if n_waiting:
        yield {name: np.concatenate([part[name] for part in waiting]) for name in names}


def index_rows(chunk_index: int, rows: parts.Arrays) -> Iterator[tuple[int, ...]]:
    """Yield the rows of region_index of one chunk: see the schema."""
    contig, position = rows["variant_contig"], rows["variant_position"]
    last = position + rows["variant_length"] - 1
    starts = np.flatnonzero(np.diff(contig, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(contig)], strict=True):
        yield (
            chunk_index, int(contig[start]), int(position[start]), int(position[end - 1]),
            int(last[start:end].max()), int(end - start),
        )  # fmt: skip


def _create_rows(
    root: zarr.Group, spec: ArraySpec, sizes: dict[str, int], ranges: dict[str, tuple[int, int]], chunk: int
) -> zarr.Array:
    dtype = numpy_dtype(spec)
    if dtype.kind == "i":
        low, high = ranges.get(spec.name, (0, 0))
        dtype = parts.integer_dtype(low, high, dtype)
    shape = tuple(sizes[dim] for dim in spec.dims)
    # Readers ask that all arrays along one dimension have the same chunk size.
    return _create(root, spec, sizes, dtype, (min(chunk, shape[0]), *shape[1:]))


def _create(
    root: zarr.Group, spec: ArraySpec, sizes: dict[str, int], dtype: np.dtype, chunks: tuple[int, ...]
) -> zarr.Array:
    shape = tuple(sizes[dim] for dim in spec.dims)
    shuffle = numcodecs.Blosc.BITSHUFFLE if dtype.itemsize == 1 else numcodecs.Blosc.SHUFFLE
    array = root.create_array(
        spec.name, shape=shape, dtype=dtype, chunks=tuple(max(1, size) for size in chunks),
        compressors=[numcodecs.Blosc(cname="zstd", clevel=5, shuffle=shuffle)],
        filters=[numcodecs.VLenUTF8()] if dtype.kind == "T" else None, fill_value=None,
        config={"write_empty_chunks": True},  # without a fill value an absent chunk means nothing
    )  # fmt: skip
    array.attrs.update({"_ARRAY_DIMENSIONS": list(spec.dims), "description": spec.meaning})
    return array


def _write_labels(root: zarr.Group, labels: Labels, sizes: dict[str, int]) -> None:
    values = {
        "contig_id": [contig.name for contig in labels.contigs],
        "contig_length": [contig.length for contig in labels.contigs],
        "contig_md5": [contig.md5 for contig in labels.contigs],
        "filter_id": list(labels.filters),
        "filter_description": list(labels.filters.values()),
        "sample_id": [labels.sample],
    }
    for name, column in values.items():
        spec = BY_NAME[name]
        data = np.array(column, dtype=numpy_dtype(spec))
        _create(root, spec, sizes, data.dtype, data.shape)[...] = data

"""A sample's genotypes at rest: VCF Zarr with reference blocks beside the calls.

``VariantStoreWriter`` takes regions in any order from any worker and puts the store together at the end;
``VariantStore`` reads it. Layout, chosen by measurement (docs/formats/vcf-zarr.md): Zarr format 2, as the
VCF Zarr specification says, big chunks without shards, consolidated metadata.
"""

import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numcodecs
import numcodecs.blosc
import numpy as np
import zarr

from genomehub import __version__
from genomehub.errors import NotFoundError, StoreError
from genomehub.files import atomic_output, os_error, remove, require_writable_parent
from genomehub.store import parts
from genomehub.store.schema import (
    BLOCK_ARRAYS,
    BY_NAME,
    CALL_ARRAYS,
    FIXED_DIMENSIONS,
    FORMAT_VERSION,
    STORED,
    VARIANT_ARRAYS,
    VCF_ZARR_VERSION,
    ArraySpec,
    Origin,
    n_genotypes,
    numpy_dtype,
)
from genomehub.types import Contig, Interval, RegionCalls

# Blosc with threads appends blocks in the order they finish: bytes would differ from run to run.
numcodecs.blosc.use_threads = False

#: Rows per chunk. 5 M sites then are 20 chunks per array, and one chunk of alleles decodes in 0.1 s.
VARIANTS_CHUNK = 1 << 18
BLOCKS_CHUNK = 1 << 20

_ROWS = tuple(spec.name for spec in VARIANT_ARRAYS + CALL_ARRAYS)
_BLOCKS = tuple(spec.name for spec in BLOCK_ARRAYS)
_STORED_BLOCKS = tuple(spec.name for spec in BLOCK_ARRAYS if spec.origin is not Origin.TRANSIENT)
_STRINGS = np.dtypes.StringDType()


class VariantStoreWriter:
    """Writes the store of one sample, region by region, in any order, from any number of workers.

    Parts lie in a hidden folder beside ``path`` under a name that depends on everything given here; the same
    call after a crash finds the finished ones again. The store does not depend on the order or the number of
    regions, as long as they cover the same bases.

    Parameters
    ----------
    path : final path of the store, a folder
    sample : name of the sample
    contigs : all contigs of the reference, in its order
    reference_digest : GA4GH sequence-collection digest of the reference
    filters : name -> description; PASS is put first if it is not there
    regions : what will be written, sorted and without overlap
    source_attrs : root attributes that say how the calls were made (caller, configuration hash); no dates, no
        paths, nothing that differs between two runs of the same work
    inputs_digest : anything that identifies the input reads, so that parts of another input are not taken up
    """

    def __init__(
        self, path: str | os.PathLike[str], sample: str, contigs: Sequence[Contig], reference_digest: str,
        filters: Mapping[str, str], regions: Sequence[Interval], source_attrs: Mapping[str, Any],
        inputs_digest: str = "",
    ) -> None:  # fmt: skip
        self.path = require_writable_parent(path)
        self.sample = sample
        self.contigs = tuple(contigs)
        self.reference_digest = reference_digest
        self.filters = {"PASS": "All filters passed", **filters}
        self.regions = tuple(Interval(*region) for region in regions)
        self.source_attrs = dict(source_attrs)
        _check_regions(self.regions, self.contigs)
        identity = json.dumps(
            [__version__, FORMAT_VERSION, sample, self.contigs, reference_digest, list(self.filters.items()),
             self.regions, self.source_attrs, inputs_digest],
            sort_keys=True,
        )  # fmt: skip
        self._wip = self.path.parent / f".{self.path.name}.wip"
        self._folder = self._wip / hashlib.sha256(identity.encode()).hexdigest()[:16]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise os_error(self._folder, error) from error

    def write_region(self, index: int, calls: RegionCalls) -> None:
        """Keep the calls of region ``index``; writing the same again changes nothing.

        Raises
        ------
        StoreError
            The arrays do not fit the schema or the region (see ``parts.complete``).
        """
        completed = parts.complete(calls, self.regions[index], len(self.filters))
        parts.write_part(self._folder, index, completed)

    def done_regions(self) -> set[int]:
        """Indices of the regions that are written, in this run or in one before that was cut short."""
        return set(self._parts())

    def _parts(self) -> dict[int, Path]:
        found: dict[int, Path] = {}
        for path in sorted(self._folder.glob("[0-9]*-*.npz")):
            index = int(path.name.split("-")[0])
            if index in found:
                raise StoreError(
                    f"{self.path}: region {index} was written twice with different calls. Remove {self._wip} "
                    "and run the same command again."
                )
            found[index] = path
        return found

    def finalise(self) -> Path:
        """Join all parts into the store under its final name, and remove them.

        Raises
        ------
        StoreError
            A region has not been written.
        """
        found = self._parts()
        lacking = [index for index in range(len(self.regions)) if index not in found]
        if lacking:
            raise StoreError(
                f"{self.path}: {len(lacking)} of {len(self.regions)} regions are not written yet, the first "
                f"is region {lacking[0]}. Run the same command again; finished regions are kept."
            )
        paths = [found[index] for index in range(len(self.regions))]
        with atomic_output(self.path, keep_suffix=False) as temporary:
            _assemble(temporary, paths, self)
        remove(self._wip)
        return self.path


def _check_regions(regions: Sequence[Interval], contigs: Sequence[Contig]) -> None:
    for before, after in itertools.pairwise(regions):
        if (after.contig_index, after.start) < (before.contig_index, before.end):
            raise StoreError(f"regions {tuple(before)} and {tuple(after)} overlap or are not sorted.")
    for region in regions:
        if not 0 <= region.contig_index < len(contigs):
            raise StoreError(f"region {tuple(region)} names a contig that the reference does not have.")


def _assemble(path: Path, part_paths: list[Path], writer: VariantStoreWriter) -> None:
    infos = [parts.read_info(part) for part in part_paths]
    n_alleles = max((info.n_alleles for info in infos), default=2)
    sizes = {
        "variants": sum(info.n_variants for info in infos), "samples": 1, "filters": len(writer.filters),
        "contigs": len(writer.contigs), "alleles": n_alleles, "alt_alleles": n_alleles - 1,
        "genotypes": n_genotypes(n_alleles), "region_index_fields": 6, **FIXED_DIMENSIONS,
    }  # fmt: skip
    ranges = _joined_ranges([info.ranges for info in infos])
    block_ranges, sizes["blocks"] = _scan_blocks(part_paths)
    ranges.update(block_ranges)

    root = zarr.open_group(path, mode="w", zarr_format=2, attributes=_root_attributes(writer))
    _write_labels(root, writer, sizes)
    rows = (parts.read_part(part, list(_ROWS)) for part in part_paths)
    rows = ({name: _widen(BY_NAME[name], array, sizes) for name, array in part.items()} for part in rows)
    index = _write_rows(root, _ROWS, rows, sizes, ranges, VARIANTS_CHUNK)
    table = np.array(index, dtype=np.int32).reshape(-1, 6)
    sizes["region_index_values"] = len(table)
    _create(root, BY_NAME["region_index"], sizes, table.dtype, table.shape)[...] = table
    _write_rows(root, _STORED_BLOCKS, _joined_blocks(part_paths), sizes, ranges, BLOCKS_CHUNK)
    zarr.consolidate_metadata(path, zarr_format=2)


def _root_attributes(writer: VariantStoreWriter) -> dict[str, Any]:
    return {
        "vcf_zarr_version": VCF_ZARR_VERSION,
        "source": f"genomehub-{__version__}",
        "vcf_meta_information": [["genomehub_reference", writer.reference_digest]],
        "genomehub_format_version": FORMAT_VERSION,
        "reference_digest": writer.reference_digest,
        "provenance": writer.source_attrs,
    }


def _joined_ranges(each: list[dict[str, tuple[int, int]]]) -> dict[str, tuple[int, int]]:
    joined: dict[str, tuple[int, int]] = {}
    for ranges in each:
        for name, (low, high) in ranges.items():
            before = joined.get(name, (low, high))
            joined[name] = (min(low, before[0]), max(high, before[1]))
    return joined


def _scan_blocks(part_paths: list[Path]) -> tuple[dict[str, tuple[int, int]], int]:
    """Ranges and number of blocks after joining: they, too, must not depend on the regions."""
    n_blocks, each = 0, []
    for blocks in _joined_blocks(part_paths):
        n_blocks += len(blocks["block_start"])
        each.append({name: (int(a.min()), int(a.max())) for name, a in blocks.items() if a.size})
    return _joined_ranges(each), n_blocks


def _joined_blocks(part_paths: list[Path]) -> Iterator[parts.Arrays]:
    """Yield the blocks of all parts in order, touching blocks of one band joined where regions meet."""
    held: parts.Arrays | None = None
    for path in part_paths:
        blocks = parts.read_part(path, list(_BLOCKS))
        if len(blocks["block_start"]) == 0:
            continue
        if held is not None:
            blocks = {name: np.concatenate([held[name], blocks[name]]) for name in _BLOCKS}
            if _joins(blocks):
                blocks = _join_first_two(blocks)
        yield _stored_blocks({name: array[:-1] for name, array in blocks.items()})
        held = {name: array[-1:] for name, array in blocks.items()}
    if held is not None:
        yield _stored_blocks(held)


def _joins(blocks: parts.Arrays) -> bool:
    first, second = (blocks["block_band"][i] for i in (0, 1))
    same_contig = blocks["block_contig"][0] == blocks["block_contig"][1]
    touch = blocks["block_end"][0] == blocks["block_start"][1]
    return bool(first >= 0 and first == second and same_contig and touch)


def _join_first_two(blocks: parts.Arrays) -> parts.Arrays:
    joined = {}
    for name, array in blocks.items():
        first, second = array[0], array[1]
        if name in ("block_GQ", "block_MIN_DP", "block_PL"):
            merged = np.minimum(first, second)
        elif name == "block_depth_sum":
            merged = first + second
        else:
            merged = second if name == "block_end" else first
        joined[name] = np.concatenate([np.asarray(merged)[None], array[2:]])
    return joined


def _stored_blocks(blocks: parts.Arrays) -> parts.Arrays:
    length = blocks["block_end"] - blocks["block_start"]
    mean = (2 * blocks["block_depth_sum"] + length) // (2 * length)  # rounded, halves up
    return {name: mean if name == "block_DP" else blocks[name] for name in _STORED_BLOCKS}


def _widen(spec: ArraySpec, array: np.ndarray, sizes: dict[str, int]) -> np.ndarray:
    ragged = spec.dims[-1] in ("alleles", "alt_alleles", "genotypes")
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


def _write_labels(root: zarr.Group, writer: VariantStoreWriter, sizes: dict[str, int]) -> None:
    values = {
        "contig_id": [contig.name for contig in writer.contigs],
        "contig_length": [contig.length for contig in writer.contigs],
        "contig_md5": [contig.md5 for contig in writer.contigs],
        "filter_id": list(writer.filters),
        "filter_description": list(writer.filters.values()),
        "sample_id": [writer.sample],
    }
    for name, column in values.items():
        spec = BY_NAME[name]
        data = np.array(column, dtype=numpy_dtype(spec))
        _create(root, spec, sizes, data.dtype, data.shape)[...] = data


class VariantStore:
    """A variant store, read only.

    Examples
    --------
    >>> store = VariantStore.open("NA12878.vcz")  # doctest: +SKIP
    >>> store.region(Interval(0, 9_999_999, 10_000_999))["variant_position"]  # doctest: +SKIP
    """

    def __init__(self, path: Path, root: zarr.Group) -> None:
        self.path = path
        self._root = root
        names, lengths = self["contig_id"].tolist(), self["contig_length"].tolist()
        md5s = self["contig_md5"].tolist()
        self.contigs = tuple(Contig(*row, "") for row in zip(names, lengths, md5s, strict=True))
        self.samples: tuple[str, ...] = tuple(self["sample_id"].tolist())
        descriptions = self["filter_description"].tolist()
        self.filters: dict[str, str] = dict(zip(self["filter_id"].tolist(), descriptions, strict=True))
        self._region_index = self["region_index"]

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "VariantStore":
        """Open the store at ``path``.

        Raises
        ------
        NotFoundError
            Nothing is there.
        StoreError
            It is not a variant store of ours, of another format version, or lacks an array.
        """
        path = Path(path)
        if not path.exists():
            raise NotFoundError(f"{path}: no such variant store. Check the path and its spelling.")
        try:
            root = zarr.open_group(path, mode="r")
            version = root.attrs.get("genomehub_format_version")
        except Exception as error:
            raise StoreError(
                f"{path}: is not a variant store (no readable Zarr group). A store is the folder that "
                "'genomehub call' wrote."
            ) from error
        if version is None:
            raise StoreError(
                f"{path}: is a Zarr group but not a variant store of genomehub (no genomehub_format_version)."
            )
        if version != FORMAT_VERSION:
            raise StoreError(
                f"{path}: has format version {version}, this genomehub reads {FORMAT_VERSION}. Call the "
                "sample again, or install the genomehub that wrote it."
            )
        lacking = [spec.name for spec in STORED if spec.name not in root]
        if lacking:
            raise StoreError(
                f"{path}: array {lacking[0]!r} is missing; the store is damaged. Write it again."
            )
        return cls(path, root)

    @property
    def attributes(self) -> dict[str, Any]:
        """Root attributes: versions, reference digest, provenance."""
        return dict(self._root.attrs)

    @property
    def reference_digest(self) -> str:
        """GA4GH sequence-collection digest of the reference that was called against."""
        return str(self._root.attrs["reference_digest"])

    @property
    def n_variants(self) -> int:
        """Rows of the variant and call arrays."""
        return int(self._root["variant_position"].shape[0])  # type: ignore[union-attr]

    @property
    def n_blocks(self) -> int:
        """Rows of the block arrays."""
        return int(self._root["block_start"].shape[0])  # type: ignore[union-attr]

    def array(self, name: str) -> zarr.Array:
        """The Zarr array ``name``, unread.

        Raises
        ------
        StoreError
            The store does not have it.
        """
        try:
            return self._root[name]  # type: ignore[return-value]
        except KeyError as error:
            raise StoreError(f"{self.path}: has no array {name!r}.") from error

    def __getitem__(self, name: str) -> np.ndarray:
        """The whole array ``name``."""
        return self._read(name, slice(None))

    def _read(self, name: str, rows: slice) -> np.ndarray:
        array = self.array(name)
        try:
            return np.asarray(array[rows])
        except (RuntimeError, ValueError, OSError) as error:
            raise StoreError(
                f"{self.path}: array {name!r} cannot be decoded; the store is damaged. Write it again."
            ) from error

    def variant_batches(
        self, names: Sequence[str] = _ROWS, rows: int = VARIANTS_CHUNK
    ) -> Iterator[parts.Arrays]:
        """Yield all variants in order, ``rows`` at a time, as name -> array."""
        for start in range(0, self.n_variants, rows):
            yield {name: self._read(name, slice(start, start + rows)) for name in names}

    def block_batches(
        self, names: Sequence[str] = _STORED_BLOCKS, rows: int = BLOCKS_CHUNK
    ) -> Iterator[parts.Arrays]:
        """Yield all reference blocks in order, ``rows`` at a time, as name -> array."""
        for start in range(0, self.n_blocks, rows):
            yield {name: self._read(name, slice(start, start + rows)) for name in names}

    def region(self, interval: Interval, names: Sequence[str] = _ROWS) -> parts.Arrays:
        """Variants whose REF overlaps ``interval``, as name -> array."""
        index = self._region_index
        chunks = index[
            (index[:, 1] == interval.contig_index)
            & (index[:, 2] - 1 < interval.end)
            & (index[:, 4] > interval.start)
        ][:, 0]
        if len(chunks) == 0:
            return {name: self._read(name, slice(0, 0)) for name in names}
        size = self.array("variant_position").chunks[0]
        rows = slice(int(chunks.min()) * size, (int(chunks.max()) + 1) * size)
        start = self._read("variant_position", rows).astype(np.int64) - 1
        end = start + self._read("variant_length", rows)
        inside = self._read("variant_contig", rows) == interval.contig_index
        inside &= (start < interval.end) & (end > interval.start)
        return {name: self._read(name, rows)[inside] for name in names}

    def blocks(self, interval: Interval, names: Sequence[str] = _STORED_BLOCKS) -> parts.Arrays:
        """Reference blocks that overlap ``interval``, as name -> array (not cut to it)."""
        rows = self._block_rows(interval)
        return {name: self._read(name, rows) for name in names}

    def _block_rows(self, interval: Interval) -> slice:
        contig, start, end = (self[name] for name in ("block_contig", "block_start", "block_end"))
        on_contig = slice(
            *np.searchsorted(contig, [interval.contig_index, interval.contig_index + 1]).tolist()
        )
        first = on_contig.start + int(np.searchsorted(end[on_contig], interval.start, side="right"))
        last = on_contig.start + int(np.searchsorted(start[on_contig], interval.end, side="left"))
        return slice(first, max(first, last))

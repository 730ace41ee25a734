"""A sample's genotypes at rest: VCF Zarr with reference blocks beside the calls.

``VariantStoreWriter`` takes regions in any order from any worker and puts the store together at the end;
``VariantStore`` reads it. Layout, chosen by measurement (docs/formats/vcf-zarr.md): Zarr format 2, as the
VCF Zarr specification says, big chunks without shards, consolidated metadata.
"""

import functools
import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from genomehub import __version__
from genomehub.errors import NotFoundError, StoreError
from genomehub.files import atomic_output, os_error, remove, require_writable_parent
from genomehub.store import parts
from genomehub.store.assembly import BLOCKS_CHUNK, ROWS, STORED_BLOCKS, VARIANTS_CHUNK, Labels, assemble
from genomehub.store.schema import BY_NAME, FORMAT_VERSION, LEAST_PLOIDY, RAGGED_BY_PLOIDY, STORED
from genomehub.types import NO_LINKS, Contig, Interval, RegionCalls


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
    with_candidates : RegionCalls hold candidates, and the store gets them
    depth_filter : name of the filter of sites of excess depth, and the standard deviations above the contig's
        median that are excess; decided here, as it needs the whole sample
    """

    def __init__(
        self, path: str | os.PathLike[str], sample: str, contigs: Sequence[Contig], reference_digest: str,
        filters: Mapping[str, str], regions: Sequence[Interval], source_attrs: Mapping[str, Any],
        inputs_digest: str = "", with_candidates: bool = False,
        depth_filter: tuple[str, float] | None = None,
    ) -> None:  # fmt: skip
        self.path = require_writable_parent(path)
        filters = {"PASS": "All filters passed", **filters}
        self.labels = Labels(
            sample,
            tuple(contigs),
            reference_digest,
            filters,
            dict(source_attrs),
            with_candidates,
            depth_filter,
        )
        self.regions = tuple(Interval(*region) for region in regions)
        _check_regions(self.regions, self.labels.contigs)
        order = list(filters)  # sorting the keys hides it
        identity = json.dumps(
            [__version__, FORMAT_VERSION, self.labels, order, self.regions, inputs_digest], sort_keys=True
        )
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
        completed = parts.complete(calls, self.regions[index], len(self.labels.filters))
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

    def column(self, name: str) -> np.ndarray:
        """One array of all rows of variants, without an axis of alleles, as the regions gave it.

        Raises
        ------
        StoreError
            A region has not been written.
        """
        columns = [parts.read_part(path, [name])[name] for path in self._all_parts()]
        if BY_NAME[name].dims[-1] in RAGGED_BY_PLOIDY:
            width = max((column.shape[-1] for column in columns), default=LEAST_PLOIDY)
            columns = [parts.pad_last(column, width) for column in columns]
        return np.concatenate(columns) if columns else parts.missing_array(BY_NAME[name], (0, 1, 2))

    def links(self) -> np.ndarray:
        """Links between heterozygous sites of all regions, as RegionCalls has them."""
        return np.concatenate([NO_LINKS, *(parts.read_links(path) for path in self._all_parts())])

    def _all_parts(self) -> list[Path]:
        """Files of the parts in the order of regions."""
        found = self._parts()
        lacking = [index for index in range(len(self.regions)) if index not in found]
        if lacking:
            raise StoreError(
                f"{self.path}: {len(lacking)} of {len(self.regions)} regions are not written yet, the first "
                f"is region {lacking[0]}. Run the same command again; finished regions are kept."
            )
        return [found[index] for index in range(len(self.regions))]

    def finalise(self, replaced: Mapping[str, np.ndarray] | None = None) -> Path:
        """Join all parts into the store under its final name, and remove them.

        Parameters
        ----------
        replaced : arrays of all rows that stand in for those of the regions

        Raises
        ------
        StoreError
            A region has not been written.
        """
        paths = self._all_parts()
        with atomic_output(self.path, keep_suffix=False) as temporary:
            assemble(temporary, paths, self.labels, replaced or {})
        remove(self._wip)
        return self.path


def _check_regions(regions: Sequence[Interval], contigs: Sequence[Contig]) -> None:
    for before, after in itertools.pairwise(regions):
        if (after.contig_index, after.start) < (before.contig_index, before.end):
            raise StoreError(f"regions {tuple(before)} and {tuple(after)} overlap or are not sorted.")
    for region in regions:
        if not 0 <= region.contig_index < len(contigs):
            raise StoreError(f"region {tuple(region)} names a contig that the reference does not have.")


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

    @property
    def has_candidates(self) -> bool:
        """Whether any candidate_* array is there (``genomehub call --features``)."""
        return any(name.startswith("candidate_") for name in self._root.array_keys())

    def rows(self, names: Sequence[str], rows: slice) -> parts.Arrays:
        """Rows of some arrays, as name -> array."""
        return {name: self._read(name, rows) for name in names}

    def variant_batches(
        self, names: Sequence[str] = ROWS, rows: int = VARIANTS_CHUNK
    ) -> Iterator[parts.Arrays]:
        """Yield all variants in order, ``rows`` at a time, as name -> array."""
        for start in range(0, self.n_variants, rows):
            yield {name: self._read(name, slice(start, start + rows)) for name in names}

    def block_batches(
        self, names: Sequence[str] = STORED_BLOCKS, rows: int = BLOCKS_CHUNK
    ) -> Iterator[parts.Arrays]:
        """Yield all reference blocks in order, ``rows`` at a time, as name -> array."""
        for start in range(0, self.n_blocks, rows):
            yield {name: self._read(name, slice(start, start + rows)) for name in names}

    def region(self, interval: Interval, names: Sequence[str] = ROWS) -> parts.Arrays:
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

    def blocks(self, interval: Interval, names: Sequence[str] = STORED_BLOCKS) -> parts.Arrays:
        """Reference blocks that overlap ``interval``, as name -> array (not cut to it)."""
        rows = self._block_rows(interval)
        return {name: self._read(name, rows) for name in names}

    def _block_rows(self, interval: Interval) -> slice:
        """Rows of the blocks that overlap: bisect the chunks, then read and bisect only those in question."""
        contig_index, start, end = interval
        size = self.array("block_start").chunks[0]
        contigs, starts = self._block_chunk_firsts
        after = (contigs > contig_index) | ((contigs == contig_index) & (starts >= end))
        before = (contigs < contig_index) | ((contigs == contig_index) & (starts <= start))
        first_chunk = max(int(before.sum()) - 1, 0)
        last_chunk = len(contigs) - int(after.sum())
        rows = slice(first_chunk * size, last_chunk * size)
        contig = self._read("block_contig", rows)
        meets = (self._read("block_start", rows) < end) & (self._read("block_end", rows) > start)
        found = np.flatnonzero((contig == contig_index) & meets)
        if len(found) == 0:
            return slice(0, 0)
        return slice(rows.start + int(found[0]), rows.start + int(found[-1]) + 1)

    @functools.cached_property
    def _block_chunk_firsts(self) -> tuple[np.ndarray, np.ndarray]:
        """Contig and start of the first block of each chunk."""
        size = self.array("block_start").chunks[0]
        firsts = [slice(row, row + 1) for row in range(0, self.n_blocks, size)]
        contigs = [int(self._read("block_contig", row)[0]) for row in firsts]
        starts = [int(self._read("block_start", row)[0]) for row in firsts]
        return np.array(contigs, dtype=np.int64), np.array(starts, dtype=np.int64)

"""VCF Zarr stores, in a folder or in a zip: arrays by their metadata; no array of calls is read."""

import math
import re
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from genomehub.errors import InputError, TooLargeError
from genomehub.hub.intake.bounds import CONTIGS, SAMPLES, ZIP_ENTRIES, ZIP_MEMBER_BYTES, ZIP_RATIO
from genomehub.hub.intake.facts import Facts, HeaderContig, NotThatFormatError
from genomehub.hub.storage import Place

#: Versions of the VCF Zarr specification that are accepted; they differ in what is optional.
VERSIONS = ("0.1", "0.2", "0.3", "0.4", "0.5")
_REQUIRED = ("contig_id", "sample_id", "variant_contig", "variant_position", "variant_allele")
#: Arrays that no value stands for where a chunk is missing.
_ALWAYS_WHOLE = ("variant_position", "variant_allele")
_MEBIBYTE = 1 << 20


def check_zip(path: Path | BinaryIO, name: str) -> None:
    """Refuse an archive that is cut off, leads out of its folder, holds links or grows too much.

    Raises
    ------
    InputError, TooLargeError
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, OSError, NotImplementedError) as error:
        raise InputError(
            f"{name}: is no whole zip archive ({error}); it is cut off or damaged. Copy it again."
        ) from error
    if len(entries) > ZIP_ENTRIES:
        raise TooLargeError(f"{name}: holds {len(entries)} files; at most {ZIP_ENTRIES} are accepted.")
    seen = set()
    for entry in entries:
        parts = PurePosixPath(entry.filename).parts
        odd = "\\" in entry.filename or "\0" in entry.filename or re.match(r"[A-Za-z]:", entry.filename)
        if entry.filename.startswith("/") or ".." in parts or odd:
            raise InputError(
                f"{name}: holds {entry.filename[:80]!r}, which leads out of the archive. Nothing was taken."
            )
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise InputError(f"{name}: holds the link {entry.filename[:80]!r}; only files are accepted.")
        if entry.filename in seen:
            raise InputError(f"{name}: holds {entry.filename[:80]!r} twice. Make it anew.")
        if entry.flag_bits & 1:
            raise InputError(f"{name}: is encrypted; give it without a password.")
        seen.add(entry.filename)
    size, packed = sum(e.file_size for e in entries), sum(e.compress_size for e in entries)
    if size > 64 * _MEBIBYTE and size > ZIP_RATIO * max(1, packed):
        raise TooLargeError(
            f"{name}: grows to {size // max(1, packed)} times its size when it is unpacked; that is no store "
            "of variants."
        )


def vcz_facts(path: Place, name: str) -> tuple[Facts, tuple[HeaderContig, ...], str | None]:
    """Return facts, contigs and, if the store says it, the digest of its reference.

    Raises
    ------
    NotThatFormatError
        It is no VCF Zarr store.
    InputError
        It is of a version that is not known, lacks arrays, or chunks are missing.
    """
    import zarr  # heavy: only where a store is looked at
    from zarr.errors import BaseZarrError

    zipped = path.is_file()
    store: Any
    if isinstance(path, Path):
        if zipped:
            check_zip(path, name)
        store = zarr.storage.ZipStore(path) if zipped else zarr.storage.LocalStore(path, read_only=True)
    elif zipped:
        handle = path.open()
        check_zip(handle, name)
        store = zarr.storage.ZipStore(Path(name))
        store.path = handle  # which zipfile reads as well
    else:
        store = path.zarr_store()
    try:
        try:
            root = zarr.open_group(store, mode="r")
        except (BaseZarrError, FileNotFoundError, ValueError, KeyError, TypeError) as error:
            raise NotThatFormatError(
                f"{name}: is no Zarr store: its root has no readable metadata ({type(error).__name__}). "
                "Zip what is in the .vcz folder, not the folder itself."
            ) from error
        try:
            return _facts(root, name, "zip" if zipped else "none")
        except (BaseZarrError, ValueError, KeyError, TypeError, OSError, RuntimeError, EOFError) as error:
            raise InputError(
                f"{name}: its arrays cannot be read ({type(error).__name__}: {str(error)[:100]}); the store "
                "is damaged. Copy or make it again."
            ) from error
    finally:
        store.close()


def _facts(root: Any, name: str, compression: str) -> tuple[Facts, tuple[HeaderContig, ...], str | None]:
    version = str(root.attrs.get("vcf_zarr_version", ""))
    if not version:
        raise NotThatFormatError(f"{name}: is a Zarr store, but not one of variants (no vcf_zarr_version).")
    if version not in VERSIONS:
        raise InputError(f"{name}: is VCF Zarr {version[:20]}; versions {', '.join(VERSIONS)} are accepted.")
    arrays = dict(root.arrays())
    if lacking := [one for one in _REQUIRED if one not in arrays]:
        raise InputError(f"{name}: lacks the array {lacking[0]}, which VCF Zarr requires. Make it again.")
    n_variants = arrays["variant_position"].shape[0]
    n_samples = arrays["sample_id"].shape[0]
    for array, shape in (("variant_contig", n_variants), ("variant_allele", n_variants)):
        if arrays[array].shape[0] != shape:
            raise InputError(
                f"{name}: {array} has {arrays[array].shape[0]} rows, variant_position {shape}. Make it again."
            )
    genotypes = arrays.get("call_genotype")
    if genotypes is not None and genotypes.shape[:2] != (n_variants, n_samples):
        raise InputError(f"{name}: call_genotype is not of {n_variants} variants and {n_samples} samples.")
    for array in _ALWAYS_WHOLE:
        _require_chunks(arrays[array], array, name)
    samples = _texts(arrays["sample_id"], SAMPLES, name)
    names = _texts(arrays["contig_id"], CONTIGS, name)
    lengths: list[int | None] = [None] * len(names)
    if "contig_length" in arrays and arrays["contig_length"].shape == (len(names),):
        lengths = [int(length) or None for length in arrays["contig_length"][...]]
    contigs = tuple(HeaderContig(*one) for one in zip(names, lengths, strict=True))
    if len(set(samples)) < len(samples):
        raise InputError(f"{name}: names a sample twice. Each needs a name of its own.")
    counts = _counts(arrays, names)
    detail = {
        "version": version,
        "zarr_format": root.metadata.zarr_format,
        "source": str(root.attrs.get("source", ""))[:200] or None,
        "arrays": sorted(arrays)[:500],
        "ploidy": genotypes.shape[2] if genotypes is not None and genotypes.ndim == 3 else None,
        "reference_blocks": "block_start" in arrays or "block_position" in arrays,
    }
    digest = root.attrs.get("reference_digest")
    facts = Facts(
        "vcz", compression, samples, n_contigs=len(names), counts=counts, n_variants=n_variants, detail=detail
    )
    return facts, contigs, digest if isinstance(digest, str) else None


def _require_chunks(array: Any, what: str, name: str) -> None:
    there, wanted = array.nchunks_initialized, array.nchunks
    if there < wanted:
        raise InputError(
            f"{name}: {wanted - there} of the {wanted} chunks of {what} are missing; the store was not "
            "copied whole. Copy it again."
        )


def _texts(array: Any, most: int, name: str) -> tuple[str, ...]:
    if array.ndim != 1 or array.shape[0] > most:
        raise TooLargeError(f"{name}: has labels of shape {array.shape}; at most {most} are accepted.")
    if math.prod(array.chunks) * array.dtype.itemsize > ZIP_MEMBER_BYTES:
        raise TooLargeError(f"{name}: has labels in chunks of more than 256 MiB; they are not read.")
    return tuple(str(text) for text in array[...])


def _counts(arrays: dict[str, Any], names: tuple[str, ...]) -> dict[str, int]:
    """Return variants by contig from the region index, which is small; nothing without one."""
    index = arrays.get("region_index")
    if index is None or index.ndim != 2 or index.shape[1] != 6 or index.shape[0] > 10_000_000:
        return {}
    table = index[...]
    counts: dict[str, int] = {}
    for contig, n in zip(table[:, 1].tolist(), table[:, 5].tolist(), strict=True):
        if 0 <= contig < len(names):
            counts[names[contig]] = counts.get(names[contig], 0) + n
    return counts

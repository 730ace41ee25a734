"""The reference directory: packed bases, contig table, digests, seeds and a FASTA for other tools.

A genome is read once (formats/fasta.py), written as arrays that every process of a machine maps into memory,
and known from then on by its GA4GH sequence-collection digest. Layout: docs/formats/reference.md.
What the seeds mean is the business of align/index.py; here they are arrays with names.
"""

import contextlib
import functools
import itertools
import json
import mmap
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genomehub.errors import InputError, NotFoundError, StoreError
from genomehub.files import forget_pages
from genomehub.formats.bgzf import BgzfWriter
from genomehub.formats.refget import SequenceDigester, collection_digest
from genomehub.kernels.encode import unpack_text, unpack_window
from genomehub.kernels.fasta import pack_letters, wrap_lines
from genomehub.types import Contig, PackedReference, SeedIndex

FORMAT_VERSION = 1
#: N before the first contig, between and after contigs, in bases (types.PackedReference promises 512).
PADDING = 512
#: File names within the directory.
TABLE, BASES, SEEDS, FASTA = "reference.json", "bases.npy", "seeds", "genome.fa.gz"
_LINE_WIDTH = 80  # bases per line of the FASTA
_FASTA_LEVEL = 1
_N_PAIR = 0xFF
_MADV_DONTNEED, _MADV_HUGEPAGE, _MADV_POPULATE_READ = 4, 14, 22  # of Linux; Python does not name the last yet
#: An array of so many bytes is read again for huge pages; smaller ones are soon in the processor's caches.
_WORTH_READING_AGAIN = 1 << 30
#: Bytes that are read again first, to see whether that brings huge pages at all.
_PROBE = 1 << 26


class Reference:
    """An opened reference directory. Arrays are memory-mapped: opening is free, workers share the pages.

    Pickles as its path, so it may travel to workers.

    Attributes
    ----------
    path : the directory
    contigs : in the order of the FASTA
    digest : GA4GH sequence-collection digest, the identity of the genome
    bases : PackedReference
    table : the whole of reference.json

    Examples
    --------
    >>> reference = Reference.open("genome.ref")  # doctest: +SKIP
    >>> reference.text(reference.contig_index("20"), 10_000_000, 10_000_010)  # doctest: +SKIP
    'TTTTTCTTTG'
    """

    def __init__(self, path: Path, table: dict[str, Any], bases: PackedReference) -> None:
        self.path = path
        self.table = table
        self.contigs = tuple(
            Contig(c["name"], c["length"], c["md5"], c["refget"], c.get("is_alt", False))
            for c in table["contigs"]
        )
        self.digest: str = table["digest"]
        self.bases = bases
        self._index = {contig.name: i for i, contig in enumerate(self.contigs)}

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Reference":
        """Open the directory that ``genomehub reference build`` made.

        Raises
        ------
        NotFoundError
            Nothing is there.
        StoreError
            It is no reference directory, of another format version, or incomplete.
        """
        path = Path(path)
        table = _read_table(path)
        packed = _load_array(path / BASES)
        offsets = np.array([contig["offset"] for contig in table["contigs"]], dtype=np.int64)
        lengths = np.array([contig["length"] for contig in table["contigs"]], dtype=np.int64)
        if packed.dtype != np.uint8 or 2 * packed.size < offsets[-1] + lengths[-1] + PADDING:
            raise StoreError(
                f"{path / BASES}: {packed.size} bytes do not hold the {lengths.sum()} bases of the contig "
                f"table. {_rebuild(path)}"
            )
        is_alt = np.array([contig.get("is_alt", False) for contig in table["contigs"]], dtype=np.bool_)
        return cls(path, table, PackedReference(packed, offsets, lengths, is_alt))

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return (Reference.open, (self.path,))

    @functools.cached_property
    def seeds(self) -> SeedIndex:
        """The seed index, memory-mapped when first asked for."""
        scalars = self.table.get("seeds")
        if scalars is None:
            raise StoreError(f"{self.path}: holds no seed index. {_rebuild(self.path)}")
        values: list[Any] = []
        for field in SeedIndex._fields:
            values.append(
                scalars[field] if field in scalars else _load_array(self.path / SEEDS / f"{field}.npy")
            )
        return SeedIndex(*values)

    def preload(self) -> None:
        """Map all of bases and seeds now, in one pass, with huge pages where the file system has them.

        Otherwise each page is mapped when it is first touched, which for a whole genome is a million
        interruptions, and, if the files are not in memory yet, as many reads of a few kilobytes. Huge pages
        spare the processor walks through page tables. Needs Linux 5.14 for the one, a file system with large
        folios (ext4 since 6.16, XFS) for the other; elsewhere nothing happens. Where a quarter of a large
        array or more is cached in small pages, as a copied file is, it is read from the disk once more.
        """
        for array in (self.bases.packed, self.seeds.buckets, self.seeds.entries):
            _map_now(array)

    @property
    def fasta(self) -> Path:
        """The genome as BGZF FASTA, upper case, with .fai and .gzi beside it."""
        return self.path / FASTA

    @property
    def length(self) -> int:
        """Bases of all contigs together."""
        return int(self.bases.contig_lengths.sum())

    def contig_index(self, name: str) -> int:
        """Return the index of the contig of exactly this name, or raise NotFoundError."""
        try:
            return self._index[name]
        except KeyError:
            raise NotFoundError(
                f'{self.path}: no contig "{name}"; the reference has {_first_names(self.contigs)}. '
                "Check the spelling and whether names start with chr."
            ) from None

    def sequence(self, contig_index: int, start: int, end: int) -> np.ndarray:
        """Return the codes (uint8: 0-3, 5 for anything else) of a span, 0-based, half-open."""
        return self._unpack(unpack_window, contig_index, start, end)

    def text(self, contig_index: int, start: int, end: int) -> str:
        """Return the letters (upper-case IUPAC) of a span, 0-based, half-open."""
        return self._unpack(unpack_text, contig_index, start, end).tobytes().decode("ascii")

    def _unpack(self, kernel: Any, contig_index: int, start: int, end: int) -> np.ndarray:
        contig = self.contigs[contig_index]
        if not 0 <= start <= end <= contig.length:
            raise ValueError(f"{contig.name}:{start}-{end} (0-based) is not within its {contig.length} bp")
        out = np.empty(end - start, dtype=np.uint8)
        offset = int(self.bases.contig_offsets[contig_index])
        kernel(self.bases.packed, offset + start, offset + end, out)
        return out

    def alias(
        self,
        names: Sequence[str],
        lengths: Sequence[int | None] | None = None,
        md5s: Sequence[str | None] | None = None,
        source: str = "header",
    ) -> np.ndarray:
        """Return (n,) int32: for each contig of a foreign file its index here, -1 where we have none.

        An equal M5 is the same contig whatever its name; otherwise names count, with or without ``chr`` and M
        for MT, and length and M5 (where known: None or 0 is not) must agree.

        Raises
        ------
        InputError
            A contig is of another build, two are the same, or no contig is known here; ``source`` opens the
            sentence.
        """
        lengths = lengths if lengths is not None else [None] * len(names)
        md5s = md5s if md5s is not None else [None] * len(names)
        found = [self._alias_one(*foreign, source) for foreign in zip(names, lengths, md5s, strict=True)]
        known = [i for i in found if i >= 0]
        if not known:
            raise InputError(
                f"{source}: none of its contigs ({_first_names_of(names)}) is in the reference {self.path} "
                f"({_first_names(self.contigs)}). Use the reference that the file was made with."
            )
        if len(set(known)) < len(known):
            twice = next(i for i in known if known.count(i) > 1)
            same = [name for name, i in zip(names, found, strict=True) if i == twice]
            raise InputError(
                f"{source}: contigs {_quoted(same)} are the same contig. Keep one name in its header."
            )
        return np.array(found, dtype=np.int32)

    def _alias_one(self, name: str, length: int | None, md5: str | None, source: str) -> int:
        md5 = (md5 or "").lower()
        ours = self._index.get(name, self._by_plain_name.get(_plain_name(name), -1))
        if md5 and ours >= 0 and self.contigs[ours].md5 == md5:
            return ours
        if md5 and md5 in self._by_md5:
            return self._by_md5[md5]
        if ours < 0:
            return -1
        contig = self.contigs[ours]
        if length and length != contig.length:
            seen = f"is {length} bp there, but {contig.length} bp"
        elif md5:
            seen = f"has M5 {md5} there, but {contig.md5}"
        else:
            return ours
        raise InputError(
            f'{source}: contig "{name}" {seen} in the reference {self.path}; the file is of another build. '
            "Use the reference that the file was made with, or align its reads again."
        )

    @functools.cached_property
    def _by_plain_name(self) -> dict[str, int]:
        return {_plain_name(contig.name): i for i, contig in reversed(list(enumerate(self.contigs)))}

    @functools.cached_property
    def _by_md5(self) -> dict[str, int]:
        return {contig.md5: i for i, contig in reversed(list(enumerate(self.contigs)))}


def _plain_name(name: str) -> str:
    plain = name[3:] if name[:3].lower() == "chr" else name
    return "MT" if plain == "M" else plain


def _quoted(names: Iterable[str]) -> str:
    return " and ".join(f'"{name}"' for name in names)


def _first_names_of(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown}, ... {len(names)} in all" if len(names) > 5 else shown


def _first_names(contigs: Sequence[Contig]) -> str:
    return _first_names_of([contig.name for contig in contigs])


def _rebuild(path: Path) -> str:
    return f"Build it again: genomehub reference build GENOME.fa.gz -o {path}"


def _map_now(array: np.ndarray) -> None:
    """Map the pages of a memory-mapped array, huge ones where that can be had."""
    mapped = array.base
    if not isinstance(mapped, np.memmap):
        return
    path, pages = Path(str(mapped.filename)), mapped._mmap  # type: ignore[attr-defined]
    size = len(pages)
    _advise(pages, size, _MADV_HUGEPAGE, _MADV_POPULATE_READ)
    if size < _WORTH_READING_AGAIN or 4 * _huge_bytes(path) >= 3 * size:
        return
    for n_bytes in (_PROBE, size):
        if n_bytes == size and not _huge_bytes(path):
            return
        _advise(pages, n_bytes, _MADV_DONTNEED)  # only pages that nobody has mapped can be forgotten
        forget_pages(path, n_bytes)
        _advise(pages, n_bytes, _MADV_POPULATE_READ)


def _advise(pages: mmap.mmap, n_bytes: int, *advices: int) -> None:
    for advice in advices:
        with contextlib.suppress(OSError, ValueError):
            pages.madvise(advice, 0, n_bytes)


def _huge_bytes(path: str | os.PathLike[str]) -> int:
    """Return how many bytes of a file this process has mapped in huge pages; very many where nobody knows."""
    total, is_ours, name = 0, False, f" {os.path.realpath(path)}\n"
    try:
        with Path("/proc/self/smaps").open(encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                if line.startswith("FilePmdMapped:"):
                    total += is_ours * int(line.split()[1]) * 1024
                elif not line.split(None, 1)[0].endswith(":"):
                    is_ours = line.endswith(name)
    except OSError:
        return 1 << 62
    return total


def _read_table(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise NotFoundError(f"{path}: no such reference directory. {_rebuild(path)}")
    if not (path / TABLE).is_file():
        raise StoreError(
            f"{path}: is no reference directory (it has no {TABLE}). Name the directory that "
            "'genomehub reference build' made, not a FASTA file."
        )
    try:
        table: dict[str, Any] = json.loads((path / TABLE).read_text("utf-8"))
        version = table["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path / TABLE}: cannot be read ({error}). {_rebuild(path)}") from error
    if version != FORMAT_VERSION:
        raise StoreError(
            f"{path}: has format version {version}; this genomehub reads version {FORMAT_VERSION}. "
            f"{_rebuild(path)}"
        )
    return table


def _load_array(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(path, mmap_mode="r"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: is missing or damaged ({error}). {_rebuild(path.parent)}") from error


class ReferenceWriter:
    """Write a reference directory in one pass over the genome, holding one piece of it at a time.

    Use as a context manager on an empty folder; ``add_contig`` in order, then ``write_table``, then, with the
    directory readable, ``write_seeds``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bases = (folder / BASES).open("wb")
        self._write_bases_header(0)
        self._fasta = BgzfWriter(folder / FASTA, _FASTA_LEVEL)
        self._n_bytes = 0  # of packed bases
        self._fai: list[str] = []
        self._contigs: list[Contig] = []
        self._offsets: list[int] = []

    def __enter__(self) -> "ReferenceWriter":
        self._write_bases(np.full(PADDING // 2, _N_PAIR, dtype=np.uint8))
        self._fasta.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._fasta.__exit__(*failure)
        with self._bases:
            self._bases.seek(0)
            self._write_bases_header(self._n_bytes)

    def _write_bases_header(self, n_bytes: int) -> None:
        # numpy pads the header so that the shape may grow to any number: it has the same size at the end.
        fields = {"descr": "|u1", "fortran_order": False, "shape": (n_bytes,)}
        np.lib.format.write_array_header_1_0(self._bases, fields)

    def _write_bases(self, packed: np.ndarray) -> None:
        self._bases.write(packed.data)
        self._n_bytes += packed.size

    @property
    def contigs(self) -> tuple[Contig, ...]:
        """The contigs written so far."""
        return tuple(self._contigs)

    def add_contig(self, name: str, pieces: Iterable[np.ndarray], is_alt: bool = False) -> Contig:
        """Write a contig that arrives as pieces of upper-case IUPAC letters; return its table row."""
        digester, length = SequenceDigester(), 0
        self._offsets.append(2 * self._n_bytes)
        self._fasta.write(f">{name}\n".encode())
        fasta_offset = self._fasta.offset
        odd = np.empty(0, dtype=np.uint8)  # a letter that waits for its neighbour in the byte
        for piece in pieces:
            digester.update(piece)
            self._write_lines(piece, length % _LINE_WIDTH)
            length += piece.size
            letters = np.concatenate([odd, piece]) if odd.size else piece
            even = letters.size & ~1
            self._pack(letters[:even])
            odd = letters[even:].copy()
        self._pack(odd)
        self._write_bases(np.full(PADDING // 2, _N_PAIR, dtype=np.uint8))
        if length % _LINE_WIDTH:
            self._fasta.write(b"\n")
        self._fai.append(f"{name}\t{length}\t{fasta_offset}\t{_LINE_WIDTH}\t{_LINE_WIDTH + 1}\n")
        self._contigs.append(Contig(name, length, digester.md5, digester.refget, is_alt))
        return self._contigs[-1]

    def _write_lines(self, letters: np.ndarray, column: int) -> None:
        lines = np.empty(letters.size + letters.size // _LINE_WIDTH + 1, dtype=np.uint8)
        n = wrap_lines(letters, column, _LINE_WIDTH, lines)
        self._fasta.write(lines[:n])

    def _pack(self, letters: np.ndarray) -> None:
        packed = np.empty((letters.size + 1) // 2, dtype=np.uint8)
        pack_letters(letters, packed)
        self._write_bases(packed)

    def write_table(self, source: str, config: dict[str, Any]) -> None:
        """Write reference.json and the indexes of the FASTA; call after the ``with`` block."""
        (self._folder / f"{FASTA}.fai").write_text("".join(self._fai))
        (self._folder / f"{FASTA}.gzi").write_bytes(self._fasta.gzi())
        rows = [
            {**contig._asdict(), "offset": offset}
            for contig, offset in zip(self._contigs, self._offsets, strict=True)
        ]
        table = {
            "format_version": FORMAT_VERSION,
            "digest": collection_digest(self._contigs),
            "source": source,
            "config": config,
            "contigs": rows,
        }
        _write_json(self._folder / TABLE, table)


def write_seeds(folder: Path, seeds: SeedIndex) -> None:
    """Store a seed index in a reference directory: arrays as seeds/<field>.npy, scalars in reference.json."""
    table = _read_table(folder)
    (folder / SEEDS).mkdir()
    scalars = {}
    for field, value in seeds._asdict().items():
        if isinstance(value, np.ndarray):
            np.save(folder / SEEDS / f"{field}.npy", value)
            forget_pages(folder / SEEDS / f"{field}.npy")
        else:
            scalars[field] = value.item() if isinstance(value, np.generic) else value
    forget_pages(folder / BASES)
    _write_json(folder / TABLE, {**table, "seeds": scalars})


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", "utf-8")


def write_contigs(
    folder: Path,
    pieces: Iterable[tuple[str, np.ndarray]],
    advance: Any,
    alt_names: frozenset[str] = frozenset(),
) -> ReferenceWriter:
    """Write the arrays of all contigs from (name, letters) pieces; ``advance`` is told the bases done.

    Contigs in ``alt_names`` are marked as no part of the primary assembly.
    """
    with ReferenceWriter(folder) as writer:
        for name, group in itertools.groupby(pieces, key=lambda piece: piece[0]):
            contig = writer.add_contig(name, (letters for _, letters in group), name in alt_names)
            advance(contig.length)
    return writer

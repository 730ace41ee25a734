"""The sequences of a reference directory, for those who serve them: no kernel, no seed index, little memory.

``store.reference`` is the engine's view of the same directory (docs/formats/reference.md).
"""

import dataclasses
import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from genomehub.errors import NotFoundError, StoreError
from genomehub.formats.refget import canonical_json, sha512t24u

_FORMAT_VERSION = 1
_LETTERS = np.frombuffer(b"=ACMGRSVTWYHKDBN", dtype=np.uint8)
_BYTES = np.arange(256)
#: (256, 2) uint8: byte -> its two letters, the even position first.
_PAIRS = np.stack((_LETTERS[_BYTES & 15], _LETTERS[_BYTES >> 4]), axis=1)


@dataclasses.dataclass(frozen=True)
class Sequence:
    """One contig.

    offset : of its first base in the packed array, in bases
    """

    name: str
    length: int
    md5: str
    refget: str
    offset: int


@dataclasses.dataclass(frozen=True)
class Sequences:
    """An opened directory; bases are mapped into memory when first asked for."""

    path: Path
    digest: str
    source: str
    contigs: tuple[Sequence, ...]

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Sequences":
        """Open a directory that ``genomehub reference build`` made.

        Raises
        ------
        NotFoundError
            Nothing is there.
        StoreError
            It is no reference directory, or of another format version.
        """
        path = Path(path)
        remedy = f"Build it: genomehub reference build GENOME.fa.gz -o {path}"
        try:
            table: dict[str, Any] = json.loads((path / "reference.json").read_text("utf-8"))
            version = table["format_version"]
            contigs = tuple(
                Sequence(one["name"], one["length"], one["md5"], one["refget"], one["offset"])
                for one in table["contigs"]
            )
            opened = cls(path, table["digest"], table["source"], contigs)
        except FileNotFoundError as error:
            raise NotFoundError(f"{path}: no reference directory is there. {remedy}") from error
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise StoreError(f"{path}: its reference.json cannot be read ({error!r}). {remedy}") from error
        if version != _FORMAT_VERSION:
            raise StoreError(
                f"{path}: has format version {version}; this genomehub reads {_FORMAT_VERSION}. {remedy}"
            )
        return opened

    @property
    def fasta(self) -> Path:
        """The genome as BGZF FASTA with its indexes."""
        return self.path / "genome.fa.gz"

    @cached_property
    def _packed(self) -> np.ndarray:
        packed: np.ndarray = np.load(self.path / "bases.npy", mmap_mode="r")
        return packed

    def letters(self, contig: Sequence, start: int, end: int) -> bytes:
        """Return upper-case IUPAC letters of ``[start, end)``, 0-based; the span lies within the contig."""
        first, last = contig.offset + start, contig.offset + end
        pairs = _PAIRS[self._packed[first >> 1 : (last + 1) >> 1]].reshape(-1)
        return pairs[first & 1 : (first & 1) + end - start].tobytes()

    @cached_property
    def collection(self) -> dict[str, list[Any]]:
        """The sequence collection (GA4GH, level 2): arrays of equal length and order."""
        pairs = [{"length": one.length, "name": one.name} for one in self.contigs]
        return {
            "lengths": [one.length for one in self.contigs],
            "names": [one.name for one in self.contigs],
            "sequences": [one.refget for one in self.contigs],
            "name_length_pairs": pairs,
        }

    @cached_property
    def collection_digests(self) -> dict[str, str]:
        """The collection at level 1: the digest of each array, and of the name and length pairs sorted."""
        digests = {name: attribute_digest(values) for name, values in self.collection.items()}
        pairs = sorted(attribute_digest(pair) for pair in self.collection["name_length_pairs"])
        return digests | {"sorted_name_length_pairs": attribute_digest(pairs)}


def attribute_digest(value: Any) -> str:
    """Return the GA4GH digest of a JSON value in its canonical form.

    >>> attribute_digest([1216, 970, 1788])
    'QWhPI-Cll_0Y5NJ_2krRryuV97vzhbgJ'
    """
    return sha512t24u(canonical_json(value))

"""Reference genomes that the hub serves: sequences by digest (refget), collections and how they compare."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genomehub.errors import NotFoundError
from genomehub.store import sequences as store

#: Attributes of a collection by which it is listed, and of which the values can be asked for.
ATTRIBUTES = ("lengths", "names", "sequences", "name_length_pairs")
#: Known by its digest only.
TRANSIENT = ("sorted_name_length_pairs",)
_MD5 = re.compile(r"[0-9a-f]{32}")


class References:
    """The reference directories of the settings, opened when first asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._opened: tuple[store.Sequences, ...] | None = None

    @property
    def all(self) -> tuple[store.Sequences, ...]:
        """All directories, in the order of the settings, each genome once."""
        if self._opened is None:
            opened = {one.digest: one for one in map(store.Sequences.open, reversed(self._paths))}
            self._opened = tuple(reversed(opened.values()))
        return self._opened

    def sequence(self, name: str) -> tuple[store.Sequences, store.Sequence]:
        """Return the sequence of a digest: MD5 or ``SQ.``, with or without ``md5:`` or ``ga4gh:``.

        Raises
        ------
        NotFoundError
        """
        space, _, digest = name.rpartition(":")
        md5 = digest.lower() if space in ("", "md5") and _MD5.fullmatch(digest.lower()) else None
        refget = digest if space in ("", "ga4gh") and digest.startswith("SQ.") else None
        for genome in self.all:
            for one in genome.contigs:
                if one.md5 == md5 or one.refget == refget:
                    return genome, one
        raise NotFoundError(
            f"{name[:80]!r}: no sequence here has this digest; MD5 and SQ. digests are known."
        )

    def names_of(self, digest: str) -> list[str]:
        """Return what the genomes here call a sequence, each name once."""
        found = (one.name for genome in self.all for one in genome.contigs if one.refget == digest)
        return list(dict.fromkeys(found))

    def collection(self, digest: str) -> store.Sequences:
        """Return the genome of a collection's digest.

        Raises
        ------
        NotFoundError
        """
        for genome in self.all:
            if genome.digest == digest:
                return genome
        raise NotFoundError(f"{digest[:80]!r}: no collection here has this digest. See /list/collection.")

    def collections(self, wanted: dict[str, str]) -> list[str]:
        """Return the digests of the collections whose attributes have these digests."""
        return [
            genome.digest
            for genome in self.all
            if all(genome.collection_digests.get(name) == digest for name, digest in wanted.items())
        ]

    def attribute(self, name: str, digest: str) -> list[Any]:
        """Return the values of an attribute by their digest.

        Raises
        ------
        NotFoundError
        """
        for genome in self.all:
            if name in ATTRIBUTES and genome.collection_digests[name] == digest:
                return genome.collection[name]
        raise NotFoundError(f"{name[:40]} {digest[:80]!r}: no collection here has such an attribute.")

    def find_fasta(self, contigs: Sequence[tuple[str, int | None, str | None]]) -> str | None:
        """Return the FASTA that has all contigs (name, length, M5) under these names, or None."""
        for genome in self.all:
            known = {one.name: one for one in genome.contigs}
            if all(
                name in known
                and length in (None, known[name].length)
                and (md5 is None or md5.lower() == known[name].md5)
                for name, length, md5 in contigs
            ):
                return str(genome.fasta)
        return None


def compare(a: dict[str, list[Any]], b: dict[str, list[Any]]) -> dict[str, Any]:
    """Return how two collections (level 2) compare, as sequence collections 1.0 says it.

    >>> compare({"names": ["1", "2"]}, {"names": ["2", "1"]})["array_elements"]["a_and_b_same_order"]
    {'names': False}
    """
    both = sorted(a.keys() & b.keys())
    shared, same_order = {}, {}
    for name in both:
        left, right = [_key(value) for value in a[name]], [_key(value) for value in b[name]]
        common = Counter(left) & Counter(right)
        shared[name] = common.total()
        same_order[name] = _same_order(left, right, common)
    return {
        "attributes": {
            "a_only": sorted(a.keys() - b.keys()),
            "b_only": sorted(b.keys() - a.keys()),
            "a_and_b": both,
        },
        "array_elements": {
            "a_count": {name: len(a[name]) for name in sorted(a)},
            "b_count": {name: len(b[name]) for name in sorted(b)},
            "a_and_b_count": shared,
            "a_and_b_same_order": same_order,
        },
    }


def _key(value: Any) -> Any:
    return store.attribute_digest(value) if isinstance(value, dict | list) else (type(value).__name__, value)


def _same_order(left: list[Any], right: list[Any], common: Counter[Any]) -> bool | None:
    """Whether the common elements stand in the same order; None if there are too few or unbalanced ones."""
    left_counts, right_counts = Counter(left), Counter(right)
    if common.total() < 2 or any(left_counts[value] != right_counts[value] for value in common):
        return None
    return [value for value in left if value in common] == [value for value in right if value in common]

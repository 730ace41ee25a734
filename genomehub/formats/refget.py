"""Names that follow from the bases alone: SAM's M5, GA4GH refget and sequence-collection digests.

Two genomes with the same digest are the same genome, whatever their files are called; so a mix of builds is
found before it does harm. Specifications: SAM 1.6 (M5), GA4GH refget 2.0 (sha512t24u), GA4GH sequence
collections 1.0 (canonical JSON of RFC 8785; names and sequences are the inherent attributes).
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from genomehub.types import Contig


class SequenceDigester:
    """M5 and refget digest of one sequence that arrives in pieces of upper-case letters."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha512 = hashlib.sha512()

    def update(self, letters: np.ndarray) -> None:
        """Take in the next ``letters`` ((n,) uint8, contiguous)."""
        self._md5.update(letters)  # type: ignore[arg-type]
        self._sha512.update(letters)  # type: ignore[arg-type]

    @property
    def md5(self) -> str:
        """M5 of SAM: hexadecimal MD5."""
        return self._md5.hexdigest()

    @property
    def refget(self) -> str:
        """GA4GH refget digest with its prefix, ``SQ.`` and sha512t24u."""
        return "SQ." + _t24u(self._sha512.digest())


def _t24u(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest[:24]).decode("ascii")


def sha512t24u(data: bytes) -> str:
    """Return the first 24 bytes of SHA-512, URL-safe base64: GA4GH's digest.

    Examples
    --------
    >>> sha512t24u(b"ACGT")
    'aKF498dAxcJAqme6QYQ7EZ07-fiw8Kw2'
    """
    return _t24u(hashlib.sha512(data).digest())


def canonical_json(value: Any) -> bytes:
    """Return RFC 8785 JSON; enough for strings, integers, lists and dictionaries with ASCII keys."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode("utf-8")


def collection_digest(contigs: Sequence[Contig]) -> str:
    """Return the GA4GH sequence-collection digest (level 0) of ``contigs`` in their order."""
    attributes = {
        "names": [contig.name for contig in contigs],
        "sequences": [contig.refget for contig in contigs],
    }
    level1 = {name: sha512t24u(canonical_json(values)) for name, values in attributes.items()}
    return sha512t24u(canonical_json(level1))

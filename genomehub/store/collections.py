"""GA4GH sequence-collection attributes that follow from names and lengths alone: light, no bases needed."""

from collections.abc import Iterable

from genomehub.formats.refget import canonical_json, sha512t24u


def sorted_name_length_pairs_digest(contigs: Iterable[tuple[str, int]]) -> str:
    """Return the digest of the coordinate system: names with lengths, whatever their order.

    It is equal where the sequence-collection attribute ``sorted_name_length_pairs`` is.

    >>> one = [("1", 10), ("2", 8)]
    >>> sorted_name_length_pairs_digest(one) == sorted_name_length_pairs_digest(reversed(one))
    True
    """
    pairs = sorted(sha512t24u(canonical_json({"length": length, "name": name})) for name, length in contigs)
    return sha512t24u(canonical_json(pairs))

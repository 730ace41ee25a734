"""Digests against published values and a second implementation from the specifications."""

import base64
import hashlib
import json

import numpy as np

from genomehub.formats.refget import SequenceDigester, canonical_json, collection_digest, sha512t24u
from genomehub.types import Contig

#: The example collection of the GA4GH specification, with the digests it publishes.
SEQUENCES = {"chrX": "TTGGGGAA", "chr1": "GGAA", "chr2": "GCGC"}
REFGETS = [
    "iYtREV555dUFKg2_agSJW6suquUyPpMw",
    "YBbVX0dLKG1ieEDCiMmkrTZFt_Z5Vdaj",
    "AcLxtBuKEPk_7PGE_H4dGElwZHCujwH6",
]


def contig(name, text):
    digester = SequenceDigester()
    for part in np.array_split(np.frombuffer(text.encode(), dtype=np.uint8), 3):
        digester.update(part)
    return Contig(name, len(text), digester.md5, digester.refget)


CONTIGS = [contig(name, text) for name, text in SEQUENCES.items()]


def test_sequence_digester__published_values():
    assert [c.refget for c in CONTIGS] == ["SQ." + digest for digest in REFGETS]
    assert CONTIGS[0].md5 == "5f63cfaa3ef61f88c9635fb9d18ec945"


def test_collection_digest__published_value():
    assert collection_digest(CONTIGS) == "XZlrcEGi6mlopZ2uD8ObHkQB1d0oDwKk"


def test_collection_digest__order_and_names_matter():
    renamed = [CONTIGS[0]._replace(name="X"), *CONTIGS[1:]]
    digests = {collection_digest(contigs) for contigs in (CONTIGS, CONTIGS[::-1], renamed)}
    assert len(digests) == 3


def test_canonical_json__lengths_attribute_as_published():
    assert sha512t24u(canonical_json([8, 4, 4])) == "cGRMZIb3AVgkcAfNv39RN7hnT5Chk7RX"
    assert canonical_json({"b": ["é"], "a": 1}) == '{"a":1,"b":["é"]}'.encode()


def test_collection_digest__second_implementation():
    def digest(text):
        return base64.urlsafe_b64encode(hashlib.sha512(text.encode()).digest()[:24]).decode()

    names = json.dumps([c.name for c in CONTIGS], separators=(",", ":"))
    sequences = json.dumps([c.refget for c in CONTIGS], separators=(",", ":"))
    level1 = f'{{"names":"{digest(names)}","sequences":"{digest(sequences)}"}}'
    assert collection_digest(CONTIGS) == digest(level1)

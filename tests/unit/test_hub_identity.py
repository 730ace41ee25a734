"""Identity: what makes two results the same entry, and what does not."""

import dataclasses
import random
from pathlib import Path

import pytest
from builders.results import record

from genomehub.hub.identity import canonical_json, data_digest, digest, entry_digest, provenance_digest

FILES = tuple(record(kind, content) for kind, content in [("bam", "a"), ("vcf", "b"), ("vcz", "c")])
ENTRY = {
    "project": "default",
    "dataset": "NA12878",
    "samples": ["NA12878", "NA12891"],
    "reference": "kH1a8vFh2hNGLuIBRuVbkCcTyfWHFbwN",
    "files": FILES,
    "qc": {"coverage": {"mean": 31.5, "at_20x": 0.97}},
    "evaluation": None,
}
PROVENANCE = {
    "software": {"genomehub": "0.1.0"},
    "configuration": {"call": {"min_base_quality": 10}},
    "configuration_text": "call:\n  min_base_quality: 10\n",
    "parents": ["ab" * 32],
    "inputs": FILES[:1],
}


def test_canonical_json__order_of_keys_and_white_space_do_not_count():
    assert canonical_json({"b": [1, 2.0], "a": "é"}) == '{"a":"é","b":[1,2.0]}'


def test_canonical_json__nan_is_refused():
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(float("nan"))


def test_entry_digest__is_pinned():
    """The rule of identity may not change unseen: catalogues of the world would no longer agree."""
    assert entry_digest(**ENTRY) == "3b04e4d5b6475caa780a72c9eb4d41cbb172cf5a9d90a1adc3bf9a288b0c0658"
    assert (
        provenance_digest(**PROVENANCE) == "2ae6dd1111ff1fb93469cb44cde7c066b6f4074cff118182bedbbc209976d128"
    )
    assert data_digest(FILES) == "faec1555da0d33fc72b084b744fe93b7e0ed9d9c8d49d6a9e3c9776b72e31b36"


def test_entry_digest__order_and_places_of_files_do_not_count():
    moved = [dataclasses.replace(file, path=Path("/elsewhere") / file.path.name) for file in FILES]
    random.Random(1).shuffle(moved)
    other = {**ENTRY, "files": moved, "samples": ["NA12891", "NA12878"]}
    assert entry_digest(**other) == entry_digest(**ENTRY)


@pytest.mark.parametrize(
    "change",
    [
        {"project": "trio"},
        {"dataset": "NA12878-exome"},
        {"samples": ["NA12878"]},
        {"reference": None},
        {"files": FILES[:2]},
        {"files": (*FILES[:2], dataclasses.replace(FILES[2], kind="zarr"))},
        {"files": (*FILES[:2], dataclasses.replace(FILES[2], size_bytes=9))},
        {"qc": {"coverage": {"mean": 31.6, "at_20x": 0.97}}},
        {"evaluation": {}},
    ],
)
def test_entry_digest__everything_that_it_is_counts(change):
    assert entry_digest(**{**ENTRY, **change}) != entry_digest(**ENTRY)


@pytest.mark.parametrize(
    "change",
    [
        {"software": {"genomehub": "0.1.1"}},
        {"configuration": None},
        {"configuration_text": None},
        {"parents": []},
        {"inputs": FILES[:2]},
    ],
)
def test_provenance_digest__everything_about_its_origin_counts(change):
    assert provenance_digest(**{**PROVENANCE, **change}) != provenance_digest(**PROVENANCE)


def test_digests__their_kinds_never_meet():
    assert len({digest(None), data_digest([]), digest([]), digest({})}) == 4

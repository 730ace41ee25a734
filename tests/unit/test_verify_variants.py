"""verify_variants: a good store passes, and each broken rule is named with its place."""

import json
import shutil

import numpy as np
import pytest
import zarr
from builders import variants as build

from genomehub.errors import StoreError
from genomehub.store.schema import STORED
from genomehub.store.verify import verify_variants

SITES = [(0, 100, ("A", "C"), (0, 1)), (0, 200, ("ACG", "A", "AT"), (1, 2)), (1, 50, ("G", "T"), (1, 1))]
BLOCKS = [(0, 0, 99), (0, 100, 199), (0, 202, 300), (1, 0, 49)]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return build.make_store(tmp_path_factory.mktemp("good") / "s.vcz", SITES, BLOCKS)


@pytest.fixture
def path(good, tmp_path):
    return shutil.copytree(good, tmp_path / "s.vcz")


def test_good_store(path):
    assert verify_variants(path) == {"variants": 3, "blocks": 4, "samples": 1}


def test_good_store__empty(tmp_path):
    assert verify_variants(build.make_store(tmp_path / "s.vcz", [])) == {
        "variants": 0,
        "blocks": 0,
        "samples": 1,
    }


@pytest.mark.parametrize(
    ("name", "index", "value", "message"),
    [
        ("variant_contig", 2, 7, "the variant at contig 7:50 names a contig that is not there"),
        ("variant_position", 0, 300, "the variant at 1:200 comes after a later site"),
        ("variant_position", 2, 9_001, "the variant at 2:9001 lies beyond its contig"),
        ("variant_allele", (0, 1), "", "the variant at 1:100 has no REF or no ALT"),
        ("variant_allele", (2, 1), "G", "the variant at 2:50 has an allele twice"),
        ("variant_length", 1, 2, "the variant at 1:200 has variant_length that does not follow"),
        ("variant_AC", (0, 0), 2, "the variant at 1:100 has variant_AC that does not follow"),
        ("variant_AN", 0, 1, "has variant_AN that does not follow"),
        ("variant_AF", (0, 0), 0.4, "has variant_AF that does not follow"),
        ("call_genotype_mask", (0, 0, 0), True, "has call_genotype_mask that does not follow"),
        ("call_genotype", (0, 0, 1), 2, "has a genotype that names no allele of its own"),
        ("call_GQ", (0, 0), 100, "has a GQ outside 0 to 99"),
        ("call_PS", (0, 0), 7, "has a PS or PQ without a phase"),
        ("call_PQ", (0, 0), 7, "has a PS or PQ without a phase"),
        ("call_PS", (2, 0), 51, "has a PS behind its position"),
        ("call_AD", (0, 0, 1), -2, "the variant at 1:100 has call_AD of a wrong length"),
        ("call_PL", (0, 0, 4), 9, "the variant at 1:100 has call_PL of a wrong length"),
        ("call_PL", (0, 0, 0), 9, "the variant at 1:100 has a PL without a best genotype"),
        ("region_index", (0, 2), 99, "region_index does not fit the variants"),
        ("block_contig", 3, 7, "the block at contig 7:1 names a contig that is not there"),
        ("block_end", 0, 0, "the block at 1:1 is empty or leaves its contig"),
        ("block_end", 3, 9_001, "the block at 2:1 is empty or leaves its contig"),
        ("block_start", 1, 98, "the block at 1:99 overlaps the block before it"),
        ("block_GQ", 1, -2, "the block at 1:101 has a GQ or depth below its range"),
        ("block_DP", 1, 0, "the block at 1:101 has a mean depth below its least depth"),
        ("block_end", 1, 200, "the variant at 1:200 starts within a reference block"),
        ("filter_id", 0, "pass", "the first filter is not PASS"),
        ("filter_id", 1, "PASS", "array 'filter_id' has a name twice"),
    ],
)  # fmt: skip
def test_broken_rule(path, name, index, value, message):
    array = zarr.open_group(path, mode="r+")[name]
    whole = np.asarray(array[...])
    whole[index] = value
    array[...] = whole
    with pytest.raises(StoreError, match=message):
        verify_variants(path)


def test_broken_rule__hole_between_alleles(path):
    array = zarr.open_group(path, mode="r+")["variant_allele"]
    whole = np.asarray(array[...])
    whole[0] = ["A", "C", ""]
    whole[1] = ["ACG", "", "AT"]
    array[...] = whole
    with pytest.raises(StoreError, match="has no REF or no ALT"):
        verify_variants(path)


def _edit(path, name, change):
    """Change the metadata of an array, in its own file and in the consolidated one."""
    own = path / name / ".zarray"
    own.write_text(json.dumps(json.loads(own.read_text()) | change))
    every = json.loads((path / ".zmetadata").read_text())
    every["metadata"][f"{name}/.zarray"] |= change
    (path / ".zmetadata").write_text(json.dumps(every))


def test_layout__other_dimensions(path):
    every = json.loads((path / ".zmetadata").read_text())
    every["metadata"]["call_GQ/.zattrs"]["_ARRAY_DIMENSIONS"] = ["variants", "people"]
    (path / ".zmetadata").write_text(json.dumps(every))
    with pytest.raises(StoreError, match=r"'call_GQ' has dimensions \('variants', 'people'\)"):
        verify_variants(path)


def test_layout__other_length(path):
    _edit(path, "call_GQ", {"shape": [2, 1]})
    with pytest.raises(StoreError, match="array 'call_GQ' has 2 variants, others have 3"):
        verify_variants(path)


def test_layout__other_type(path):
    _edit(path, "call_DP", {"dtype": "|i1"})
    with pytest.raises(StoreError, match="array 'call_DP' has type int8, int16 or wider was expected"):
        verify_variants(path)


def test_layout__other_number_of_genotypes(path):
    _edit(path, "call_PL", {"shape": [3, 1, 5]})
    with pytest.raises(StoreError, match="3 alleles do not give 5 genotypes"):
        verify_variants(path)


@pytest.mark.parametrize("name", [spec.name for spec in STORED])
def test_chunk__missing_or_cut_off(path, name):
    chunk = next(p for p in (path / name).iterdir() if not p.name.startswith("."))
    chunk.write_bytes(chunk.read_bytes()[:-1])
    with pytest.raises(
        StoreError, match=f"chunk {chunk.name} of array '{name}' is cut off|cannot be decoded"
    ):
        verify_variants(path)
    chunk.unlink()
    with pytest.raises(StoreError, match=f"chunk {chunk.name} of array '{name}' is missing|has a name twice"):
        verify_variants(path)

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
        ("block_DP", 1, 0, "the block at 1:101 has a median depth below its least depth"),
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


def candidate_arrays(region):
    """The sites of ``region`` as candidates, and before each of them one that is not called."""
    sites = [site for site in SITES if site[0] == region.contig_index]
    rows = build.variants(sites)
    n, called = 2 * len(sites), np.tile([False, True], len(sites))
    position = np.repeat(rows["variant_position"], 2) - ~called
    alleles = [list(site[2]) for site in sites for _ in range(2)]
    first = {"DP": rows["variant_DP"], "GQ": rows["call_GQ"][:, 0], "QUAL": rows["variant_quality"]}
    arrays = {key: np.repeat(values, 2) for key, values in first.items()}
    arrays |= {
        "contig": np.full(n, region.contig_index), "position": position, "called": called,
        "ref": np.array([own[0] for own in alleles], np.dtypes.StringDType()),
        "alt": np.array([",".join(own[1:]) for own in alleles], np.dtypes.StringDType()),
        "length": np.array([len(own[1]) - len(own[0]) for own in alleles]),
        "PL": np.tile([9.0, 0.0, 20.0], (n, 1)), "SB": np.tile([1, 0, 1, 0], (n, 1)),
        **{key: np.ones(n, np.int64) for key in ("n_alts", "haplotypes", "HRun", "period", "tract")},
        **{key: np.ones(n) for key in ("MQ", "FS", "SOR", "GC")},
        **{f"{key}RankSum": np.ones(n) for key in ("BaseQ", "MQ", "ReadPos")},
        **{key: np.ones((n, 2)) for key in ("mean_BQ", "mean_MQ", "mean_end_distance")},
    }  # fmt: skip
    return {f"candidate_{key}": values for key, values in arrays.items()}


@pytest.fixture(scope="module")
def with_candidates(tmp_path_factory):
    regions = build.regions_of(100_000)
    writer = build.make_writer(tmp_path_factory.mktemp("candidates") / "s.vcz", regions, with_candidates=True)
    for index, region in enumerate(regions):
        writer.write_region(
            index, build.cut(SITES, BLOCKS, region)._replace(candidates=candidate_arrays(region))
        )
    return writer.finalise()


def test_candidates__good(with_candidates):
    assert verify_variants(with_candidates)["variants"] == 3


@pytest.mark.parametrize(
    ("key", "index", "value", "message"),
    [
        ("contig", 5, 7, "the candidate at contig 7:50 names a contig that is not there"),
        ("position", 0, 300, "the candidate at 1:100 comes after a later one"),
        ("position", 5, 9_001, "the candidate at 2:9001 lies beyond its contig"),
        ("ref", 0, "", "the candidate at 1:99 has no REF, or an empty ALT"),
        ("alt", 2, "A,", "the candidate at 1:199 has no REF, or an empty ALT"),
        ("alt", 2, "A,A", "has an allele twice"),
        ("length", 2, 2, "the candidate at 1:199 has a length that does not follow"),
        ("QUAL", 0, -1, "has a negative QUAL"),
        ("QUAL", 1, 1.0, "the candidate at 1:100 has another QUAL than its variant"),
        ("GQ", 0, 100, "has a GQ outside 0 to 99"),
        ("GQ", 1, 98, "the candidate at 1:100 has another GQ than its variant"),
        ("PL", (0, 1), 5, "has a PL without a best genotype"),
        ("PL", (0, 0), -5, "has a negative PL"),
        ("DP", 1, 500, "the candidate at 1:100 has another DP than its variant"),
        ("SB", (0, 1), 500, "has more reads in SB than in DP"),
        ("SB", (0, 2), 0, "has mean_BQ of ALT and no reads of it"),
        ("mean_MQ", (0, 0), np.nan, "has mean_MQ of REF and no reads of it, or reads and no mean"),
        ("mean_MQ", (0, 0), 300, "has a mean_MQ outside 0 to 255"),
        ("mean_end_distance", (0, 1), -1, "has a negative mean_end_distance"),
        ("GC", 0, 1.5, "has a GC outside 0 to 1"),
        ("period", 0, 9, "has a period outside 0 to 8"),
        ("period", 0, 0, "has a repeat without length, or a length without repeat"),
        ("n_alts", 0, 0, "has a n_alts below 1"),
        ("haplotypes", 0, 0, "has a haplotypes below 1"),
        ("called", 0, True, "the candidate at 1:99 is called, but another variant stands in its place"),
        ("called", 5, False, "the candidate at 2:50 is missing: 1 variants are called by no candidate"),
        ("called", 4, True, "the candidate at 2:49 is called, but another variant"),
    ],
)  # fmt: skip
def test_candidates__broken_rule(with_candidates, tmp_path, key, index, value, message):
    path = shutil.copytree(with_candidates, tmp_path / "s.vcz")
    test_broken_rule(path, f"candidate_{key}", index, value, message)


def test_candidates__more_called_than_variants(with_candidates, tmp_path):
    path = shutil.copytree(with_candidates, tmp_path / "s.vcz")
    array = zarr.open_group(path, mode="r+")["candidate_position"]
    whole = np.asarray(array[...])
    whole[4] = 50
    array[...] = whole
    test_broken_rule(path, "candidate_called", 4, True, "the candidate at 2:50 is called and no variant")


def test_candidates__array_is_missing(with_candidates, tmp_path):
    path = shutil.copytree(with_candidates, tmp_path / "s.vcz")
    every = json.loads((path / ".zmetadata").read_text())
    for name in [name for name in every["metadata"] if name.startswith("candidate_GC/")]:
        del every["metadata"][name]
    (path / ".zmetadata").write_text(json.dumps(every))
    with pytest.raises(StoreError, match="has no array 'candidate_GC'"):
        verify_variants(path)

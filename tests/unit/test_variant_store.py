"""Variant store: what goes in comes out, however the genome was cut and whoever wrote first."""

import numpy as np
import pytest
import xarray
import zarr
from builders import variants as build

from genomehub.errors import NotFoundError, StoreError
from genomehub.files import sha256
from genomehub.store import assembly, parts, schema
from genomehub.store.variants import VariantStore
from genomehub.types import FLOAT32_FILL, FLOAT32_MISSING, Interval, is_fill, is_missing

SITES = build.random_sites(60, seed=1)
BLOCKS = build.blocks_between(SITES)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = build.make_store(tmp_path_factory.mktemp("store") / "s.vcz", SITES, BLOCKS)
    return VariantStore.open(path)


def test_round_trip__every_array(store):
    given = build.variants(SITES)
    for name in (
        "variant_contig",
        "variant_position",
        "variant_filter",
        "variant_DP",
        "call_genotype",
        "call_GQ",
    ):
        np.testing.assert_array_equal(store[name], given[name], err_msg=name)
    assert store["variant_allele"].tolist() == given["variant_allele"].tolist()
    assert store.samples == ("S1",)
    assert [(c.name, c.length, c.md5) for c in store.contigs] == [c[:3] for c in build.CONTIGS]
    assert store.filters == {"PASS": "All filters passed", **build.FILTERS}
    assert (store.n_variants, store.reference_digest) == (len(SITES), "digest")
    assert store.attributes["provenance"] == {"caller": "test"}


def test_round_trip__missing_and_fill_stay_apart(store):
    missing = build.variants(SITES)["variant_position"] % 3 == 0
    np.testing.assert_array_equal(is_missing(store["variant_MQRankSum"]), missing)
    n_alleles = np.array([len(alleles) for _, _, alleles, _ in SITES])
    np.testing.assert_array_equal(is_fill(store["call_AD"])[:, 0].sum(axis=1), n_alleles.max() - n_alleles)
    n_filled = schema.n_genotypes(n_alleles.max()) - schema.n_genotypes(n_alleles)
    np.testing.assert_array_equal(is_fill(store["call_PL"])[:, 0].sum(axis=1), n_filled)
    assert is_missing(store["variant_SOR"]).all()
    assert is_missing(store["variant_id"]).all()


def test_derived__counts_and_frequencies(tmp_path):
    sites = [(0, 10, ("A", "C", "G"), (1, 2)), (0, 20, ("AT", "A"), (0, 1)), (0, 30, ("A", "T"), (-1, -1)),
             (0, 40, ("A", "T"), (1, -2))]  # fmt: skip
    opened = VariantStore.open(build.make_store(tmp_path / "s.vcz", sites))
    assert opened["variant_AC"].tolist() == [[1, 1], [1, -2], [0, -2], [1, -2]]
    assert opened["variant_AN"].tolist() == [2, 2, 0, 1]
    assert opened["variant_length"].tolist() == [1, 2, 1, 1]
    assert opened["call_genotype_mask"][:, 0].tolist() == [
        [False] * 2,
        [False] * 2,
        [True] * 2,
        [False, True],
    ]
    frequency = opened["variant_AF"]
    assert frequency[[0, 0, 1, 3], [0, 1, 0, 0]].tolist() == [0.5, 0.5, 0.5, 1.0]
    assert is_missing(frequency[2, :1]).all()
    assert is_fill(frequency[1:, 1]).all()


@pytest.mark.parametrize("size", [50_000, 7_001, 333])
def test_bytes__do_not_depend_on_regions(tmp_path, size):
    whole = build.make_store(tmp_path / "a" / "s.vcz", SITES, BLOCKS)
    pieces = build.make_store(tmp_path / "b" / "s.vcz", SITES, BLOCKS, build.regions_of(size))
    assert sha256(pieces) == sha256(whole)


def test_bytes__do_not_depend_on_order_of_writing(tmp_path):
    regions = build.regions_of(5_000)
    forward = build.make_store(tmp_path / "a" / "s.vcz", SITES, BLOCKS, regions)
    order = list(np.random.default_rng(3).permutation(len(regions)))
    assert sha256(build.make_store(tmp_path / "b" / "s.vcz", SITES, BLOCKS, regions, order=order)) == sha256(
        forward
    )


def test_blocks__join_only_same_band_where_regions_meet(tmp_path):
    regions = [Interval(0, 0, 100), Interval(0, 100, 200), Interval(0, 200, 300), Interval(0, 350, 400)]
    blocks = [(0, 0, 60, 1), (0, 60, 250, 1), (0, 250, 300, 2), (0, 350, 400, 2)]
    opened = VariantStore.open(build.make_store(tmp_path / "s.vcz", [], blocks, regions))
    assert opened["block_start"].tolist() == [0, 60, 250, 350]
    assert opened["block_end"].tolist() == [60, 250, 300, 400]
    whole = build.block_arrays(blocks)
    for name in ("block_GQ", "block_DP", "block_MIN_DP", "block_PL"):
        np.testing.assert_array_equal(opened[name], whole[name], err_msg=name)


def test_blocks__not_joined_without_band_or_across_contigs(tmp_path):
    contigs = build.CONTIGS
    regions = [Interval(0, 0, 25_000), Interval(0, 25_000, 50_000), Interval(1, 0, 9_000)]
    writer = build.make_writer(tmp_path / "s.vcz", regions)
    for index, (contig, start, end) in enumerate(regions):
        arrays = build.block_arrays([(contig, start, end)])
        if index < 2:
            del arrays["block_band"]
        writer.write_region(index, parts.RegionCalls({}, arrays))
    opened = VariantStore.open(writer.finalise())
    assert opened["block_end"].tolist() == [25_000, 50_000, contigs[1].length]
    assert opened["block_DP"].tolist() == [33, 33, 33]


def test_blocks__median_of_all_bases_where_regions_meet(tmp_path):
    """50 bases of 9 reads, then 60 of 31 and 90 of 33, of which the median is no median of medians."""
    regions = [Interval(0, 0, 100), Interval(0, 100, 200), Interval(1, 0, 9_000)]
    writer = build.make_writer(tmp_path / "s.vcz", regions)
    for index, (depth, edges) in enumerate([(20, [(9, 50), (31, 50)]), (33, [(31, 10), (33, 90)])]):
        arrays = build.block_arrays([regions[index]])
        arrays["block_DP"][:] = depth
        rows = [(edge, *counts) for edge in (0, 1) for counts in edges]
        writer.write_region(index, parts.RegionCalls({}, arrays, edge_depths=np.array(rows)))
    writer.write_region(2, parts.RegionCalls({}, {}))
    opened = VariantStore.open(writer.finalise())
    assert opened["block_end"].tolist() == [200]
    assert opened["block_DP"].tolist() == [31]


def test_writer__restart_finds_what_is_done(tmp_path):
    regions = build.regions_of(20_000)
    first = build.make_writer(tmp_path / "s.vcz", regions)
    first.write_region(2, build.cut(SITES, BLOCKS, regions[2]))
    first.write_region(2, build.cut(SITES, BLOCKS, regions[2]))
    second = build.make_writer(tmp_path / "s.vcz", regions)
    assert second.done_regions() == {2}
    assert (
        build.make_writer(tmp_path / "s.vcz", regions, source_attrs={"caller": "other"}).done_regions()
        == set()
    )
    with pytest.raises(StoreError, match="3 of 4 regions are not written yet, the first is region 0"):
        second.finalise()
    for index in (0, 1, 3):
        second.write_region(index, build.cut(SITES, BLOCKS, regions[index]))
    second.finalise()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.vcz"]
    assert sha256(tmp_path / "s.vcz") == sha256(build.make_store(tmp_path / "t" / "s.vcz", SITES, BLOCKS))


def test_writer__two_answers_for_a_region(tmp_path):
    regions = build.regions_of(50_000)
    writer = build.make_writer(tmp_path / "s.vcz", regions)
    writer.write_region(1, build.region_calls([(1, 5, ("A", "C"), (0, 1))]))
    writer.write_region(1, build.region_calls([(1, 6, ("A", "C"), (0, 1))]))
    with pytest.raises(StoreError, match="region 1 was written twice with different calls"):
        writer.done_regions()


def test_writer__regions_out_of_order(tmp_path):
    with pytest.raises(StoreError, match="overlap or are not sorted"):
        build.make_writer(tmp_path / "s.vcz", [Interval(0, 0, 10), Interval(0, 9, 20)])
    with pytest.raises(StoreError, match="names a contig that the reference does not have"):
        build.make_writer(tmp_path / "s.vcz", [Interval(2, 0, 10)])


def _change(name, value):
    arrays = build.variants([(0, 10, ("A", "C"), (0, 1)), (0, 20, ("A", "C"), (0, 1))])
    return {**arrays, name: value}


def _without(name):
    arrays = _change(name, None)
    return {key: value for key, value in arrays.items() if key != name}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (_change("variant_XY", np.zeros(2)), "array 'variant_XY' is not in the schema"),
        (_without("call_GQ"), "'call_GQ' is missing"),
        (_change("call_GQ", np.zeros(2, int)), r"'call_GQ' has shape \(2,\); \(2, 1\) was expected"),
        (_change("call_GQ", np.zeros((2, 1))), "'call_GQ' has type float64; int8 or wider was expected"),
        (_change("variant_contig", np.ones(2, int)), "a variant lies on another contig"),
        (_change("variant_position", np.array([20, 10])), "variants are not sorted by position"),
        (_change("variant_position", np.array([20, 101])), "outside the region, between 20 and 101"),
        (_change("variant_position", np.array([0, 20])), "outside the region, between 0 and 20"),
        (_change("call_genotype", np.array([[[0, 1]], [[0, 2]]])), "genotype at position 20 names an allele"),
        (_change("variant_allele", np.array([["A", "C"], ["A", ""]])), "a variant lacks REF or ALT"),
    ],
)  # fmt: skip
def test_write_region__wrong_variants(tmp_path, arrays, message):
    if "lacks" in message:
        arrays["call_genotype"][:] = 0
    writer = build.make_writer(tmp_path / "s.vcz", [Interval(0, 0, 100)])
    with pytest.raises(StoreError, match=f"region 0:1-100: .*{message}|region 0:1-100: {message}"):
        writer.write_region(0, parts.RegionCalls(arrays, build.block_arrays([])))


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([(1, 0, 10)], "a reference block lies on another contig"),
        ([(0, 10, 20), (0, 15, 30)], "reference blocks are empty, unsorted or overlap"),
        ([(0, 10, 10)], "reference blocks are empty, unsorted or overlap"),
        ([(0, 10, 101)], r"a reference block leaves the region \(11-101\)"),
    ],
)
def test_write_region__wrong_blocks(tmp_path, blocks, message):
    writer = build.make_writer(tmp_path / "s.vcz", [Interval(0, 0, 100)])
    with pytest.raises(StoreError, match=message):
        writer.write_region(0, build.region_calls([], blocks))


def test_widths__grow_with_the_values(tmp_path):
    sites = [(0, 10, ("A", "C"), (0, 1))]
    regions = [Interval(0, 0, 100)]
    writer = build.make_writer(tmp_path / "s.vcz", regions)
    arrays = build.variants(sites)
    arrays["variant_DP"] = np.array([40_000])
    arrays["call_PL"] = np.array([[[70_000, 0, 32_767]]])
    writer.write_region(0, parts.RegionCalls(arrays, build.block_arrays([])))
    opened = VariantStore.open(writer.finalise())
    types = {name: str(opened.array(name).dtype) for name in ("variant_DP", "call_PL", "call_DP", "call_GQ")}
    assert types == {"variant_DP": "int32", "call_PL": "int32", "call_DP": "int16", "call_GQ": "int8"}
    assert opened["call_PL"].tolist() == [[[70_000, 0, 32_767]]]


@pytest.mark.parametrize(
    ("value", "stored"),
    [(1.005, 1.0), (123.456, 123.46), (9_876.543, 9_876.54), (17_671.82, 17_672.0), (123_456.7, 123_457.0),
     (1_234_567.0, 1_234_567.0), (-0.001, 0.0), (np.nan, FLOAT32_MISSING), (np.inf, FLOAT32_MISSING),
     (FLOAT32_FILL, FLOAT32_FILL)],
)  # fmt: skip
def test_rounding__six_digits_and_two_places(value, stored):
    rounded = parts.rounded(np.array([value], dtype=np.float32), 2)
    assert rounded.view(np.uint32) == np.array([stored], dtype=np.float32).view(np.uint32)


@pytest.mark.parametrize("chunk", [7, 1 << 18])
def test_region__same_as_a_scan(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(assembly, "VARIANTS_CHUNK", chunk)
    monkeypatch.setattr(assembly, "BLOCKS_CHUNK", 11)
    opened = VariantStore.open(build.make_store(tmp_path / "s.vcz", SITES, BLOCKS))
    rng = np.random.default_rng(5)
    for _ in range(40):
        contig = int(rng.integers(0, 2))
        start, end = sorted(int(x) for x in rng.integers(0, 9_500, 2))
        wanted = [
            position for c, position, alleles, _ in SITES
            if c == contig and position - 1 < end and position - 1 + len(alleles[0]) > start
        ]  # fmt: skip
        interval = Interval(contig, start, end)
        assert opened.region(interval)["variant_position"].tolist() == wanted
        wanted_blocks = [s for c, s, e, _ in BLOCKS if c == contig and s < end and e > start]
        assert opened.blocks(interval)["block_start"].tolist() == wanted_blocks


def test_store__several_chunks_hold_the_same(tmp_path, monkeypatch, store):
    monkeypatch.setattr(assembly, "VARIANTS_CHUNK", 13)
    monkeypatch.setattr(assembly, "BLOCKS_CHUNK", 10)
    small = VariantStore.open(build.make_store(tmp_path / "s.vcz", SITES, BLOCKS, build.regions_of(1_000)))
    for spec in schema.STORED:
        if spec.name != "region_index":
            np.testing.assert_array_equal(small[spec.name], store[spec.name], err_msg=spec.name)
    assert small["region_index"][:, 5].sum() == len(SITES)
    assert small.array("call_GQ").chunks == (13, 1)


def test_store__no_sites_at_all(tmp_path):
    opened = VariantStore.open(build.make_store(tmp_path / "s.vcz", []))
    assert (opened.n_variants, opened.n_blocks) == (0, 0)
    assert opened.region(Interval(0, 0, 100))["variant_allele"].shape == (0, 2)
    assert opened.blocks(Interval(0, 0, 100))["block_PL"].shape == (0, 3)


def test_store__xarray_opens_it_without_a_warning(store, recwarn):
    dataset = xarray.open_zarr(store.path)
    assert dataset.sizes["variants"] == len(SITES)
    assert dataset["call_genotype"].dims == ("variants", "samples", "ploidy")
    assert dataset["call_GQ"].dtype == np.int8
    assert not [w for w in recwarn if "zarr" in str(w.message).lower()]


def test_open__nothing_there(tmp_path):
    with pytest.raises(NotFoundError, match="no such variant store"):
        VariantStore.open(tmp_path / "s.vcz")


def test_open__not_a_store(tmp_path):
    with pytest.raises(StoreError, match="is not a variant store"):
        VariantStore.open(tmp_path)
    zarr.open_group(tmp_path / "g", mode="w", zarr_format=2)
    with pytest.raises(StoreError, match="not a variant store of genomehub"):
        VariantStore.open(tmp_path / "g")


def test_open__other_version(tmp_path):
    path = build.make_store(tmp_path / "s.vcz", SITES)
    for name in (".zattrs", ".zmetadata"):
        text = (
            (path / name)
            .read_text()
            .replace('"genomehub_format_version": "2"', '"genomehub_format_version": "9"')
        )
        (path / name).write_text(text)
    with pytest.raises(StoreError, match="has format version 9, this genomehub reads 2"):
        VariantStore.open(path)


def test_open__array_missing(tmp_path):
    path = tmp_path / "g"
    zarr.open_group(
        path, mode="w", zarr_format=2, attributes={"genomehub_format_version": schema.FORMAT_VERSION}
    )
    with pytest.raises(StoreError, match="array 'variant_contig' is missing"):
        VariantStore.open(path)


def test_read__damaged_chunk(tmp_path):
    path = build.make_store(tmp_path / "s.vcz", SITES)
    chunk = path / "call_GQ" / "0.0"
    chunk.write_bytes(b"no chunk of Blosc")
    opened = VariantStore.open(path)
    with pytest.raises(StoreError, match="array 'call_GQ' cannot be decoded"):
        opened["call_GQ"]
    with pytest.raises(StoreError, match="has no array 'call_XY'"):
        opened.array("call_XY")


def candidate_arrays(places):
    """Candidates at 0-based places, every value from the place."""
    place = np.array(places, dtype=np.int64)
    arrays = {}
    for spec in schema.CANDIDATE_ARRAYS:
        shape = (place.size, *(schema.FIXED_DIMENSIONS[dim] for dim in spec.dims[1:]))
        values = np.broadcast_to((place % 50).reshape(-1, *[1] * (len(shape) - 1)), shape)
        kind = schema.numpy_dtype(spec)
        arrays[spec.name] = values.astype(np.int64).astype(
            kind if kind.kind != "T" else np.dtypes.StringDType()
        )
    return arrays | {"candidate_contig": np.zeros_like(place), "candidate_position": place + 1}


@pytest.mark.parametrize("size", [50_000, 777])
def test_candidates__kept_on_request(tmp_path, size):
    regions = build.regions_of(size)
    writer = build.make_writer(tmp_path / "s.vcz", regions, with_candidates=True)
    places = [3, 776, 777, 5_000, 49_999]
    for index, region in enumerate(regions):
        mine = [p for p in places if region.contig_index == 0 and region.start <= p < region.end]
        calls = build.cut(SITES, [], region)
        writer.write_region(index, calls._replace(candidates=candidate_arrays(mine) if mine else {}))
    store = VariantStore.open(writer.finalise())
    assert store["candidate_position"].tolist() == [p + 1 for p in places]
    assert store["candidate_ref"].tolist() == [str(p % 50) for p in places]
    assert store["candidate_SB"].shape == (5, 4)
    assert store.array("candidate_DP").dtype == np.int16


def test_candidates__absent_without_request(tmp_path):
    store = VariantStore.open(build.make_store(tmp_path / "s.vcz", SITES))
    with pytest.raises(StoreError, match="has no array 'candidate_position'"):
        store.array("candidate_position")


@pytest.mark.parametrize(
    ("places", "sentence"), [([5, 3], "not sorted"), ([60_000], "lies outside the region")]
)
def test_candidates__wrong_places(tmp_path, places, sentence):
    writer = build.make_writer(tmp_path / "s.vcz", build.regions_of(50_000), with_candidates=True)
    with pytest.raises(StoreError, match=sentence):
        writer.write_region(0, build.region_calls([])._replace(candidates=candidate_arrays(places)))


def test_depth_limits__of_even_and_uneven_contigs():
    even, uneven = np.zeros(200, dtype=np.int64), np.zeros(400, dtype=np.int64)
    even[36] = 10_000
    uneven[[10, 100, 300]] = 2_000, 3_000, 2_000
    limits = assembly.depth_limits({0: even, 1: uneven, 3: even // 100}, 4, 6.0)
    assert limits.tolist() == [36 + 6 * 6, 100 + 6 * 145, np.inf, np.inf]  # too few bases on the last


@pytest.mark.parametrize("size", [50_000, 777])
def test_depth_filter__marks_what_exceeds_the_median(tmp_path, size):
    sites = build.random_sites(200, seed=5)
    path = build.make_store(
        tmp_path / "s.vcz", sites, build.blocks_between(sites), build.regions_of(size),
        filters={"LowQual": "low", "Deep": "deep"}, depth_filter=("Deep", 6.0),
    )  # fmt: skip
    store = VariantStore.open(path)
    deep = store["variant_DP"] > 33 + 6 * np.sqrt(33)
    assert 10 < deep.sum() < deep.size
    filters = store["variant_filter"]
    assert not filters[deep, 0].any()
    assert filters[deep, 2].all()
    untouched = store["variant_position"] % 3
    assert (filters[~deep].argmax(axis=1) == untouched[~deep]).all()

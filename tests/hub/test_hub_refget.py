"""refget and sequence collections: for everybody, from the hub's reference directories."""

import subprocess
import sys

import pytest
from builders.alignment_files import make_reference, random_sequence

from genomehub.errors import NotFoundError, StoreError
from genomehub.hub.delivery.references import References, compare
from genomehub.store.sequences import Sequences, attribute_digest

SEQUENCES = {"1": "ACGTNRYACG" * 301 + "A", "2": random_sequence(2_345_678, 5), "MT": "ACGT"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("references")
    make_reference(folder / "a.ref", SEQUENCES)
    make_reference(folder / "b.ref", {f"chr{name}": SEQUENCES[name] for name in ("2", "1")})
    return folder


@pytest.fixture
def client(sqlite_world, folder):
    sqlite_world.hub.settings.references = [folder / "a.ref", folder / "b.ref"]
    return sqlite_world.client()


def contig(folder, name):
    return next(one for one in Sequences.open(folder / "a.ref").contigs if one.name == name)


@pytest.mark.parametrize("name", list(SEQUENCES))
def test_sequence__whole_and_in_parts(client, folder, name):
    one, text = contig(folder, name), SEQUENCES[name]
    for digest in (one.md5, one.md5.upper(), one.refget, f"md5:{one.md5}", f"ga4gh:{one.refget}"):
        whole = client.get(f"/sequence/{digest}")
        assert (whole.status_code, whole.text) == (200, text)
    assert whole.headers["content-type"].startswith("text/vnd.ga4gh.refget.v2.0.0+plain")
    for start, end in ((0, 1), (1, 2), (1, 4), (3, len(text)), (2, 2)):
        part = client.get(f"/sequence/{one.md5}", params={"start": start, "end": end})
        assert (part.status_code, part.text) == (200, text[start:end])
        assert part.headers["accept-ranges"] == "none"
    ranged = client.get(f"/sequence/{one.refget}", headers={"Range": "bytes=1-2"})
    assert (ranged.status_code, ranged.text) == (206, text[1:3])
    assert ranged.headers["content-range"] == f"bytes 1-2/{len(text)}"


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("?start=3&end=1", {}, 501),
        ("?start=0&end=5", {}, 416),
        ("?start=4&end=4", {}, 416),
        ("?start=5", {}, 400),
        ("?start=x", {}, 400),
        ("?start=-1", {}, 400),
        ("?start=0", {"Range": "bytes=0-1"}, 400),
        ("", {"Range": "bytes=3-1"}, 416),
        ("", {"Range": "bytes=4-5"}, 416),
        ("", {"Range": "bases=0-1"}, 400),
        ("", {"Accept": "text/html"}, 406),
        ("/metadata", {"Accept": "text/plain"}, 406),
    ],
)
def test_sequence__refuses(client, folder, query, headers, status):
    assert client.get(f"/sequence/{contig(folder, 'MT').md5}{query}", headers=headers).status_code == status


def test_sequence__unknown(client):
    for digest in ("0" * 32, "SQ.x", "%2E%2E", "insdc:CM000663.2", "trunc512:abc"):
        assert client.get(f"/sequence/{digest}").status_code == 404


def test_metadata__digests_length_names(client, folder):
    one = contig(folder, "1")
    said = client.get(f"/sequence/{one.md5}/metadata").json()["metadata"]
    assert (said["md5"], said["ga4gh"], said["length"]) == (one.md5, one.refget, 3011)
    assert [alias["alias"] for alias in said["aliases"]] == ["1", "chr1"]
    info = client.get("/sequence/service-info").json()
    assert info["refget"]["algorithms"] == ["md5", "ga4gh"]
    assert info["type"]["artifact"] == "refget"


def test_collection__levels_attributes_and_list(client, folder):
    digest = Sequences.open(folder / "a.ref").digest
    level2 = client.get(f"/seqcol/collection/{digest}").json()
    level1 = client.get(f"/seqcol/collection/{digest}?level=1").json()
    assert level2["names"] == ["1", "2", "MT"]
    assert level2["name_length_pairs"][2] == {"length": 4, "name": "MT"}
    assert attribute_digest({name: level1[name] for name in ("names", "sequences")}) == digest
    assert "sorted_name_length_pairs" not in level2
    pairs = sorted(attribute_digest(pair) for pair in level2["name_length_pairs"])
    assert level1["sorted_name_length_pairs"] == attribute_digest(pairs)
    assert client.get(f"/seqcol/attribute/collection/names/{level1['names']}").json() == level2["names"]
    transient = level1["sorted_name_length_pairs"]
    assert client.get(f"/seqcol/attribute/collection/sorted_name_length_pairs/{transient}").status_code == 404
    listed = client.get("/seqcol/list/collection", params={"page_size": 1, "page": 1}).json()
    assert listed["pagination"] == {"page": 1, "page_size": 1, "total": 2}
    found = client.get("/seqcol/list/collection", params={"sorted_name_length_pairs": transient}).json()
    assert found["results"] == [digest]
    assert client.get(f"/seqcol/collection/{digest}?level=3").status_code == 400
    assert client.get("/seqcol/collection/nope").status_code == 404
    info = client.get("/seqcol/service-info").json()
    assert info["seqcol"]["schema"]["ga4gh"]["inherent"] == ["names", "sequences"]


def test_comparison__by_digest_and_sent(client, folder):
    a, b = (Sequences.open(folder / f"{name}.ref") for name in "ab")
    got = client.get(f"/seqcol/comparison/{a.digest}/{b.digest}").json()
    assert got["digests"] == {"a": a.digest, "b": b.digest}
    assert got["array_elements"]["a_count"]["names"] == 3
    assert got["array_elements"]["a_and_b_count"] == {
        "lengths": 2, "name_length_pairs": 0, "names": 0, "sequences": 2,
    }  # fmt: skip
    assert got["array_elements"]["a_and_b_same_order"]["sequences"] is False
    assert got["array_elements"]["a_and_b_same_order"]["names"] is None
    sent = client.post(f"/seqcol/comparison/{a.digest}", json=b.collection).json()
    assert sent["digests"]["b"] is None
    assert sent["array_elements"] == got["array_elements"]
    assert client.post(f"/seqcol/comparison/{a.digest}", json={"names": ["1"]}).status_code == 400


def test_compare__unbalanced_duplicates_have_no_order():
    same_order = compare({"names": ["1", "1", "2"]}, {"names": ["1", "2"]})["array_elements"][
        "a_and_b_same_order"
    ]
    assert same_order == {"names": None}


def test_find_fasta__of_the_same_contigs(folder):
    references = References([folder / "a.ref"])
    one = contig(folder, "1")
    assert references.find_fasta([("1", 3011, one.md5)]) == str(folder / "a.ref" / "genome.fa.gz")
    assert references.find_fasta([("1", 3011, "0" * 32)]) is None
    assert references.find_fasta([("chr1", 3011, None)]) is None


def test_open__refuses_what_is_no_reference(tmp_path):
    with pytest.raises(NotFoundError, match="genomehub reference build"):
        Sequences.open(tmp_path / "none.ref")
    (tmp_path / "reference.json").write_text("{}")
    with pytest.raises(StoreError, match=r"its reference\.json cannot be read"):
        Sequences.open(tmp_path)


def test_import__stays_light():
    """The service answers without the engine: no kernel, no Zarr, and htslib only where CRAM is cut."""
    code = (
        "import sys, genomehub.hub.service.app, genomehub.hub.delivery.cram;"
        "print(*[name for name in ('numba', 'zarr', 'pysam') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

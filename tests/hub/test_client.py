"""The Python client against a served hub: search, files, regions, requests; and what may go wrong."""

import http.server
import json
import subprocess
import sys
import threading
from typing import ClassVar

import pytest
from builders.hub_server import serving

from genomehub.errors import (
    ConfigError,
    ConflictError,
    InputError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    ResourceError,
    StoreError,
)
from genomehub.hub.client import Hub, Region, login, transport
from genomehub.hub.client.regions import Slice

HEAVY = {
    "numba",
    "pysam",
    "zarr",
    "sqlalchemy",
    "fastapi",
    "pandas",
    "numpy",
    "pydantic",
    "starlette",
    "dask",
}


@pytest.fixture
def served(sqlite_world):
    with serving(sqlite_world.hub) as address:
        yield address


@pytest.fixture
def hub(served, sqlite_world):
    sqlite_world.permit("researcher", "open-door")
    with Hub(served, sqlite_world.tokens["researcher"]) as opened:
        yield opened


@pytest.fixture
def dataset(hub, sqlite_world):
    return hub.dataset(sqlite_world.datasets["open-door"])


def test_import__stays_light():
    code = f"import sys, genomehub.hub.client; print(*({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_search__pages_facets_and_frame(served, sqlite_world):
    holder = Hub(served, sqlite_world.tokens["holder"])
    found = holder.search(page=1)
    assert (found.total, len(found), len(list(found.pages()))) == (2, 2, 2)
    assert {one.title for one in found} == {"Data set open-door", "Data set back-room"}
    assert found.facets
    assert set(found.frame()["title"]) == {one.title for one in found}
    french = Hub(served, sqlite_world.tokens["holder"], language="fr")
    assert "Jeu de données open-door" in {one.title for one in french.search("open-door")}
    assert [one.title for one in Hub(served).search()] == ["Data set open-door"]


def test_dataset__files_are_what_was_registered(dataset, sqlite_world):
    assert dataset.title == "Data set open-door"
    by_name = {file.name: file for file in dataset.files}
    assert set(by_name) == {f"open-door{end}" for end in (".bam", ".bam.bai", ".vcf.gz", ".vcf.gz.tbi")}
    bam = by_name["open-door.bam"]
    assert bam.size_bytes == (sqlite_world.folder / "open-door" / "open-door.bam").stat().st_size
    assert bam.reads
    assert not bam.variants
    with pytest.raises(NotFoundError, match=r"has no file of this name. It has: .*open-door\.bam"):
        dataset.file("x.bam")


def test_download__whole_and_only_once(hub, dataset, sqlite_world, tmp_path):
    told = []
    path = hub.download(dataset.file("open-door.bam"), tmp_path, lambda *seen: told.append(seen))
    assert path == tmp_path / "open-door.bam"
    assert path.read_bytes() == (sqlite_world.folder / "open-door" / "open-door.bam").read_bytes()
    assert told[-1] == (path.stat().st_size,) * 2
    before = path.stat().st_mtime_ns
    hub.download(dataset.file("open-door.bam"), path)
    assert path.stat().st_mtime_ns == before
    path.write_bytes(b"mine")
    with pytest.raises(ConflictError, match="another file is there"):
        hub.download(dataset.file("open-door.bam"), path)
    assert path.read_bytes() == b"mine"


def test_download__goes_on_where_it_was_cut_off(hub, dataset, sqlite_world, tmp_path):
    whole = (sqlite_world.folder / "open-door" / "open-door.bam").read_bytes()
    part = tmp_path / "open-door.bam.part"
    part.write_bytes(whole[:1000])
    told = []
    hub.download(dataset.file("open-door.bam"), tmp_path, lambda *seen: told.append(seen))
    assert (tmp_path / "open-door.bam").read_bytes() == whole
    assert told[0] == (1000, len(whole))
    assert not part.exists()


def test_download__damaged_part_is_found_and_thrown_away(hub, dataset, tmp_path):
    (tmp_path / "open-door.bam.part").write_bytes(b"not what the hub has")
    with pytest.raises(StoreError, match="what came was thrown away"):
        hub.download(dataset.file("open-door.bam"), tmp_path)
    assert list(tmp_path.glob("open-door.bam*")) == []
    hub.download(dataset.file("open-door.bam"), tmp_path)


def test_download__needs_a_permit(served, hub, dataset, sqlite_world, tmp_path):
    file = dataset.file("open-door.bam")
    with pytest.raises(NotAuthenticatedError, match="log in"):
        Hub(served).download(file, tmp_path)
    with pytest.raises(NotAllowedError, match="may not read"):
        Hub(served, sqlite_world.tokens["colleague"]).download(file, tmp_path)
    with pytest.raises(NotFoundError):
        hub.dataset(sqlite_world.datasets["back-room"])
    with pytest.raises(NotAuthenticatedError, match="token is unknown"):
        Hub(served, "ghub_wrong").search()


def test_regions__exactly_the_records(hub, dataset, tmp_path):
    reads = dataset.reads("20:10,001,001-10,001,100", tmp_path / "slice.bam")
    starts = [record.reference_start for record in reads.records()]
    assert starts == list(range(10_000_920, 10_001_100, 20))
    variants = hub.variants(
        dataset.file("open-door.vcf.gz"), "20:10000000-10010000", tmp_path / "slice.vcf.gz"
    )
    frame = variants.frame()
    assert len(frame) == len(list(variants.records())) > 3
    assert frame["POS"].between(10_000_000, 10_010_000).all()
    assert list(frame.columns[:5]) == ["CHROM", "POS", "ID", "REF", "ALT"]
    whole = dataset.variants()
    assert len(whole.frame()) > len(frame)
    whole.path.unlink()


def test_regions__refusals(hub, dataset, tmp_path):
    with pytest.raises(ConfigError, match="is no region"):
        dataset.reads("20:x")
    with pytest.raises(ConfigError, match="positions count from 1"):
        dataset.reads("20:0-10")
    with pytest.raises(ConfigError, match=r"slice\.cram: the hub has this as BAM"):
        dataset.reads("20:10,001,001-10,001,100", tmp_path / "slice.cram")
    assert not (tmp_path / "slice.cram").exists()
    with pytest.raises(InputError, match="has no variants to slice"):
        hub.variants(dataset.file("open-door.bam"))
    with pytest.raises(ConfigError, match="a frame is made of VCF"):
        Slice(tmp_path, "BAM", None).frame()


def test_region__of_text():
    assert Region.parse("chr1") == Region("chr1")
    assert Region.parse("HLA-A:5") == Region("HLA-A", 4)


def test_request__made_submitted_listed(hub, sqlite_world):
    dataset = sqlite_world.datasets["open-door"]
    made = hub.request([dataset], study="Ears", purpose="Causes of deafness", duo=["DUO:0000042"])
    assert made["state"] == "submitted"
    assert [study["title"] for study in hub.studies()].count("Ears") == 1
    again = hub.request([dataset], study="Ears", purpose="More", submit=False)
    assert again["state"] == "draft"
    assert [study["title"] for study in hub.studies()].count("Ears") == 1
    assert {one["uuid"] for one in hub.requests()} >= {made["uuid"], again["uuid"]}


class Rude(http.server.BaseHTTPRequestHandler):
    """A service that answers with what ``script`` says, one after the other."""

    script: ClassVar[list] = []
    seen: ClassVar[list] = []

    def do_GET(self):
        self.seen.append((self.path, self.headers.get("authorization"), self.headers.get("range")))
        status, headers, body, cut = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body) + cut))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def rude():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Rude)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Rude.seen, Rude.script = [], []
    yield Rude, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_transport__waits_as_asked_and_doubles(rude):
    handler, address = rude
    busy = [(503, {"retry-after": "7"}, b"", 0), (429, {}, b"", 0), (502, {}, b"", 0)]
    handler.script = [*busy, (200, {"content-type": "application/json"}, b"{}", 0)]
    pauses = []
    assert transport.Transport(address, None, pauses.append).json("GET", "/x") == {}
    assert pauses[0] == 7
    assert pauses[1] < pauses[2] * 2
    handler.script = [(503, {"x-request-id": "r"}, b'{"detail": "busy"}', 0)]
    with pytest.raises(ResourceError, match=r"^busy$"):
        transport.Transport(address, None, pauses.append).json("GET", "/x")


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (404, b'{"detail": "no such data set."}', NotFoundError, "no such data set"),
        (403, b'{"msg": "no permit", "status_code": 403}', NotAllowedError, "no permit"),
        (401, b'{"htsget": {"error": "x", "message": "log in"}}', NotAuthenticatedError, "log in"),
        (409, b'{"detail": "there"}', ConflictError, "there"),
        (
            422,
            b'{"detail": "d", "errors": [{"in": "query.q", "what": "too long"}]}',
            InputError,
            "query.q: too long",
        ),
        (400, b"<html>", ConfigError, "HTTP status 400"),
        (418, b"[1]", InputError, "HTTP status 418"),
        (500, b'{"detail": "an error of ours, number r"}', StoreError, "number r"),
    ],
)
def test_transport__errors_by_status(rude, status, body, kind, sentence):
    handler, address = rude
    handler.script = [(status, {}, body, 0)]
    with pytest.raises(kind, match=sentence):
        transport.Transport(address, None).json("GET", "/x")


def test_transport__answers_that_are_no_hub(rude):
    handler, address = rude
    handler.script = [(200, {"content-type": "text/html"}, b"<html>", 0)]
    with pytest.raises(InputError, match=r"text/html where JSON was expected\. Is this a hub"):
        transport.Transport(address, None).json("GET", "/x")
    with pytest.raises(ResourceError, match="does not answer"):
        transport.Transport("http://127.0.0.1:9", None, lambda _: None).json("GET", "/x")
    with pytest.raises(ConfigError, match="is no address of a hub"):
        transport.Transport("hub.example.org", None)


def test_transport__token_goes_to_the_hub_alone(rude):
    handler, address = rude
    handler.script = [(200, {"content-type": "application/json"}, b"{}", 0)]
    other = transport.Transport("http://localhost:9", "secret")
    other.json("GET", f"{address}/elsewhere")
    transport.Transport(address, "secret").json("GET", "/here")
    transport.Transport(address, "secret").json("GET", "/ticket", headers={"authorization": "Bearer t"})
    assert [seen[1] for seen in handler.seen] == [None, "Bearer secret", "Bearer t"]


def test_download__over_a_line_that_breaks(rude, tmp_path):
    """Each answer ends too soon; the download goes on from there with a new link."""
    import hashlib

    handler, address = rude
    data = bytes(range(256)) * 40
    document = {
        "id": "a.1", "name": "data.bin", "size": len(data), "access_methods": [
            {"type": "https", "access_url": {"url": f"{address}/bytes"}}
        ], "checksums": [{"type": "sha-256", "checksum": hashlib.sha256(data).hexdigest()}],
    }  # fmt: skip
    kind = {"content-type": "application/json"}
    handler.script = [
        (200, kind, json.dumps(document).encode(), 0),
        (200, {}, data[:4000], len(data) - 4000),
        (206, {"content-range": f"bytes 4000-9999/{len(data)}"}, data[4000:7000], len(data) - 7000),
        (206, {"content-range": f"bytes 7000-9999/{len(data)}"}, data[7000:], 0),
    ]
    with Hub(address) as hub:
        assert hub.download("a.1", tmp_path).read_bytes() == data
    assert [seen[2] for seen in handler.seen] == [None, None, "bytes=4000-", "bytes=7000-"]


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", "", "a\\b"])
def test_download__names_that_lead_elsewhere(rude, tmp_path, name):
    handler, address = rude
    inner = {"id": "a.1~x", "name": name}
    document = {"id": "a.1", "name": "store.vcz", "size": 1, "checksums": [], "contents": [inner]}
    handler.script = [(200, {"content-type": "application/json"}, json.dumps(document).encode(), 0)]
    with pytest.raises(InputError, match="a name that leads elsewhere"), Hub(address) as hub:
        hub.download("a.1", tmp_path / "store.vcz")


def test_login__tokens_are_closed_to_others(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = login.keep_token("https://Hub.example.org/", "ghub_x")
    assert path.stat().st_mode & 0o777 == 0o600
    assert login.find_token("https://hub.example.org") == "ghub_x"
    assert login.find_token("https://other.example.org") is None
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others can read the tokens"):
        login.find_token("https://hub.example.org")
    path.chmod(0o600)
    login.forget_token("https://hub.example.org")
    with pytest.raises(NotFoundError, match="no token is kept"):
        login.forget_token("https://hub.example.org")
    path.write_text("[")
    with pytest.raises(ConfigError, match="is no JSON"):
        login.find_token("https://hub.example.org")


def test_hub__without_an_address(monkeypatch):
    monkeypatch.delenv("GENOMEHUB_HUB_URL", raising=False)
    with pytest.raises(ConfigError, match="which hub"):
        Hub()

"""DRS and downloads: objects, links, ranges; nothing for whom the gate is closed."""

import contextlib
import dataclasses
import hashlib
import time
from pathlib import Path

import httpx
import pytest
from builders.hub import World

from genomehub.errors import ResourceError
from genomehub.hub import models
from genomehub.hub.checksums import describe_files
from genomehub.hub.contents import complete
from genomehub.hub.delivery.objects import parse_name
from genomehub.hub.records import Result
from genomehub.hub.storage.s3 import S3Storage

DRS = "/ga4gh/drs/v1"


def version(world: World, name: str = "open-door") -> str:
    """Return the identifier of a data set's version."""
    with world.hub.database.read() as session:
        dataset = world.dataset(session, name)
        return session.query(models.Entry).filter_by(dataset_id=dataset.id).one().digest


@pytest.fixture
def place(sqlite_world):
    sqlite_world.permit("researcher", "open-door")
    return sqlite_world


def with_folder(world: World) -> tuple[World, Path, str]:
    """Register a data set whose result is a folder; the holder may read it."""
    root = world.folder / "calls.vcz"
    for name, text in {".zgroup": "{}", "call_genotype/0.0": "abc", "call_genotype/.zarray": "{1}"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    done = world.hub.catalogue.register(
        Result(describe_files([("vcz", root)]), dataset="calls", project="genomes"), actor="test"
    )
    return world, root, done.entry.id


@pytest.fixture
def folder(place):
    """The hub, the folder, and the version that it is."""
    return with_folder(place)


def test_object__a_version_is_a_bundle_of_its_files(world):
    id = version(world)
    bundle = world.client().get(f"{DRS}/objects/{id}").json()
    assert bundle["self_uri"] == f"drs://hub.test/{id}"
    assert [one["name"] for one in bundle["contents"]] == [
        "open-door.bam", "open-door.bam.bai", "open-door.vcf.gz", "open-door.vcf.gz.tbi",
    ]  # fmt: skip
    blobs = [world.client().get(f"{DRS}/objects/{one['id']}").json() for one in bundle["contents"]]
    assert bundle["size"] == sum(blob["size"] for blob in blobs)
    sums = sorted(blob["checksums"][0]["checksum"] for blob in blobs)
    assert bundle["checksums"] == [
        {"type": "sha-256", "checksum": hashlib.sha256("".join(sums).encode()).hexdigest()}
    ]
    assert [method["type"] for method in blobs[0]["access_methods"]] == ["https", "htsget"]
    assert blobs[0]["access_methods"][1]["access_url"]["url"].endswith(f"/htsget/reads/{id}.1")
    assert blobs[0]["mime_type"] == "application/vnd.ga4gh.bam"
    assert str(world.folder) not in str(bundle) + str(blobs)


def test_object__a_folder_is_a_bundle_within(folder):
    place, _, id = folder
    client = place.client("holder")
    plain = client.get(f"{DRS}/objects/{id}.1").json()
    assert [one["name"] for one in plain["contents"]] == [".zgroup", "call_genotype"]
    assert "contents" not in plain["contents"][1]
    expanded = client.get(f"{DRS}/objects/{id}?expand=true").json()
    inner = expanded["contents"][0]["contents"][1]["contents"]
    assert [one["id"] for one in inner] == [f"{id}.1~call_genotype~.zarray", f"{id}.1~call_genotype~0.0"]
    link = client.get(f"{DRS}/objects/{inner[1]['id']}/access/https").json()["url"]
    assert place.client().get(link).content == b"abc"
    assert client.get(f"/files/{inner[1]['id']}").content == b"abc"
    assert client.get(f"/files/{id}.1").status_code == 404
    with place.hub.database.read() as session:
        assert session.query(models.FileMember).count() == 3


def test_object__a_file_of_a_folder_that_changed_is_not_given(folder):
    place, root, id = folder
    client = place.client("holder")
    (root / "call_genotype" / "0.0").write_text("abcd")
    answer = client.get(f"/files/{id}.1~call_genotype~0.0")
    assert answer.status_code == 503
    assert str(root) not in answer.text
    (root / "call_genotype" / "0.0").write_text("abc")
    assert client.get(f"/files/{id}.1~call_genotype~0.0").content == b"abc"


def test_files_within__by_their_paths(folder):
    """As programs that read Zarr ask for them, with a token, or with a link to the folder."""
    place, _, id = folder
    client = place.client("holder")
    object = client.get(f"{DRS}/objects/{id}.1").json()
    assert [method["type"] for method in object["access_methods"]] == ["https"]
    link = client.get(f"{DRS}/objects/{id}.1/access/https").json()["url"]
    assert link.endswith("/calls.vcz")
    for reader, base in ((client, f"/files/{id}.1/calls.vcz"), (place.client(), link)):
        assert reader.get(f"{base}/call_genotype/0.0").content == b"abc"
        ranged = reader.get(f"{base}/call_genotype/0.0", headers={"Range": "bytes=1-1"})
        assert (ranged.status_code, ranged.content) == (206, b"b")
        assert reader.head(f"{base}/.zgroup").headers["content-length"] == "2"
        for wrong in (
            "call_genotype/1.0",
            "call_genotype",
            "call_genotype/",
            "..%2fhub.secret",
            "~",
            "a~b",
            "%00",
        ):
            assert reader.get(f"{base}/{wrong}").status_code in (400, 404), wrong
        assert reader.get(base).status_code == (401 if reader is client else 404)
    inner = client.get(f"{DRS}/objects/{id}.1~call_genotype/access/https").json()["url"]
    assert place.client().get(f"{inner}/0.0").content == b"abc"
    assert place.client().get(f"{inner}/.zgroup").status_code == 404
    assert place.client("researcher").get(f"/files/{id}.1/calls.vcz/.zgroup").status_code == 404
    assert place.client().get(f"/files/{id}.1/calls.vcz/.zgroup").status_code == 404
    origin = {"Origin": "https://viewer.example", "Access-Control-Request-Headers": "range"}
    assert client.options(f"/files/{id}.1/calls.vcz/.zgroup", headers=origin).status_code == 204
    whole = client.get(f"{DRS}/objects/{id}/access/https")
    assert whole.status_code == 404, "a version as a whole has no bytes"


def test_object__no_request_reads_a_file_for_its_checksum(folder):
    """All checksums were made when the folder was registered; it may even be out of reach."""
    place, root, id = folder
    root.rename(root.with_name("elsewhere"))
    client = place.client("holder")
    bundle = client.get(f"{DRS}/objects/{id}.1").json()
    assert bundle["size"] == 8
    member = client.get(f"{DRS}/objects/{id}.1~call_genotype~0.0").json()
    assert member["checksums"] == [{"type": "sha-256", "checksum": hashlib.sha256(b"abc").hexdigest()}]
    assert client.get(f"{DRS}/objects/{id}.1~call_genotype~0.0/access/https").status_code == 200


def test_checksums__md5_of_files_that_intake_saw(place):
    content = (place.folder / "open-door" / "open-door.bam").read_bytes()
    client, id = place.client(), version(place)
    assert client.get(f"{DRS}/objects/{id}.1").json()["checksums"] == [
        {"type": "sha-256", "checksum": hashlib.sha256(content).hexdigest()},
        {"type": "md5", "checksum": hashlib.md5(content).hexdigest()},
    ]
    bulk = client.post(f"{DRS}/objects", json={"bulk_object_ids": [f"{id}.1", id]}).json()
    types = [[one["type"] for one in found["checksums"]] for found in bulk["resolved_drs_object"]]
    assert types == [["sha-256", "md5"], ["sha-256"]]


def test_checksums__of_what_an_earlier_version_registered(world, caplog):
    """They are lacking until they are made; a folder is then refused, and the log says what to do."""
    place, root, id = with_folder(world)
    with place.hub.database.write() as session:
        session.query(models.FileMember).delete()
        session.query(models.FileContent).delete()
    client = place.client("holder")
    for name in (f"{DRS}/objects/{id}.1", f"/files/{id}.1~call_genotype~0.0", f"/files/{id}.1~nothing"):
        refused = client.get(name)
        assert refused.status_code == 503
        assert str(root) not in refused.text
    assert "Have it done: genomehub hub checksums." in caplog.text
    bam = f"{version(place)}.1"
    assert [one["type"] for one in client.get(f"{DRS}/objects/{bam}").json()["checksums"]] == ["sha-256"]
    for name in ("open-door", "back-room"):  # both have this content
        (place.folder / name / f"{name}.vcf.gz.tbi").write_bytes(b"changed")
    (place.folder / "back-room" / "back-room.bam").unlink()  # it lies elsewhere too
    done = complete(place.hub.database, place.clock(), threads=2)
    assert (done.n_files, [path.name for path in done.changed]) == (4, ["back-room.vcf.gz.tbi"])
    assert [one["type"] for one in client.get(f"{DRS}/objects/{bam}").json()["checksums"]] == [
        "sha-256",
        "md5",
    ]
    assert len(client.get(f"{DRS}/objects/{id}.1").json()["contents"]) == 2
    again = complete(place.hub.database, place.clock())
    assert (again.n_files, [path.name for path in again.changed]) == (0, ["back-room.vcf.gz.tbi"])


def test_checksums__the_same_folder_in_another_data_set_has_its_list(folder):
    place, root, _ = folder
    other = place.hub.catalogue.register(
        Result(describe_files([("vcz", root)]), dataset="copy", project="genomes"), actor="test"
    )
    found = place.client("holder").get(f"{DRS}/objects/{other.entry.id}.1").json()
    assert [one["name"] for one in found["contents"]] == [".zgroup", "call_genotype"]


@pytest.mark.parametrize(
    "id",
    [
        "..", "../../etc/passwd", "%2e%2e%2fhub.secret", "{v}.1~..~..~hub.secret", "{v}.1/../../hub.secret",
        "{v}.0", "{v}.99", "{v}.1~", "{v}~1", "{V}", "{v}.1~.zgroup", "{v} ", "{v}.1%00", "1",
        "{v}.1~%2e%2e~hub.secret", "file:///etc/passwd", "{v}.1?x=/etc/passwd#", "'; DROP TABLE file; --",
    ],
)  # fmt: skip
def test_object__no_name_leads_elsewhere(place, id):
    v = version(place)
    id = id.replace("{v}", v).replace("{V}", v.upper())
    for url in (f"{DRS}/objects/{id}", f"{DRS}/objects/{id}/access/https", f"/files/{id}"):
        answer = place.client("researcher").get(url)
        if id.endswith("#") or "/../" in id or id == "..":  # what the client itself makes of it
            assert "passwd" not in answer.text
        else:
            assert answer.status_code in (400, 404, 405, 401), (url, answer.text[:200])
        assert "root:" not in answer.text
        assert str(place.folder) not in answer.text
        assert place.hub.secret not in answer.text


def test_parse_name__knows_three_kinds():
    digest = "a" * 64
    assert parse_name(digest).number is None
    assert parse_name(f"{digest}.12").number == 12
    assert parse_name(f"{digest}.1~a~0.0").member == "a/0.0"
    assert parse_name(f"{digest}.1~a~~b") is None
    assert parse_name(f"{digest}.012") is None


def test_access__gate_and_link(place):
    id = f"{version(place)}.1"
    url = f"{DRS}/objects/{id}/access/https"
    assert place.client().get(url).status_code == 401
    assert place.client("colleague").get(url).status_code == 403
    assert place.client("colleague").get(url).json()["status_code"] == 403
    hidden = place.client("researcher").get(f"{DRS}/objects/{version(place, 'back-room')}.1/access/https")
    assert hidden.status_code == 404
    link = place.client("researcher").get(url).json()["url"]
    content = (place.folder / "open-door" / "open-door.bam").read_bytes()
    assert place.client().get(link).content == content
    forged = link.replace("/files/", "/files/x")
    assert place.client().get(forged).status_code == 401
    other = place.hub.signer("htsget").dumps({"person": 1, "until": 1 << 40, "object": id})
    assert place.client().get(f"/files/{other}/x.bam").status_code == 401
    assert place.client("researcher").get(f"{DRS}/objects/{id}/access/nope").status_code == 404
    place.clock.turn(seconds=901)
    assert place.client().get(link).status_code == 401


def test_link__ends_with_the_permit_and_with_the_person(place):
    url = f"{DRS}/objects/{version(place)}.1/access/https"
    link = place.client("researcher").get(url).json()["url"]
    with place.hub.database.write() as session:
        session.query(models.Permit).update({"withdrawn_at": place.clock()})
    assert place.client().get(link).status_code == 403
    link = place.client("holder").get(url).json()["url"]
    assert place.client().get(link).status_code == 200
    with place.hub.database.write() as session:
        session.get_one(models.Person, place.people["holder"]).disabled_at = place.clock()
    assert place.client().get(link).status_code == 401


@pytest.mark.parametrize("url", ["/ga4gh/drs/v1/objects/{id}/access/https", "/htsget/reads/{id}"])
def test_link__ends_with_the_token_it_was_asked_with(place, url):
    answer = place.client("researcher").get(url.format(id=f"{version(place)}.1")).json()
    link = answer["url"] if "url" in answer else answer["htsget"]["urls"][0]["url"]
    assert place.client().get(link).status_code == 200
    with place.hub.database.write() as session:
        token = session.query(models.ApiToken).filter_by(person_id=place.people["researcher"]).one()
        token.revoked_at = place.clock()
    assert place.client().get(link).status_code == 401


def test_passport__in_the_body_opens_what_its_holder_may_read(place):
    passport = place.client("researcher").get("/api/passport").json()["passport"]
    id = f"{version(place)}.1"
    url = f"{DRS}/objects/{id}/access/https"
    visitor = place.client()
    assert visitor.post(url, json={"passports": []}).status_code == 401
    link = visitor.post(url, json={"passports": [passport]})
    assert link.status_code == 200, link.text
    content = (place.folder / "open-door" / "open-door.bam").read_bytes()
    assert visitor.get(link.json()["url"]).content == content
    ways = [{"bulk_object_id": id, "bulk_access_ids": ["https"]}]
    bulk = {"bulk_object_access_ids": ways, "passports": [passport]}
    assert visitor.post(f"{DRS}/objects/access", json=bulk).json()["summary"]["resolved"] == 1
    body = {"passports": [passport]}
    assert visitor.post(f"{DRS}/objects/{version(place, 'back-room')}", json=body).status_code == 404
    assert place.client("colleague").post(url, json=body).status_code == 400  # of another person
    forged = f"{passport[:-3]}{'AAA' if passport[-3:] != 'AAA' else 'BBB'}"
    assert visitor.post(url, json={"passports": [forged]}).status_code == 401
    with place.hub.database.write() as session:
        session.query(models.Permit).update({"withdrawn_at": place.clock()})
    assert visitor.get(link.json()["url"]).status_code == 403
    assert visitor.post(url, json=body).status_code == 403


def test_refusals__of_drs_and_htsget_are_noted(place):
    id, hidden = version(place), version(place, "back-room")
    client = place.client("colleague")
    client.get(f"{DRS}/objects/{id}/access/https")
    client.post(f"{DRS}/objects", json={"bulk_object_ids": [hidden]})
    client.get(f"/htsget/reads/{id}")
    with place.hub.database.read() as session:
        last = session.query(models.Event).order_by(models.Event.id.desc()).limit(3).all()
        assert [event.action for event in last] == ["access-refused"] * 3
        assert [event.detail["status"] for event in last] == [403, 404, 403]


def test_object_store__gives_files_ranges_and_regions(sqlite_world, bucket):
    """What lies in an object store is given as what lies in a folder, read in ranges."""
    place, storage = sqlite_world, S3Storage(f"s3://{bucket}/hub")
    local = place.folder / "open-door" / "open-door.bam"
    records = describe_files([("bam", local), ("bai", Path(f"{local}.bai"))])
    stored = [
        dataclasses.replace(
            one, path=storage.put(Path(one.path), f"files/x/{Path(one.path).name}", one.sha256)
        )
        for one in records
    ]
    done = place.hub.catalogue.register(Result(tuple(stored), dataset="far", project="genomes"), actor="test")
    client, id = place.client("holder"), f"{done.entry.id}.1"
    content = local.read_bytes()
    assert client.get(f"/files/{id}").content == content
    assert client.get(f"/files/{id}", headers={"Range": "bytes=100-199"}).content == content[100:200]
    link = client.get(f"{DRS}/objects/{id}/access/https").json()["url"]
    assert place.client().get(link).content == content
    where = {"referenceName": "20", "start": 10_001_000, "end": 10_002_000}
    far, near = (
        [
            place.client().get(url["url"], headers=url.get("headers", {})).content
            for url in client.get(f"/htsget/reads/{name}", params=where).json()["htsget"]["urls"]
            if not url["url"].startswith("data:")
        ]
        for name in ("far", "open-door")
    )
    assert far == near
    assert far[0]
    shown = client.get(f"{DRS}/objects/{done.entry.id}?expand=true").text
    assert bucket not in shown
    storage.delete("files/x/open-door.bam")
    gone = client.get(f"/files/{id}")
    assert gone.status_code == 404
    assert bucket not in gone.text


def test_bulk__answers_each_by_itself(place):
    id, hidden = version(place), version(place, "back-room")
    asked = {"bulk_object_ids": [f"{id}.1", f"{hidden}.1", "x", id], "passports": []}
    answer = place.client("researcher").post(f"{DRS}/objects", json=asked).json()
    assert answer["summary"] == {"requested": 4, "resolved": 2, "unresolved": 2}
    assert answer["unresolved_drs_objects"] == [{"error_code": 404, "object_ids": [f"{hidden}.1", "x"]}]
    assert [one["id"] for one in answer["resolved_drs_object"]] == [f"{id}.1", id]
    ways = [{"bulk_object_id": one, "bulk_access_ids": ["https"]} for one in (f"{id}.1", f"{hidden}.1")]
    answer = place.client("researcher").post(f"{DRS}/objects/access", json={"bulk_object_access_ids": ways})
    links = answer.json()["resolved_drs_object_access_urls"]
    assert [one["drs_object_id"] for one in links] == [f"{id}.1"]
    assert place.client().get(links[0]["url"]).status_code == 200
    too_many = {"bulk_object_ids": ["x"] * 201}
    assert place.client("researcher").post(f"{DRS}/objects", json=too_many).status_code == 413
    options = place.client().request("OPTIONS", f"{DRS}/objects", json={"bulk_object_ids": [id]}).json()
    assert options["resolved_drs_object"][0]["supported_types"] == ["BearerAuth", "PassportAuth"]


def test_options__says_how_to_be_let_in(place):
    answer = place.client().options(f"{DRS}/objects/{version(place)}")
    assert answer.json()["supported_types"] == ["BearerAuth", "PassportAuth"]
    assert place.client().options(f"{DRS}/objects/{version(place, 'back-room')}").status_code == 404


def test_service_info__has_what_drs_1_5_requires(sqlite_world):
    info = sqlite_world.client().get(f"{DRS}/service-info").json()
    assert info["type"] == {"group": "org.ga4gh", "artifact": "drs", "version": "1.5.0"}
    assert info["maxBulkRequestLength"] == info["drs"]["maxBulkRequestLength"] == 200
    assert info["drs"]["objectCount"] == 4  # of what is published


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=100-", (100, None)),
        ("bytes=-7", (-7, None)),
        ("bytes=5-99999999", (5, None)),
    ],
)
def test_download__range(place, header, expected):
    content = (place.folder / "open-door" / "open-door.bam").read_bytes()
    start, end = expected
    answer = place.client("researcher").get(f"/files/{version(place)}.1", headers={"Range": header})
    assert answer.status_code == 206
    assert answer.content == content[start:end]
    first = start % len(content)
    assert (
        answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(content)}"
    )


def test_download__as_http_has_it(place):
    content = (place.folder / "open-door" / "open-door.bam").read_bytes()
    client, url = place.client("researcher"), f"/files/{version(place)}.1"
    whole = client.get(url)
    assert whole.content == content
    assert whole.headers["accept-ranges"] == "bytes"
    etag = whole.headers["etag"]
    assert etag == f'"{hashlib.sha256(content).hexdigest()}"'
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
    head = client.head(url, headers={"Range": "bytes=0-9"})
    assert (head.status_code, head.headers["content-length"], head.content) == (206, "10", b"")
    assert client.head(url).headers["content-length"] == str(len(content))
    resumed = client.get(url, headers={"Range": "bytes=10-", "If-Range": etag})
    assert resumed.content == content[10:]
    changed = client.get(url, headers={"Range": "bytes=10-", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, content)
    past = client.get(url, headers={"Range": f"bytes={len(content)}-"})
    assert (past.status_code, past.headers["content-range"]) == (416, f"bytes */{len(content)}")


def test_download__is_noted_with_why_before_its_first_byte(place, monkeypatch):
    url = f"/files/{version(place)}.1"
    place.client("researcher").get(url, headers={"Range": "bytes=0-9"})
    with place.hub.database.read() as session:
        last = session.query(models.Event).order_by(models.Event.id.desc()).first()
        assert (last.action, last.detail["ranges"]) == ("download", [[0, 10]])
        assert last.detail["reason"] == "permit"
        assert last.detail["permit"] == session.query(models.Permit).one().uuid
        assert last.entry_id is not None
    assert place.hub.catalogue.verify().problems == ()

    def full(*_, **__):
        raise ResourceError("the event log cannot be written, so nothing is given out.")

    client = place.client("researcher")
    monkeypatch.setattr("genomehub.hub.access.journal.Journal.record", full)
    link = f"{DRS}/objects/{version(place)}.1/access/https"
    ticket = f"/htsget/reads/{version(place)}"
    assert [client.get(one).status_code for one in (url, link, ticket)] == [503, 503, 503]


def test_download__a_file_that_is_gone_or_changed(place):
    path = place.folder / "open-door" / "open-door.bam"
    path.write_bytes(b"short")
    answer = place.client("researcher").get(f"/files/{version(place)}.1")
    assert answer.status_code == 503
    path.unlink()
    answer = place.client("researcher").get(f"/files/{version(place)}.1")
    assert answer.status_code == 404
    assert str(place.folder) not in answer.text


class Slow:
    """A file that is long and comes slowly."""

    size, piece_bytes = 0, 4096

    def __init__(self, path: Path) -> None:
        self.size = path.stat().st_size

    def read(self, start: int, end: int) -> bytes:
        time.sleep(0.02)
        return bytes(end - start)

    def close(self) -> None:
        pass


def test_download__a_withdrawal_ends_one_that_runs(place, monkeypatch):
    path = place.folder / "large.bam"
    path.write_bytes(bytes(4 << 20))
    done = place.hub.catalogue.register(
        Result(describe_files([("bam", path)]), dataset="large", project="genomes"), actor="test"
    )
    place.datasets["large"] = done.entry.dataset_uuid
    place.permit("researcher", "large")
    monkeypatch.setattr(
        "genomehub.hub.service.routes.files.opener", lambda hub: lambda name: Slow(place.folder / name)
    )

    headers, got = {"Authorization": f"Bearer {place.tokens['researcher']}"}, 0
    with (
        place.serve() as address,
        httpx.stream("GET", f"{address}/files/{done.entry.id}.1", headers=headers, timeout=60) as answer,
        contextlib.suppress(httpx.RemoteProtocolError),  # less comes than was announced
    ):
        assert answer.status_code == 200
        for part in answer.iter_bytes():
            if got == 0:
                started = time.monotonic()
                with place.hub.database.write() as session:
                    session.query(models.Permit).update({"withdrawn_at": place.clock()})
            got += len(part)
    assert time.monotonic() - started < 5  # all of it would take 20 s
    assert 0 < got < 4 << 20
    with place.hub.database.read() as session:
        last = session.query(models.Event).order_by(models.Event.id.desc()).first()
        assert (last.action, last.detail["of"]) == ("break-off", "download")
        assert last.detail["bytes"] >= got

"""Uploads over tus: resumed, checked, limited, and registered when whole."""

import hashlib
from pathlib import Path

import pytest
from builders import intake
from builders.uploads import TUS, begin, checksum, complete, configured, metadata, send, sent
from sqlalchemy import select

from genomehub import cli
from genomehub.hub import models
from genomehub.hub.access.people import add_person, grant_role, new_token
from genomehub.hub.access.principals import Role
from genomehub.hub.intake.cleaning import clean
from genomehub.hub.intake.uploads import Uploads
from genomehub.hub.uploading import RefusedError, Source, Uploader, with_indexes

DATA = b"reads of somebody" * 100


def known(world):
    """The world with a reference that our files are on."""
    return configured(world, references=[intake.reference(world.folder)])


def files(world, **how):
    bam = intake.bam(world.folder / "new.bam", **how)
    return bam, Path(f"{bam}.bai")


def room(world):
    return Uploads(world.hub.database, world.hub.settings, world.clock)


def n_entries(world):
    return world.hub.catalogue.search(limit=1).total


# --------------------------------------------------------------------------------------- the protocol


def test_options__tell_what_is_supported(sqlite_world):
    answer = sqlite_world.client().options("/api/uploads")
    assert (answer.status_code, answer.headers["tus-version"]) == (204, "1.0.0")
    assert answer.headers["tus-extension"] == "creation,checksum,termination,expiration"


def test_tus__pieces_offsets_and_resume(sqlite_world):
    client = sqlite_world.client("holder")
    answer = begin(client, "a.bam", len(DATA))
    url = answer.headers["location"]
    assert (answer.status_code, answer.headers["upload-expires"]) == (201, "Sat, 05 Dec 2026 09:00:00 GMT")
    assert client.head(url, headers=TUS).headers["upload-offset"] == "0"
    assert send(client, url, DATA[:700]).headers["upload-offset"] == "700"
    late = send(client, url, DATA[:700])
    assert (late.status_code, "700 bytes have come" in late.json()["detail"]) == (409, True)
    assert client.head(url, headers=TUS).headers["upload-offset"] == "700"
    assert send(client, url, DATA[700:], 700).headers["upload-offset"] == str(len(DATA))
    view = client.get("/api/uploads").json()["uploads"][0]
    assert view["files"][0] | {"id": "", "url": ""} == {
        "id": "", "url": "", "name": "a.bam", "kind": "bam", "size": 1700, "offset": 1700, "sha256": None,
    }  # fmt: skip


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5"])
def test_tus__checksum(sqlite_world, algorithm):
    client = sqlite_world.client("holder")
    url = begin(client, "a.bam", len(DATA)).headers["location"]
    wrong = send(client, url, b"x" * 100, **{"Upload-Checksum": checksum(b"y", algorithm)})
    assert (wrong.status_code, "damaged on the way" in wrong.json()["detail"]) == (460, True)
    assert client.head(url, headers=TUS).headers["upload-offset"] == "0"
    right = send(client, url, DATA, **{"Upload-Checksum": checksum(DATA, algorithm)})
    assert right.headers["upload-offset"] == str(len(DATA))
    assert send(client, url, b"", **{"Upload-Checksum": "crc32 AA=="}).status_code == 400


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"Tus-Resumable": "0.2.0"}, 412, "1.0.0 is expected"),
        ({"Upload-Length": "many"}, 400, "Upload-Length"),
        ({"Upload-Length": "0"}, 413, "from 1 to"),
        ({"Upload-Length": "9" * 18}, 413, "from 1 to"),
        ({"Upload-Metadata": "name ?"}, 400, "not UTF-8 in Base64"),
        ({"Upload-Metadata": metadata(name="a.bam")}, 400, "dataset is lacking"),
        ({"Upload-Metadata": metadata(name="../a.bam", dataset="x")}, 400, "cannot be the name of a file"),
        ({"Upload-Metadata": metadata(name=".a.bam", dataset="x")}, 400, "cannot be the name of a file"),
        ({"Upload-Metadata": metadata(name="a\0.bam", dataset="x")}, 400, "cannot be the name"),
        ({"Upload-Metadata": metadata(name="a.xyz", dataset="x")}, 400, "does not tell what kind"),
        ({"Upload-Metadata": metadata(name="a.xyz", dataset="x", kind="../X")}, 400, "cannot be a kind"),
        ({"Upload-Metadata": metadata(name="a.bam", dataset="x", sha256="12")}, 400, "64 hexadecimal"),
        ({"Upload-Metadata": metadata(name="a.bam", dataset="x", upload="12")}, 404, "no such upload"),
    ],
)
def test_begin__wrong(sqlite_world, headers, status, message):
    right = {**TUS, "Upload-Length": "10", "Upload-Metadata": metadata(name="a.bam", dataset="x")}
    answer = sqlite_world.client("holder").post("/api/uploads", headers=right | headers)
    assert (answer.status_code, message in answer.json()["detail"]) == (status, True), answer.text
    assert str(sqlite_world.folder) not in answer.text


def test_send__wrong(sqlite_world):
    client = sqlite_world.client("holder")
    url = begin(client, "a.bam", 10).headers["location"]
    assert send(client, url, b"x" * 11).status_code == 413
    assert send(client, url, (b"x" for _ in range(11))).status_code == 413  # without a Content-Length
    assert client.head(url, headers=TUS).headers["upload-offset"] == "0"
    assert send(client, url, b"x", **{"Content-Type": "text/plain"}).status_code == 415
    assert send(client, url, b"x", **{"Tus-Resumable": "2"}).status_code == 412
    assert send(client, url, b"x", **{"Upload-Offset": "-1"}).status_code == 400
    again = begin(client, "a.bam", 10)
    assert (again.status_code, "is in this upload already" in again.json()["detail"]) == (409, True)


def test_send__two_at_once_are_told(sqlite_world):
    client = sqlite_world.client("holder")
    url = begin(client, "a.bam", 10).headers["location"]
    with sqlite_world.hub.database.read() as session:
        file = session.scalars(select(models.UploadFile)).one()
        with room(sqlite_world).locked(file):
            assert send(client, url, b"x").status_code == 423
    assert send(client, url, b"x").status_code == 204


def test_remove_and_cancel(sqlite_world):
    client = sqlite_world.client("holder")
    answer = begin(client, "a.bam", 10)
    folder = room(sqlite_world).folder / answer.headers["upload-session"]
    assert [path.name for path in folder.iterdir()] == ["a.bam"]
    assert client.delete(answer.headers["location"], headers=TUS).status_code == 204
    assert list(folder.iterdir()) == []
    assert client.head(answer.headers["location"], headers=TUS).status_code == 404
    upload = answer.headers["upload-session"]
    assert client.post(f"/api/uploads/{upload}/complete").status_code == 409
    assert client.delete(f"/api/uploads/{upload}").status_code == 204
    assert (client.get(f"/api/uploads/{upload}").json()["state"], folder.exists()) == ("cancelled", False)
    assert begin(client, "a.bam", 10, upload=upload).status_code == 409


def test_expiration(sqlite_world):
    client = sqlite_world.client("holder")
    answer = begin(client, "a.bam", 10)
    url, upload = answer.headers["location"], answer.headers["upload-session"]
    sqlite_world.clock.turn(days=6)
    assert send(client, url, b"x").status_code == 204
    sqlite_world.clock.turn(days=6)
    assert client.head(url, headers=TUS).status_code == 200
    sqlite_world.clock.turn(days=2)
    assert client.head(url, headers=TUS).status_code == 404
    assert client.get(f"/api/uploads/{upload}").json()["state"] == "expired"
    assert client.post(f"/api/uploads/{upload}/complete").status_code == 409
    done = clean(room(sqlite_world))
    assert (done.expired, done.folders) == ([upload], [])
    assert not (room(sqlite_world).folder / upload).exists()
    assert begin(client, "a.bam", 10).headers["upload-session"] != upload


def test_limits(sqlite_world):
    world = configured(sqlite_world, upload_quota_bytes=100, upload_max_files=2, upload_max_bytes=90)
    client = world.client("holder")
    assert "from 1 to 90" in begin(client, "a.bam", 91).json()["detail"]
    assert begin(client, "a.bam", 60).status_code == 201
    assert "it would be more than 100" in begin(client, "b.bam", 41).json()["detail"]
    assert begin(client, "b.bam", 40).status_code == 201
    assert "at most 2 files" in begin(client, "c.bam", 1).json()["detail"]


# ------------------------------------------------------------------------------------------ who may


def test_access__only_holders_and_only_their_own(sqlite_world):
    world = sqlite_world
    assert begin(world.client(), "a.bam", 10).status_code == 401
    answers = {
        (person, name): begin(world.client(person), "a.bam", 10, name)
        for person in ("researcher", "steward", "auditor", "administrator")
        for name in ("back-room", "open-door", "no-such")
    }
    assert {answer.status_code for answer in answers.values()} == {403, 404}
    hidden, absent = answers["researcher", "back-room"], answers["researcher", "no-such"]
    assert hidden.json()["detail"].replace("back-room", "no-such") == absent.json()["detail"]
    url = begin(world.client("holder"), "a.bam", 10).headers["location"]
    with world.hub.database.write() as session:
        other = add_person(session, "Other", None, world.clock())
        project = session.scalars(select(models.Project).where(models.Project.name == "genomes")).one()
        grant_role(session, other, Role.HOLDER, project)
        world.tokens["other"] = new_token(session, other, "tests", world.clock(), None)
    client = world.client("other")
    assert client.head(url, headers=TUS).status_code == 404
    assert client.get(url.rpartition("/files/")[0]).status_code == 404
    assert begin(client, "a.bam", 10, "mine").status_code == 201
    elsewhere = begin(client, "a.bam", 10, "mine", project="another")
    assert (elsewhere.status_code, begin(client, "b.bam", 10, "open-door").status_code) == (404, 201)


def test_access__role_taken_away_stops_an_upload(sqlite_world):
    client = sqlite_world.client("holder")
    url = begin(client, "a.bam", 10).headers["location"]
    with sqlite_world.hub.database.write() as session:
        for grant in session.scalars(select(models.RoleGrant).where(models.RoleGrant.role == "holder")):
            session.delete(grant)
    assert send(client, url, b"x").status_code == 404


# --------------------------------------------------------------------------------------- registered


def test_complete__registers_on_both_databases(world):
    world = known(world)
    client = world.client("holder")
    paths = files(world)
    view = complete(client, sent(client, *paths), title="New", sex="female", software={"bwa": "0.7"})
    assert (view["state"], view["outcome"]) == ("registered", "registered")
    entry = world.hub.catalogue.get(view["entry"])
    assert (entry.title, entry.reference.digest, entry.software) == ("New", intake.DIGEST, {"bwa": "0.7"})
    assert [(one.name, one.sex) for one in entry.samples] == [("NA12878", "female")]
    assert [Path(file.path).read_bytes() for file in entry.files] == [path.read_bytes() for path in paths]
    assert [Path(file.path).name for file in entry.files] == ["new.bam", "new.bam.bai"]
    assert list(room(world).folder.iterdir()) == []
    with world.hub.database.read() as session:
        content = session.get(models.FileContent, entry.files[0].sha256)
        assert content.md5 == hashlib.md5(paths[0].read_bytes()).hexdigest()
        assert (content.format, content.facts["n_reads"]) == ("bam", 307)
        actions = [event.action for event in session.scalars(select(models.Event))][-4:]
    assert actions == ["begin-upload", "begin-upload", "correct-sex", "register"]
    assert world.hub.catalogue.verify().holds
    again = complete(client, view["id"])
    assert (again["state"], again["entry"]) == ("registered", view["entry"])
    same = complete(client, sent(client, *paths))
    assert (same["outcome"], same["entry"], n_entries(world)) == ("unchanged", view["entry"], 3)
    with world.hub.database.read() as session:
        assert clean(room(world)).stored == []
    assert world.hub.catalogue.verify().holds


def test_complete__not_whole_is_told(sqlite_world):
    client = sqlite_world.client("holder")
    answer = begin(client, "a.bam", 10)
    send(client, answer.headers["location"], b"123")
    told = client.post(f"/api/uploads/{answer.headers['upload-session']}/complete")
    assert (told.status_code, "a.bam: 3 of 10 bytes have come" in told.json()["detail"]) == (409, True)


def test_complete__refused_then_corrected(sqlite_world):
    world = known(sqlite_world)
    client = world.client("holder")
    bam, bai = files(world, sample="HG002")
    upload = sent(client, bam, bai)
    view = complete(client, upload, samples=["NA12878"])
    assert (view["state"], len(view["problems"]), n_entries(world)) == ("refused", 1, 2)
    assert "is of sample 'HG002', but 'NA12878' was said" in view["problems"][0]
    assert str(world.folder) not in str(view)
    client.delete(view["files"][0]["url"], headers=TUS)
    client.delete(view["files"][1]["url"], headers=TUS)
    assert sent(client, *files(world)) == upload
    assert complete(client, upload, samples=["NA12878"])["state"] == "registered"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda bam, bai: [bam], "has no index"),
        (
            lambda bam, bai: [bam, bai] if bam.write_bytes(bam.read_bytes()[:-28]) else [],
            "no BGZF end-of-file",
        ),
        (lambda bam, bai: [bam, bai] if bai.write_bytes(b"BAI\1") else [], "the index is damaged"),
    ],
)
def test_complete__what_is_wrong_is_refused(sqlite_world, spoil, message):
    world = known(sqlite_world)
    client = world.client("holder")
    view = complete(client, sent(client, *spoil(*files(world))))
    assert (view["state"], message in view["problems"][0]) == ("refused", True)
    assert (n_entries(world), list(room(world).storage.keys("files"))) == (2, [])


def test_complete__unknown_reference_and_announced_checksum(sqlite_world):
    client = sqlite_world.client("holder")
    view = complete(client, sent(client, *files(sqlite_world)))
    assert "no reference is at hand" in view["problems"][0]
    world = known(sqlite_world)
    client = world.client("holder")
    client.delete(f"/api/uploads/{view['id']}")
    bam, bai = files(world)
    upload = sent(client, bam, sha256="0" * 64)
    sent(client, bai)
    assert "but 000000000000... was announced" in complete(client, upload)["problems"][0]


def test_complete__into_an_object_store(sqlite_world, bucket):
    world = known(configured(sqlite_world, storage=f"s3://{bucket}/hub"))
    client = world.client("holder")
    view = complete(client, sent(client, *files(world)))
    entry = world.hub.catalogue.get(view["entry"])
    assert entry.files[0].path == f"s3://{bucket}/hub/files/{view['id']}/new.bam"
    assert world.hub.catalogue.verify([entry.id]).holds


def test_complete__store_away_keeps_the_upload(sqlite_world, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setattr("genomehub.hub.storage.s3.ATTEMPTS", 1)
    world = known(
        configured(sqlite_world, storage="s3://nowhere/hub", upload_folder=sqlite_world.folder / "u")
    )
    client = world.client("holder")
    view = complete(client, sent(client, *files(world)))
    assert (view["state"], "cannot store the files now" in view["problems"][0]) == ("open", True)
    assert "127.0.0.1:9" not in str(view)
    world = configured(world, storage=None)
    assert complete(world.client("holder"), view["id"])["state"] == "registered"


def test_clean__removes_what_belongs_to_nobody_and_nothing_else(sqlite_world):
    world = known(sqlite_world)
    client = world.client("holder")
    registered = complete(client, sent(client, *files(world)))
    begin(client, "under-way.bam", 10, "other")
    uploads = room(world)
    orphan, foreign = "1" * 8 + "-1111-1111-1111-" + "1" * 12, uploads.folder / "notes"
    (uploads.folder / orphan).mkdir()
    foreign.mkdir()
    bam, _ = files(world)
    uploads.storage.put(bam, f"files/{orphan}/x.bam", hashlib.sha256(bam.read_bytes()).hexdigest())
    done = clean(uploads)
    assert (done.folders, done.stored, done.unknown) == ([orphan], [], [f"files/{orphan}/x.bam"])
    assert clean(uploads, unknown=True).stored == [f"files/{orphan}/x.bam"]
    assert (foreign.exists(), len(list(uploads.folder.iterdir()))) == (True, 2)
    assert world.hub.catalogue.verify([registered["entry"]]).holds


# ------------------------------------------------------------------------------------------ client


def test_uploader__sends_indexes_resumes_and_tells(sqlite_world):
    world = known(sqlite_world)
    bam, _ = files(world)
    sources = with_indexes([Source(bam)])
    assert [source.path.name for source in sources] == ["new.bam", "new.bam.bai"]
    with world.serve() as url, Uploader(url, world.tokens["holder"], piece_bytes=1000) as uploader:
        client = world.client("holder")
        begun = begin(
            client, "new.bam", bam.stat().st_size, sha256=hashlib.sha256(bam.read_bytes()).hexdigest()
        )
        send(client, begun.headers["location"], bam.read_bytes()[:1500])
        with pytest.raises(RefusedError, match="was said"):
            uploader.send(sources, "new", "genomes", {"samples": ["HG002"]})
        done = uploader.send(sources, "new", "genomes", {"samples": ["NA12878"]})
        assert (done["id"], done["outcome"]) == (begun.headers["upload-session"], "registered")
        assert uploader.send(sources, "new", "genomes", {})["outcome"] == "unchanged"


def test_cli__upload(sqlite_world, monkeypatch, capsys):
    world = known(sqlite_world)
    bam, _ = files(world)
    arguments = ["--dataset", "new", "--project", "genomes", "--title", "New", str(bam)]
    with world.serve() as url:
        monkeypatch.delenv("GENOMEHUB_HUB_TOKEN", raising=False)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(world.folder / "config"))
        assert cli.run(["hub", "upload", url, *arguments]) == 2
        assert "a token is needed" in capsys.readouterr().err
        monkeypatch.setenv("GENOMEHUB_HUB_TOKEN", world.tokens["holder"])
        assert cli.run(["hub", "upload", url, *arguments]) == 0
        assert capsys.readouterr().out.split()[0] == "registered"
        monkeypatch.setenv("GENOMEHUB_HUB_TOKEN", world.tokens["researcher"])
        assert cli.run(["hub", "upload", url, *arguments]) == 3
        assert "the hub answers: 'new': no such data set" in capsys.readouterr().err
    assert cli.run(["hub", "upload", "ftp://x", *arguments]) == 2
    assert cli.run(["hub", "upload", url, "--dataset", "new"]) == 2
    assert cli.run(["hub", "upload", url, "--dataset", "new", "--file", "x"]) == 2

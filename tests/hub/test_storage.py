"""Storage in a folder and in an object store: the same contract, kept by both."""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest

from genomehub.errors import ConfigError, InputError, NotFoundError, ResourceError
from genomehub.hub.catalogue import Catalogue
from genomehub.hub.checksums import describe_files
from genomehub.hub.records import FileRecord, Result
from genomehub.hub.storage import open_location, open_storage
from genomehub.hub.storage.posix import FolderStorage
from genomehub.hub.storage.s3 import S3Storage

PART = 5 * 2**20
CONTENT = os.urandom(2 * PART + 12_345)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["folder", "s3"])
def storage(request, tmp_path):
    if request.param == "folder":
        return FolderStorage(tmp_path / "store")
    return S3Storage(f"s3://{request.getfixturevalue('bucket')}/some/prefix", part_bytes=PART)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "reads.bam"
    path.write_bytes(CONTENT)
    return path


def test_put__then_every_question(storage, source):
    key = "files/a/reads.bam"
    assert storage.size(key) is None
    location = storage.put(source, key, SHA256)
    assert location == storage.location(key)
    assert (storage.size(key), storage.checksum(key)) == (len(CONTENT), SHA256)
    blob = storage.open(key)
    for start, end in [
        (0, 10),
        (PART - 3, PART + 3),
        (len(CONTENT) - 5, len(CONTENT) + 50),
        (7, 7),
        (9e9, 9e9),
    ]:
        assert blob.read(int(start), int(end)) == CONTENT[int(start) : int(end)]
    blob.close()
    assert list(storage.keys("files")) == [key]
    assert storage.put(source, key, SHA256) == location
    storage.delete(key)
    storage.delete(key)
    assert (storage.size(key), list(storage.keys("files"))) == (None, [])
    with pytest.raises(NotFoundError):
        storage.open(key)


def test_put__ours_is_linked_or_sent(storage, source):
    assert storage.checksum("a") == SHA256 if storage.put(source, "a", SHA256, ours=True) else False
    source.unlink()
    assert storage.size("a") == len(CONTENT)


class _Killed(BaseException):
    pass


def test_put__cut_off_is_invisible_and_gone_on_with(storage, source):
    told = []

    def kill(n_bytes):
        told.append(n_bytes)
        if sum(told) >= PART:
            raise _Killed

    with pytest.raises(_Killed):
        storage.put(source, "files/a/x", SHA256, kill)
    assert (storage.size("files/a/x"), list(storage.keys("files"))) == (None, [])
    sent = []
    if isinstance(storage, S3Storage):
        again = S3Storage(f"s3://{storage.bucket}/some/prefix", part_bytes=PART)
        again._client.meta.events.register(
            "before-call.s3.UploadPart", lambda **more: sent.append(more["params"]["url_path"])
        )
        again.put(source, "files/a/x", SHA256)
        assert len(sent) == 2
    else:
        storage.put(source, "files/a/x", SHA256)
    assert storage.checksum("files/a/x") == SHA256


def test_put__another_content_than_said_is_refused(storage, source):
    with pytest.raises(InputError, match="is not what its checksum 000000000000 says"):
        storage.put(source, "a", "0" * 64)
    assert storage.size("a") is None
    assert storage.abandoned(datetime.now(UTC) + timedelta(days=1)) == []


def test_abandoned__removes_what_is_old(storage, source):
    def kill(n_bytes):
        raise _Killed

    with pytest.raises(_Killed):
        storage.put(source, "files/a/x", SHA256, kill)
    if isinstance(storage, FolderStorage):  # moto says of every upload that it began in 2010
        assert storage.abandoned(datetime.now(UTC) - timedelta(hours=1)) == []
    assert len(storage.abandoned(datetime.now(UTC) + timedelta(hours=1))) == 1
    assert storage.abandoned(datetime.now(UTC) + timedelta(hours=1)) == []


def test_link__of_an_object_works_without_proof_and_ends(bucket, source):
    storage = S3Storage(f"s3://{bucket}")
    storage.put(source, "a", SHA256)
    assert httpx.get(storage.link("a", 60), headers={"Range": "bytes=1-4"}).content == CONTENT[1:5]
    assert "X-Amz-Expires=60" in storage.link("a", 60)


def test_link__of_a_folder_is_none(tmp_path):
    assert FolderStorage(tmp_path).link("a", 60) is None


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a//b", "a/./b", "a\\b", ""])
def test_key__stays_below_the_root(storage, key):
    with pytest.raises(InputError, match="cannot be a key"):
        storage.location(key)


def test_put__unreachable_store_is_a_sentence(monkeypatch, source):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    storage = S3Storage("s3://nowhere-bucket")
    with pytest.raises(ResourceError, match="the object store cannot be reached or refuses") as error:
        storage.put(source, "a", SHA256)
    assert "hush" not in str(error.value)


def test_open_storage__of_settings(tmp_path):
    def settings(storage, catalogue="c.sqlite"):
        return SimpleNamespace(storage=storage, catalogue=str(tmp_path / catalogue))

    assert open_storage(settings(None)).root == tmp_path / "storage"
    assert open_storage(settings(str(tmp_path / "x"))).root == tmp_path / "x"
    assert open_storage(settings("s3://b/p")).location("k") == "s3://b/p/k"
    with pytest.raises(ConfigError, match="a folder or s3://BUCKET/PREFIX is expected"):
        open_storage(settings("gs://b"))
    with pytest.raises(ConfigError, match="is needed with PostgreSQL"):
        open_storage(SimpleNamespace(storage=None, catalogue="postgresql://a@b/c"))


def test_catalogue__holds_locations_of_both_kinds(bucket, tmp_path, source):
    storage = S3Storage(f"s3://{bucket}")
    location = storage.put(source, "files/reads.bam", SHA256)
    settings = SimpleNamespace(storage=None, catalogue=str(tmp_path / "c.sqlite"))
    with Catalogue.create(tmp_path / "c.sqlite") as catalogue:
        files = (FileRecord("bam", location, len(CONTENT), SHA256), *describe_files([("copy", source)]))
        entry = catalogue.register(Result(files, samples=("x",))).entry
        assert {file.kind: str(file.path) for file in catalogue.get(entry.id).files} == {
            "bam": location, "copy": str(source),
        }  # fmt: skip
        for file in entry.files:
            blob = open_location(settings, file.path)
            assert (blob.size, blob.read(100, 110)) == (len(CONTENT), CONTENT[100:110])
        assert open_location(settings, "reads.bam").size == len(CONTENT)
        assert catalogue.verify([entry.id]).holds
        storage.delete("files/reads.bam")
        assert [check.state for check in catalogue.verify([entry.id]).failed] == ["missing"]

"""Folders in an object store: registered, given out, checked and backed up as those on a disk are."""

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import obstore
import pytest
import zarr
from builders import intake
from builders.hub import World
from builders.variants import make_store, random_sites
from obstore.store import HTTPStore

from genomehub import cli
from genomehub.errors import InputError, NotFoundError, ResourceError, TooLargeError
from genomehub.hub import models
from genomehub.hub.backup import backup, restore
from genomehub.hub.catalogue import Catalogue
from genomehub.hub.checksums import checksum, describe_files, stamp_of
from genomehub.hub.contents import complete
from genomehub.hub.storage import RemotePath, place_of
from genomehub.hub.storage.s3 import S3Storage, bucket_store
from genomehub.types import Contig

DRS = "/ga4gh/drs/v1"
DOCS = Path(__file__).parents[2] / "docs" / "hub-files.md"


def client_of(bucket: str):
    return S3Storage(f"s3://{bucket}")._client


def send(folder: Path, bucket: str, prefix: str) -> RemotePath:
    """Copy a file, or a folder with all that is in it, as any tool would."""
    client = client_of(bucket)
    for part in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
        if part.is_file():
            inside = f"/{part.relative_to(folder).as_posix()}" if folder.is_dir() else ""
            client.put_object(Bucket=bucket, Key=prefix + inside, Body=part.read_bytes())
    return RemotePath(bucket, prefix)


def small_store(folder: Path) -> Path:
    """Write a folder whose names sort otherwise by letters than by folders."""
    for name, text in {
        "a/0": "x", "a-b": "y", "a.b/c": "z", "a/sub/1": "w", "zarr.json": "{}", "empty": "",
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_checksum__is_that_of_the_same_folder_on_a_disk(bucket, tmp_path):
    local = small_store(tmp_path / "store")
    far = send(local, bucket, "deep/prefix/store")
    client_of(bucket).put_object(Bucket=bucket, Key="deep/prefix/store/", Body=b"")  # a console's folder
    client_of(bucket).put_object(Bucket=bucket, Key="deep/prefix/store-2/other", Body=b"other")
    near, there = checksum(local), checksum(far)
    assert (near, near.members) == (there, there.members)
    assert [one.name for one in there.members] == ["a/0", "a/sub/1", "a-b", "a.b/c", "empty", "zarr.json"]
    assert (far.is_dir(), far.is_file(), far.exists()) == (True, False, True)
    inside = place_of(f"s3://{bucket}/deep/prefix/store/a-b")
    assert (inside.is_file(), inside.is_dir(), inside.open().read()) == (True, False, b"y")
    records = [describe_files([("vcz", place)])[0] for place in (local, f"{far}/")]
    assert records[1].path == str(far)
    assert (records[0].sha256, records[0].members) == (records[1].sha256, records[1].members)


def test_files__come_page_by_page(bucket, monkeypatch):
    """More than the store gives at once (1000), and no more than are taken."""
    store = bucket_store(bucket)
    for number in range(1234):
        obstore.put(store, f"many/{number // 100}/{number}", b"%d" % number)
    far = RemotePath(bucket, "many")
    assert len(far.files()) == 1234
    seen = checksum(far)
    assert (seen.n_files, seen.size_bytes) == (1234, sum(len(str(n)) for n in range(1234)))
    monkeypatch.setattr("genomehub.hub.storage.places.MOST_FILES", 1200)
    with pytest.raises(TooLargeError, match=r"has more than 1200 files\. Zip what is in it"):
        far.files()


def test_open__reads_as_a_file_does(bucket, tmp_path):
    content = os.urandom(300_000)
    (tmp_path / "x").write_bytes(content)
    handle = send(tmp_path / "x", bucket, "x").open()
    assert handle.read(10) == content[:10]
    assert handle.seek(-5, os.SEEK_END) == 299_995
    assert handle.read() == content[-5:]
    handle.seek(100_000)
    assert handle.read(150_000) == content[100_000:250_000]
    handle.seek(0)
    assert handle.read() == content


@pytest.mark.parametrize(
    "url", ["s3://b", "s3://b/", "s3://b/../x", "s3://b/a//b", "s3://b/a/./b", "s3://b/a\\b"]
)
def test_parse__of_no_place(url):
    with pytest.raises(InputError, match=r"is no place of a file. Give s3://BUCKET/NAME"):
        RemotePath.parse(url)


def test_read__of_what_is_replaced_fails(bucket, tmp_path):
    far = send(small_store(tmp_path / "s"), bucket, "s")
    before = stamp_of(far)
    blob = far.blob(far.files()[0])
    assert blob.read(0, 1) == b"x"
    client_of(bucket).put_object(Bucket=bucket, Key="s/a/0", Body=b"y")
    with pytest.raises(ResourceError, match="0: was replaced in the object store while it was read"):
        blob.read(0, 1)
    assert stamp_of(far) != before


def test_describe__says_what_is_not_there(bucket):
    with pytest.raises(NotFoundError, match=f"s3://{bucket}/nothing.vcz: no such file or folder"):
        describe_files([("vcz", f"s3://{bucket}/nothing.vcz")])
    client_of(bucket).put_object(Bucket=bucket, Key="empty.bam", Body=b"")
    with pytest.raises(InputError, match="is empty; nothing was registered"):
        describe_files([("bam", f"s3://{bucket}/empty.bam")])


def test_checksum__in_bounded_memory(bucket, tmp_path):
    """A file of 200 MB passes in pieces."""
    with (tmp_path / "large").open("wb") as out:
        for _ in range(25):
            out.write(os.urandom(8 << 20))
    digest = hashlib.sha256((tmp_path / "large").read_bytes()).hexdigest()
    storage = S3Storage(f"s3://{bucket}")
    storage.put(tmp_path / "large", "large", digest)
    code = (
        "import resource, sys; from genomehub.hub.checksums import describe_files;"
        "base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        f"seen = describe_files([('raw', 's3://{bucket}/large')])[0];"
        "print(seen.sha256, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seen, grown_kb = done.stdout.split()
    assert seen == digest
    assert int(grown_kb) < 120_000  # of which the libraries are most


# ---------------------------------------------------------------------------- registered and given out


@dataclasses.dataclass
class Bucketed:
    """A hub, and a result of NA12878 that lies in a bucket: reads, variants as text and as arrays."""

    world: World
    bucket: str
    local: Path
    run: Callable[..., tuple[int, str, str]]

    def url(self, name: str) -> str:
        return f"s3://{self.bucket}/results/{name}"

    def register(self, *names: str) -> dict:
        """Register what is in the bucket by the command line."""
        code, out, err = self.run(
            "register", "--json", "--strict", "--sample", "NA12878", "--project", "genomes",
            "--dataset", "far", "-r", str(self.local / "tiny.ref"), *map(self.url, names),
        )  # fmt: skip
        assert code == 0, err
        return json.loads(out)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A folder of the results of one sample, as the program and its neighbours write them."""
    folder = tmp_path_factory.mktemp("results")
    intake.reference(folder)
    intake.bam(folder / "NA12878.bam")
    intake.vcf(folder / "NA12878.vcf.gz")
    contigs = tuple(Contig(name, length, "a" * 32, "SQ.a") for name, length in intake.CONTIGS.items())
    store = folder / "NA12878.vcz"
    make_store(
        store,
        random_sites(500, 7, contigs),
        contigs=contigs,
        sample="NA12878",
        reference_digest=intake.DIGEST,
    )
    with zipfile.ZipFile(folder / "NA12878.vcz.zip", "w") as archive:
        for part in sorted(part for part in store.rglob("*") if part.is_file()):
            archive.write(part, part.relative_to(store).as_posix())
    return folder


@pytest.fixture
def bucketed(sqlite_world, bucket, local, monkeypatch, capsys):
    """A hub whose holder may read what is registered from the bucket."""
    for part in local.iterdir():
        send(part, bucket, f"results/{part.name}")
    monkeypatch.setenv("GENOMEHUB_CATALOGUE", sqlite_world.hub.settings.catalogue)
    monkeypatch.setenv("GENOMEHUB_ACTOR", "ada")

    def run(*arguments):
        capsys.readouterr()
        code = cli.run(["hub", *arguments])
        seen = capsys.readouterr()
        return code, seen.out, seen.err

    return Bucketed(sqlite_world, bucket, local, run)


ALL = ("NA12878.bam", "NA12878.bam.bai", "NA12878.vcf.gz", "NA12878.vcf.gz.tbi", "NA12878.vcz")


def test_register__of_a_bucket_is_what_the_disk_has(bucketed):
    """Intake looks into both alike, and the content is known wherever it lies."""
    far = bucketed.register(*ALL)
    assert [file["path"] for file in far["files"]] == [bucketed.url(name) for name in ALL]
    assert far["reference"]["digest"] == intake.DIGEST
    with bucketed.world.hub.database.read() as session:
        seen = {row.sha256: row for row in session.query(models.FileContent)}
        rows = [seen[file["sha256"]] for file in far["files"]]
        assert [row.format for row in rows] == ["bam", None, "vcf", None, "vcz"]
        assert rows[0].facts["n_reads"] == 307
        assert rows[2].facts["n_variants"] == 90
        assert rows[4].facts["n_variants"] > 300
        assert rows[0].md5 == hashlib.md5((bucketed.local / "NA12878.bam").read_bytes()).hexdigest()
        (listed,) = [file for file in session.query(models.File) if file.kind == "vcz"]
        n_listed = session.query(models.FileMember).filter_by(file_id=listed.id).count()
        assert n_listed == listed.n_files > 20
    code, out, _ = bucketed.run(
        "register", "--json", "--sample", "NA12878", "--project", "genomes", "--dataset", "far",
        "-r", str(bucketed.local / "tiny.ref"), *(str(bucketed.local / name) for name in ALL),
    )  # fmt: skip
    assert (code, json.loads(out)["outcome"], json.loads(out)["id"]) == (0, "relocated", far["id"])
    assert bucketed.register(*ALL)["outcome"] == "relocated"
    assert bucketed.register(*ALL)["outcome"] == "unchanged"


def test_register__of_a_bucket_refuses_as_the_disk_does(bucketed):
    client = client_of(bucketed.bucket)
    content = (bucketed.local / "NA12878.bam").read_bytes()
    client.put_object(Bucket=bucketed.bucket, Key="results/cut.bam", Body=content[:-28])
    client.put_object(Bucket=bucketed.bucket, Key="results/broken.vcz/zarr.json", Body=b"{}")
    tiny = ["--sample", "NA12878", "-r", str(bucketed.local / "tiny.ref")]
    for name, sentence in {
        "cut.bam": "cut.bam: has no BGZF end-of-file block",
        "nothing.bam": "no such file or folder; nothing was registered",
    }.items():
        code, _, err = bucketed.run("register", *tiny, bucketed.url(name))
        assert (code, sentence in err) == (3, True), err
    code, _, err = bucketed.run("register", "--strict", *tiny, bucketed.url("broken.vcz"))
    assert (code, "broken.vcz: is a Zarr store, but not one of variants" in err) == (3, True), err


def test_register__of_a_zip_in_a_bucket(bucketed):
    code, out, err = bucketed.run(
        "register", "--json", "--strict", "--sample", "NA12878", "-r", str(bucketed.local / "tiny.ref"),
        "--file", f"vcz={bucketed.url('NA12878.vcz.zip')}",
    )  # fmt: skip
    assert code == 0, err
    with bucketed.world.hub.database.read() as session:
        (row,) = session.query(models.FileContent).filter_by(sha256=json.loads(out)["files"][0]["sha256"])
        assert (row.format, row.facts["compression"]) == ("vcz", "zip")


def arrays(store) -> dict[str, np.ndarray]:
    root = zarr.open_group(store, mode="r")
    return {name: array[...] for name, array in root.arrays()}


def same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


@pytest.mark.parametrize("means", ["link", "token"])
def test_zarr__opens_what_is_given_out(bucketed, means):
    """The real client reads all arrays of a store in a bucket through the hub, as from a disk."""
    world, id = bucketed.world, f"{bucketed.register(*ALL)['id']}.5"
    wanted = arrays(bucketed.local / "NA12878.vcz")
    with world.serve() as address:
        token = {"Authorization": f"Bearer {world.tokens['holder']}"}
        if means == "link":
            url = httpx.get(f"{address}{DRS}/objects/{id}/access/https", headers=token).json()["url"]
            headers = {}
        else:
            url, headers = f"{address}/files/{id}/NA12878.vcz", token
        options = {"allow_http": True, "default_headers": headers}
        store = zarr.storage.ObjectStore(HTTPStore.from_url(url, client_options=options), read_only=True)
        root = zarr.open_group(store, mode="r")
        same({name: root[name][...] for name in wanted}, wanted)
        assert root.attrs.asdict() == zarr.open_group(bucketed.local / "NA12878.vcz", mode="r").attrs.asdict()
        if means == "token":
            strange = {"Authorization": f"Bearer {world.tokens['researcher']}"}
            answers = {
                "nobody": httpx.get(f"{url}/.zattrs"),
                "researcher": httpx.get(f"{url}/.zattrs", headers=strange),
                "no file": httpx.get(f"{url}/nothing/c/0", headers=token),
                "folder": httpx.get(f"{url}/call_genotype", headers=token),
            }
            assert {name: answer.status_code for name, answer in answers.items()} == {
                "nobody": 404, "researcher": 404, "no file": 404, "folder": 404,
            }  # fmt: skip


def test_docs__the_example_runs(bucketed, monkeypatch):
    (code,) = re.findall(r"^```python\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    monkeypatch.setenv("STORE", f"{bucketed.register(*ALL)['id']}.5")
    monkeypatch.setenv("TOKEN", bucketed.world.tokens["holder"])
    with bucketed.world.serve() as address:
        monkeypatch.setenv("HUB", address)
        found: dict = {}
        exec(code, found)
        assert found["root"]["call_genotype"].shape[0] > 300


def test_download__of_a_folder_in_a_bucket(bucketed, tmp_path):
    """Our client fetches the folder by its DRS bundle, each file checked; it holds what the disk holds."""
    from genomehub.hub.client import Hub

    id = f"{bucketed.register(*ALL)['id']}.5"
    with bucketed.world.serve() as address, Hub(address, bucketed.world.tokens["holder"]) as hub:
        path = hub.download(id, tmp_path / "fetched.vcz")
    assert checksum(path).sha256 == checksum(bucketed.local / "NA12878.vcz").sha256
    same(arrays(path), arrays(bucketed.local / "NA12878.vcz"))


def test_htsget__over_a_bucket(bucketed):
    """samtools and bcftools get from the bucket, through the hub, what they get from the disk."""
    id = bucketed.register(*ALL)["id"]
    environment = os.environ | {
        "HTS_ALLOW_UNENCRYPTED_AUTHORIZATION_HEADER": "I understand the risks",
        "HTS_AUTH_LOCATION": str(bucketed.world.folder / "token"),
    }
    (bucketed.world.folder / "token").write_text(bucketed.world.tokens["holder"])

    def lines(*command: str) -> list[str]:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        return done.stdout.splitlines()

    with bucketed.world.serve() as address:
        asked = "referenceName=2&start=3000&end=20000"
        far = lines("samtools", "view", f"{address}/htsget/reads/{id}.1?{asked}")
        near = lines("samtools", "view", str(bucketed.local / "NA12878.bam"), "2:3001-20000")
        assert far == near
        assert len(far) > 30
        far = lines("bcftools", "view", "-H", f"{address}/htsget/variants/{id}.3?{asked}")
        near = lines("bcftools", "view", "-H", "-r", "2:3001-20000", str(bucketed.local / "NA12878.vcf.gz"))
        assert far == near
        assert len(far) > 10


def test_verify__sees_what_changed_in_a_bucket(bucketed, tmp_path):
    id, client = bucketed.register(*ALL)["id"], client_of(bucketed.bucket)
    catalogue = bucketed.world.hub.catalogue
    assert catalogue.verify([id]).holds
    secret = bucketed.world.folder / "hub.secret"
    backup(str(catalogue.location), tmp_path / "kept.tar", secret=secret)
    restore(tmp_path / "kept.tar", str(tmp_path / "again" / "catalogue.sqlite"))
    with Catalogue.open(tmp_path / "again" / "catalogue.sqlite") as again:
        assert again.verify([id]).holds
        with again.database.read() as session:
            assert session.query(models.FileMember).count() > 20

    def states() -> list[str]:
        return [check.state for check in catalogue.verify([id]).failed]

    key = "results/NA12878.vcz/.zattrs"
    content = client.get_object(Bucket=bucketed.bucket, Key=key)["Body"].read()
    client.put_object(Bucket=bucketed.bucket, Key=key, Body=content[:-1] + b" ")
    assert states() == ["content changed"]
    client.put_object(Bucket=bucketed.bucket, Key=key, Body=content[:-1])
    assert states() == ["size changed"]
    holder = bucketed.world.client("holder")
    assert holder.get(f"/files/{id}.5~.zattrs").status_code == 503
    client.delete_object(Bucket=bucketed.bucket, Key=key)
    assert states() == ["size changed"]
    gone = holder.get(f"/files/{id}.5~.zattrs")
    assert gone.status_code == 404
    assert bucketed.bucket not in gone.text
    client.put_object(Bucket=bucketed.bucket, Key=key, Body=content)
    client.delete_object(Bucket=bucketed.bucket, Key="results/NA12878.bam")
    assert states() == ["missing"]


def test_checksums__of_what_an_earlier_version_registered(bucketed):
    """It knows folders without their files, and no MD5; both are made where the content is the same."""
    id = bucketed.register(*ALL)["id"]
    database, client = bucketed.world.hub.database, client_of(bucketed.bucket)
    with database.write() as session:
        session.query(models.FileMember).delete()
        session.query(models.FileContent).delete()
    holder = bucketed.world.client("holder")
    for address in (f"{DRS}/objects/{id}.5", f"/files/{id}.5/NA12878.vcz/.zattrs", f"/files/{id}.5~nothing"):
        refused = holder.get(address)
        assert refused.status_code == 503, "404 would be an empty chunk to those who read Zarr"
        assert bucketed.bucket not in refused.text
    client.put_object(Bucket=bucketed.bucket, Key="results/NA12878.vcz/more", Body=b"more")
    client.delete_object(Bucket=bucketed.bucket, Key="results/NA12878.vcf.gz.tbi")
    code, out, err = bucketed.run("checksums", "--json")
    assert code == 0, err
    assert json.loads(out)["changed"] == [bucketed.url("NA12878.vcz"), bucketed.url("NA12878.vcf.gz.tbi")]
    client.delete_object(Bucket=bucketed.bucket, Key="results/NA12878.vcz/more")
    done = complete(database, bucketed.world.clock())
    assert (done.n_files, [path.name for path in done.changed]) == (1, ["NA12878.vcf.gz.tbi"])
    assert len(holder.get(f"{DRS}/objects/{id}.5").json()["contents"]) > 10
    inside = holder.get(f"/files/{id}.5/NA12878.vcz/.zattrs")
    assert inside.content == (bucketed.local / "NA12878.vcz" / ".zattrs").read_bytes()
    bam = holder.get(f"{DRS}/objects/{id}.1").json()["checksums"]
    assert bam[1]["checksum"] == hashlib.md5((bucketed.local / "NA12878.bam").read_bytes()).hexdigest()


def test_members__are_remembered_with_the_checksum(bucketed, monkeypatch):
    """A second registration reads nothing again, and what is in the folder is known all the same."""
    bucketed.register(*ALL)
    monkeypatch.setattr("genomehub.hub.checksums.checksum", None)
    bucketed.register("NA12878.vcz")
    with bucketed.world.hub.database.read() as session:
        folders = [file.id for file in session.query(models.File) if file.kind == "vcz"]
        counts = {session.query(models.FileMember).filter_by(file_id=one).count() for one in folders}
        assert (len(folders), len(counts)) == (2, 1)
        assert counts.pop() > 20

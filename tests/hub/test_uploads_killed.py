"""The service and the command line are killed (SIGKILL) in the midst; nothing is lost, nothing is half."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from builders import intake
from builders.uploads import OCTETS, TUS, Service, begin, configured, sent
from sqlalchemy import select

from genomehub.hub import models
from genomehub.hub.catalogue import Catalogue
from genomehub.hub.intake.cleaning import clean
from genomehub.hub.intake.uploads import Uploads
from genomehub.hub.uploading import Source, Uploader

pytestmark = pytest.mark.integration


@pytest.fixture
def killed_world(world):
    yield configured(world, references=[intake.reference(world.folder)])
    Service.end_all()


def _fastq(path: Path, n_reads: int) -> Path:
    random.seed(1)
    bases = "".join(random.choices("ACGT", k=100_000))
    with path.open("w") as out:
        for i in range(n_reads):
            start = i * 37 % 99_000
            out.write(f"@r{i}\n{bases[start : start + 150]}\n+\n{'F' * 150}\n")
    return path


def _consistent(world) -> None:
    report = world.hub.catalogue.verify(all_versions=True)
    assert (report.problems, report.holds) == ((), True)


def test_killed_during_upload__goes_on_at_the_right_byte(killed_world):
    world = killed_world
    data = random.Random(2).randbytes(30 * 2**20)
    running = Service(world).start()
    with running.client(world.tokens["holder"]) as client:
        answer = begin(client, "a.fastq", len(data))
        url = answer.headers["location"]

        def slowly():
            for start in range(0, len(data), 1 << 20):
                if start == 20 << 20:
                    running.kill()
                yield data[start : start + (1 << 20)]

        with pytest.raises(httpx.TransportError):
            client.patch(url, headers={**OCTETS, "Upload-Offset": "0"}, content=slowly())
        running.start()
        offset = int(client.head(url, headers=TUS).headers["upload-offset"])
        assert 0 < offset <= 20 << 20
        assert world.hub.catalogue.search(limit=1).total == 2
        rest = client.patch(url, headers={**OCTETS, "Upload-Offset": str(offset)}, content=data[offset:])
        assert rest.headers["upload-offset"] == str(len(data))
    running.kill()
    arrived = Uploads(world.hub.database, world.hub.settings, world.clock).folder
    (path,) = arrived.rglob("a.fastq")
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(data).digest()
    _consistent(world)


def test_killed_during_upload__the_client_goes_on_by_itself(killed_world):
    world = killed_world
    path = _fastq(world.folder / "a.fastq", 100_000)
    running = Service(world).start()
    outcome = {}

    def send():
        with Uploader(running.url, world.tokens["holder"], piece_bytes=1 << 20, patience=60) as uploader:
            outcome.update(uploader.send([Source(path)], "reads", "genomes", {"samples": ["NA12878"]}))

    thread = threading.Thread(target=send)
    thread.start()
    for _ in range(3):
        time.sleep(0.4)
        running.kill()
        running.start()
    thread.join(120)
    running.kill()
    assert outcome["outcome"] == "registered"
    entry = world.hub.catalogue.get(outcome["entry"])
    assert entry.files[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    _consistent(world)


def test_killed_during_complete__whole_or_nothing(killed_world):
    world = killed_world
    path = _fastq(world.folder / "a.fastq", 100_000)
    bam = intake.bam(world.folder / "a.bam")
    running = Service(world).start()
    with running.client(world.tokens["holder"]) as client:
        upload = sent(client, path, bam, Path(f"{bam}.bai"))
        client.post(f"/api/uploads/{upload}/complete", json={"samples": ["NA12878"]})
    for delay in (0.05, 0.4):
        time.sleep(delay)
        running.kill()
        with world.hub.database.read() as session:
            row = session.scalars(select(models.UploadSession)).one()
            n_entries = len(session.scalars(select(models.Entry.id)).all())
            assert (row.state, row.entry_id is None, n_entries) in [
                ("checking", True, 2), ("registered", False, 3),
            ]  # fmt: skip
        running.start()
    with running.client(world.tokens["holder"]) as client:
        until = time.monotonic() + 60
        while (view := client.get(f"/api/uploads/{upload}").json())["state"] == "checking":
            assert time.monotonic() < until
            time.sleep(0.1)
    running.kill()
    assert (view["state"], view["problems"]) == ("registered", [])
    assert len(world.hub.catalogue.get(view["entry"]).files) == 3
    _consistent(world)
    uploads = Uploads(world.hub.database, world.hub.settings, world.clock)
    clean(uploads, older_hours=0)
    assert list(uploads.folder.iterdir()) == []
    assert sorted(uploads.storage.keys("files")) == sorted(
        f"files/{upload}/{name}" for name in ("a.fastq", "a.bam", "a.bam.bai")
    )
    _consistent(world)


def _register(folder: Path, *arguments: str) -> list[str]:
    return [
        sys.executable, "-m", "genomehub", "hub", "register", "--catalogue", str(folder / "c.sqlite"),
        "--json", "--sample", "NA12878", "--threads", "1", *arguments,
    ]  # fmt: skip


def test_killed_during_register__does_not_hash_again(tmp_path):
    """Several files, one after the other: those that were read when it was killed are not read again."""
    Catalogue.create(tmp_path / "c.sqlite", actor="test").close()
    names = []
    for i in range(6):
        path = tmp_path / f"{i}.dat"
        path.write_bytes(os.urandom(1 << 20) * 60)
        names += ["--file", f"data={path}"]
    time.sleep(2.1)  # a file that changed just now is not remembered
    running = subprocess.Popen(_register(tmp_path, *names), stdout=subprocess.DEVNULL)

    def remembered() -> int:
        with Catalogue.open(tmp_path / "c.sqlite") as catalogue, catalogue.database.read() as session:
            return len(session.scalars(select(models.SeenFile.place)).all())

    until = time.monotonic() + 60
    while remembered() < 2:
        assert time.monotonic() < until
        assert running.poll() is None, "it was done before it was killed"
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    n = remembered()
    with Catalogue.open(tmp_path / "c.sqlite") as catalogue:
        assert catalogue.search().total == 0
        assert catalogue.verify().holds
    trace = tmp_path / "trace"
    code = (
        "import sys; from genomehub.hub import checksums; from genomehub import cli\n"
        "real = checksums.checksum\n"
        f"def told(path, advance):\n    open({str(trace)!r}, 'a').write(path.name + '\\n')\n"
        "    return real(path, advance)\n"
        "checksums.checksum = told\n"
        "sys.exit(cli.run(sys.argv[1:]))"
    )
    again = [sys.executable, "-c", code, *_register(tmp_path, *names)[3:]]
    done = json.loads(subprocess.run(again, capture_output=True, check=True).stdout)
    assert done["outcome"] == "registered"
    assert len(trace.read_text().split()) == 6 - n
    with Catalogue.open(tmp_path / "c.sqlite") as catalogue:
        assert catalogue.verify().holds

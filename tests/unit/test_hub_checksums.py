"""Checksums of files and folders: the rule of ``files.sha256``, nothing missing or empty."""

import os
import threading

import pytest

from genomehub import files
from genomehub.errors import InputError, NotFoundError
from genomehub.hub.checksums import Checksum, Reader, checksum, describe_files
from genomehub.types import NoProgress


def _store(folder):
    (folder / "store.vcz" / "b").mkdir(parents=True)
    (folder / "store.vcz" / "b" / "0.0").write_bytes(b"x" * 3_000_000)
    (folder / "store.vcz" / "a").write_bytes(b"")
    (folder / "store.vcz" / "b.c").write_bytes(b"yz")
    return folder / "store.vcz"


def test_checksum__file_and_folder_agree_with_files_sha256(tmp_path):
    store = _store(tmp_path)
    chunk = store / "b" / "0.0"
    assert checksum(chunk) == Checksum(3_000_000, files.sha256(chunk), None)
    assert checksum(store) == Checksum(files.size_bytes(store), files.sha256(store), 3)


def test_checksum__changing_file_is_refused(tmp_path):
    path = tmp_path / "growing.bam"
    path.write_bytes(b"x" * 2_000_000)

    def write_more(n_bytes):
        with path.open("ab") as handle:
            handle.write(b"more")

    with pytest.raises(InputError, match=r"growing\.bam: changed while it was read"):
        checksum(path, write_more)


def test_describe_files__order_kept_and_paths_absolute(tmp_path, monkeypatch):
    store = _store(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    described = describe_files([("vcz", "x/../store.vcz"), ("chunk", "store.vcz/b.c")], threads=2)
    assert [(file.kind, file.path, file.size_bytes, file.n_files) for file in described] == [
        ("vcz", store, 3_000_002, 3),
        ("chunk", store / "b.c", 2, None),
    ]


def test_describe_files__missing(tmp_path):
    with pytest.raises(NotFoundError, match=r"gone\.bam: no such file or folder; nothing was registered"):
        describe_files([("bam", tmp_path / "gone.bam")])


def test_describe_files__empty_file(tmp_path):
    (tmp_path / "empty.bam").touch()
    with pytest.raises(InputError, match=r"empty\.bam: is empty; nothing was registered"):
        describe_files([("bam", tmp_path / "empty.bam")])


def test_describe_files__empty_folder(tmp_path):
    (tmp_path / "empty.vcz" / "a").mkdir(parents=True)
    (tmp_path / "empty.vcz" / "a" / "0").touch()
    with pytest.raises(InputError, match=r"empty\.vcz: is a folder without content"):
        describe_files([("vcz", tmp_path / "empty.vcz")])


def test_describe_files__name_that_is_not_utf8(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.bam"
    with open(path, "wb") as handle:  # noqa: PTH123
        handle.write(b"x")
    with pytest.raises(InputError, match="the name is not UTF-8"):
        describe_files([("bam", os.fsdecode(path))])


def test_describe_files__unreadable(tmp_path, monkeypatch):
    (tmp_path / "secret.bam").write_text("x")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may read everything
    with pytest.raises(InputError, match=r"secret\.bam: may not be read by this user"):
        describe_files([("bam", tmp_path / "secret.bam")])


def test_describe_files__disk_fails(tmp_path, monkeypatch):
    (tmp_path / "bad.bam").write_text("x")

    def fail(path, advance):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("genomehub.hub.checksums.checksum", fail)
    with pytest.raises(InputError, match=r"bad\.bam: cannot be read \(Input/output error\)"):
        describe_files([("bam", tmp_path / "bad.bam")])


class _Told(NoProgress):
    def __init__(self):
        self.told = []

    def start(self, task, total, unit):
        self.told.append((task, total, unit))

    def advance(self, amount):
        self.told.append(amount)

    def finish(self):
        self.told.append("done")


@pytest.mark.parametrize("threads", [1, 2])
def test_reader__progress_in_whole_megabytes(tmp_path, threads):
    progress = _Told()
    described = describe_files([("vcz", _store(tmp_path))] * 2, threads=threads, progress=progress)
    assert described[0] == described[1]
    assert progress.told[0] == ("checksums", 7, "MB")
    assert progress.told[-1] == "done"
    assert sum(progress.told[1:-1]) == 6


def test_reader__error_drops_what_has_not_begun():
    begun, go = [], threading.Event()

    def work(item, advance):
        begun.append(item)
        if item == 0:
            raise InputError("first")
        go.wait(0.01)

    with pytest.raises(InputError, match="first"), Reader("x", 1) as reader:
        reader.map(work, range(1000))
    assert len(begun) < 1000

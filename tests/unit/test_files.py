"""Outputs appear whole or not at all."""

import errno
import os

import pytest

from genomehub import files
from genomehub.errors import InputError, NotFoundError, ResourceError


def test_atomic_output__file_appears_at_the_end(tmp_path):
    target = tmp_path / "deep" / "out.vcf.gz"
    with files.atomic_output(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.name.endswith(".vcf.gz")
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["out.vcf.gz"]


def test_atomic_output__failure_leaves_the_former_file(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("former")

    def write_half():
        with files.atomic_output(target) as temporary:
            temporary.write_text("half")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        write_half()
    assert target.read_text() == "former"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_atomic_output__folder_replaces_folder(tmp_path):
    target = tmp_path / "store.vcz"
    for content in ("first", "second"):
        with files.atomic_output(target) as temporary:
            temporary.mkdir()
            (temporary / "array").write_text(content)
    assert (target / "array").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["store.vcz"]


def test_atomic_output__disk_full(tmp_path):
    with (
        pytest.raises(ResourceError, match=r"out\.bam: no space left .* free some space"),
        files.atomic_output(tmp_path / "out.bam"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_require_writable_parent__a_file_in_the_way(tmp_path):
    (tmp_path / "results").write_text("not a folder")
    with pytest.raises(ResourceError, match="results: cannot be written"):
        files.require_writable_parent(tmp_path / "results" / "out.bam")


def test_require_file__missing_and_folder(tmp_path):
    with pytest.raises(NotFoundError, match="no such FASTQ file"):
        files.require_file(tmp_path / "R1.fastq.gz", "FASTQ file")
    with pytest.raises(InputError, match="is a folder"):
        files.require_file(tmp_path)


def test_sha256__folder_depends_on_names_and_contents(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "a").write_bytes(b"x")
    assert files.sha256(one) == files.sha256(two)
    assert files.size_bytes(one) == 1
    (two / "sub" / "a").rename(two / "sub" / "b")
    assert files.sha256(one) != files.sha256(two)


def test_forget_pages__the_file_stays(tmp_path):
    path = tmp_path / "x.npy"
    path.write_bytes(b"abc" * 10_000)
    files.forget_pages(path)
    assert path.read_bytes() == b"abc" * 10_000

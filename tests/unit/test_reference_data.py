"""reference_data/: every file is listed with its source, and is what the manifest says."""

import csv
from pathlib import Path

from genomehub.files import sha256

FOLDER = Path(__file__).parents[2] / "reference_data"
#: Our own configuration, texts and script, and indexes that tools write beside the data.
NOT_LISTED = {".md", ".yaml", ".json", ".py", ".tsv", ".fai", ".gzi"}


def manifest() -> list[dict[str, str]]:
    with (FOLDER / "MANIFEST.tsv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_manifest__lists_every_file():
    listed = [row["file"] for row in manifest()]
    there = {
        path.relative_to(FOLDER).as_posix()
        for path in FOLDER.rglob("*")
        if path.is_file() and path.suffix not in NOT_LISTED and path.parent.name != "__pycache__"
    }
    assert len(listed) == len(set(listed))
    assert set(listed) == there


def test_manifest__every_cell_is_filled():
    for row in manifest():
        assert list(row) == ["file", "source", "version", "licence", "sha256", "command"]
        assert all(row.values()), row


def test_manifest__checksums_are_true():
    for row in manifest():
        assert sha256(FOLDER / row["file"]) == row["sha256"], row["file"]


def test_reference_data__stays_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 10_000_000

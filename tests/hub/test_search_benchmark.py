"""benchmarks/hub_search.py from end to end on a small catalogue: does it run, not how quickly."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "hub_search.py"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_benchmark(tmp_path, database):
    n = 2000 if database == "sqlite" else 300
    command = [sys.executable, str(PROGRAM), "--datasets", str(n), "--requests", "60"]
    command += ["--json", str(tmp_path / "rows.jsonl"), *(["--postgresql"] if database != "sqlite" else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "all searches" in done.stdout
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {(row["task"], row["database"]) for row in rows} == {("hub.search", database)}
    (row,) = [row for row in rows if row["kind"] == "all searches"]
    assert (row["requests"], row["input"]) == (60, f"{n} data sets")
    assert 0 < row["p50_seconds"] <= row["p95_seconds"] <= row["p99_seconds"] <= row["max_seconds"]

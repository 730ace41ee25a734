"""Real reads lie where bwa mem puts them: the benchmark's own figure, held to the project's mark."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "alignment_agreement.py"


@pytest.mark.parity
def test_alignment_agreement__na12878_slice():
    result = subprocess.run(
        [sys.executable, str(BENCHMARK), "--json", "-"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    row = json.loads(result.stdout)
    assert row["reads"] == 51_678
    assert row["bwa_sure"] > 51_000
    assert row["near_percent"] >= 99.7
    assert row["near_and_sure_percent"] >= 99.5
    assert row["same_score_percent"] >= 99.5
    assert row["same_quality_percent"] >= 99.3

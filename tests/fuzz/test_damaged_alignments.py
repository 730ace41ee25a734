"""Hundreds of damaged BAM, CRAM and index files under the caller: calls that fit the store, or one sentence.

Never another exception, a crash or a hang. Seeds are fixed; a failure names kind and seed, and
``builders.fuzzing_call.run_call_cases(kind, whole, [seed], ...)`` repeats it.
"""

import pytest
from builders import alignment_files as build
from builders.fuzz_run import run_for
from builders.fuzzing_call import SEQUENCE, diploid, run_call_cases

CASES = {"records": 600, "blocks": 400, "bai": 300, "cram": 80, "crai": 80}
_SECONDS = 40


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Bytes of each whole file, and the reference's folder."""
    folder = tmp_path_factory.mktemp("whole")
    reference = build.make_reference(folder / "ref", {"1": SEQUENCE})
    head, reads = diploid()
    bam = build.write_bam(folder / "a.bam", head, reads)
    cram = build.write_cram(folder / "a.cram", head, reads, reference)
    paths = {"bam": bam, "bai": f"{bam}.bai", "cram": cram, "crai": f"{cram}.crai"}
    return {name: (folder / path).read_bytes() for name, path in paths.items()}, folder / "ref"


def test_damaged_files__calls_or_a_sentence(whole, tmp_path):
    files, reference = whole
    called = run_for(_SECONDS, run_call_cases, CASES, dict.fromkeys(CASES, files), tmp_path, reference)
    assert called["records"], called
    assert called["bai"], called

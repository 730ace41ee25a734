"""Hundreds of damaged BAM, CRAM and index files under the caller: calls that fit the store, or one sentence.

Never another exception, a crash or a hang. Seeds are fixed; a failure names kind and seed, and
``builders.fuzzing_call.run_call_cases(kind, whole, [seed], ...)`` repeats it.
"""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest
from builders import alignment_files as build
from builders.fuzzing_call import SEQUENCE, diploid, run_call_cases

_CASES_PER_TASK = 20
CASES = {"records": 600, "blocks": 400, "bai": 300, "cram": 80, "crai": 80}
#: No task starts after so many seconds, so that a slow machine does fewer cases instead of taking longer.
_SECONDS = 40
_LEAST = 0.1
_TASKS_AT_A_TIME = 6


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
    tasks = [
        (kind, files, range(start, min(start + _CASES_PER_TASK, n)), tmp_path / f"{kind}.{start}", reference)
        for kind, n in CASES.items()
        for start in range(0, n, _CASES_PER_TASK)
    ]
    tasks.sort(key=lambda task: task[2].start)  # a bit of every kind first
    called, n_cases, end = dict.fromkeys(CASES, 0), 0, None
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for first in range(0, len(tasks), _TASKS_AT_A_TIME):
            if end is not None and time.monotonic() > end:
                break
            batch = tasks[first : first + _TASKS_AT_A_TIME]
            try:
                for task, n in zip(batch, pool.map(run_call_cases, *zip(*batch, strict=True)), strict=True):
                    called[task[0]] += n
                    n_cases += len(task[2])
            except BrokenProcessPool:
                started = [path.read_text() for path in tmp_path.rglob("started")]
                pytest.fail(f"a process crashed or hung in one of: {', '.join(started[-_TASKS_AT_A_TIME:])}")
            end = end or time.monotonic() + _SECONDS  # kernels are loaded by the first tasks
    print(f"{n_cases} damaged files; called: {called}")
    assert n_cases > _LEAST * sum(CASES.values())
    assert called["records"], called
    assert called["bai"], called

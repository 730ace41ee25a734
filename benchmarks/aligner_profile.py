"""Where the CPU time of genomehub align goes, stage by stage.

    python benchmarks/aligner_profile.py GENOME.ref R1.fq.gz R2.fq.gz OUT.bam     prints JSON

The pipeline itself runs, with one thread, in a process of its own. The functions in STAGES are wrapped by
clocks that count the CPU time of the calling thread: what a function calls that has a clock of its own is not
in its figure. What no clock saw (scheduling, Python between stages) is "rest"; "start-up" is everything
before the pipeline is called: the interpreter, imports, kernels from the cache.
"""

import collections
import functools
import importlib
import json
import operator
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

#: Stage, module in which the pipeline looks the function up, name there.
STAGES = (
    ("inflate", "genomehub.formats.bgzf", "ByteSource.read_into"),
    ("parse FASTQ", "genomehub.formats.fastq", "_make_batch"),
    ("both strands", "genomehub.align.mapper", "orient_reads"),
    ("seeds and chains", "genomehub.align.mapper", "chain_reads"),
    ("extension", "genomehub.align.mapper", "extend_candidates"),
    ("mate rescue", "genomehub.align.mapper", "rescue_mates"),
    ("pairing and MAPQ", "genomehub.align.mapper", "rank"),
    ("pairing and MAPQ", "genomehub.align.mapper", "choose"),
    ("placement", "genomehub.align.mapper", "_place"),
    ("encode records", "genomehub.formats.bam", "encode_batch"),
    ("spill", "genomehub.pipeline.align_tasks", "cut_records"),
    ("spill", "genomehub.pipeline.align_tasks", "cut_rows"),
    ("spill", "genomehub.store.alignments", "BinStore.add"),
    ("spill", "genomehub.store.alignments", "BinStore.seal"),
    ("duplicates", "genomehub.align.duplicates", "template_marks"),
    ("duplicates", "genomehub.align.duplicates", "places"),
    ("duplicates", "genomehub.align.duplicates", "decide"),
    ("sort", "genomehub.pipeline.align_tasks", "finish_bin"),
    ("deflate", "genomehub.formats.bgzf", "compress"),
    ("index the BAM", "genomehub.formats.bai", "IndexBuilder.add"),
    ("index the BAM", "genomehub.formats.bai", "IndexBuilder.index"),
    ("write", "genomehub.pipeline.align_output", "SortedBins._write_bam"),
)
START_UP, REST = "start-up", "rest"


class Clocks:
    """CPU seconds of each stage; a thread has one stage at a time, that of the innermost wrapped call."""

    def __init__(self) -> None:
        self.seconds: collections.Counter[str] = collections.Counter()
        self.raised: collections.Counter[str] = collections.Counter()  # peak memory, bytes
        self.peak = peak_rss()
        self._lock = threading.Lock()
        self._local = threading.local()

    def _switch(self, enter: str | None) -> None:
        """Charge what has passed to the running stage; begin another or return to the one before."""
        now = time.thread_time()
        stack: list[str] = self._local.__dict__.setdefault("stack", [])
        if stack:
            with self._lock:
                self.seconds[stack[-1]] += now - self._local.since
                peak = peak_rss()
                self.raised[stack[-1]] += peak - self.peak
                self.peak = peak
        if enter is None:
            stack.pop()
        else:
            stack.append(enter)
        self._local.since = now

    def wrap(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Clock a function, or each step of the generator that it returns."""

        @functools.wraps(function)
        def clocked(*arguments: Any, **options: Any) -> Any:
            self._switch(stage)
            try:
                answer = function(*arguments, **options)
            finally:
                self._switch(None)
            return self._steps(stage, answer) if isinstance(answer, Iterator) else answer

        return clocked

    def _steps(self, stage: str, iterator: Iterator[Any]) -> Iterator[Any]:
        while True:
            self._switch(stage)
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self._switch(None)
            yield item


def peak_rss() -> int:
    """Largest resident memory of this process so far, bytes."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def install(clocks: Clocks, stages: Sequence[tuple[str, str, str]] = STAGES) -> list[str]:
    """Put clocks around the functions; return the names that are not there (any more)."""
    missing = []
    for stage, module, name in stages:
        owner_name, _, attribute = name.rpartition(".")
        try:
            owner = importlib.import_module(module)
            owner = operator.attrgetter(owner_name)(owner) if owner_name else owner
            setattr(owner, attribute, clocks.wrap(stage, getattr(owner, attribute)))
        except (ImportError, AttributeError):
            missing.append(f"{module}.{name}")
    return missing


def profile(reference: Path, reads: Sequence[Path], folder: Path) -> dict[str, Any]:
    """Profile an alignment in a process of its own; kernels should be compiled before.

    Returns
    -------
    row : ``stages``, CPU seconds by stage; ``per_million_pairs``, the same for 10^6 pairs, without
        start-up; ``seconds``, all of the process; ``pairs``; ``missing``, names in STAGES that the pipeline
        lacks: their time is in the stage around them or in "rest"; ``peak_rss_bytes`` of the process, and
        ``raised_bytes``, by how much each stage raised it
    """
    command = [sys.executable, __file__, *map(str, (reference, *reads, folder / "profile.bam"))]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    row: dict[str, Any] = json.loads(answer.splitlines()[-1])
    millions = row["pairs"] / 1e6
    rates = {stage: seconds / millions for stage, seconds in row["stages"].items() if stage != START_UP}
    return {
        "task": "aligners.profile",
        "aligner": "genomehub",
        "threads": 1,
        **row,
        "per_million_pairs": rates,
    }


def _main(reference: str, read1: str, read2: str, output: str) -> None:
    from genomehub.config import SortConfig
    from genomehub.formats.fastq import Lane, default_read_group
    from genomehub.pipeline import align

    clocks = Clocks()
    missing = install(clocks)
    lane = Lane(default_read_group(read1, "S", "S", "ILLUMINA"), read1, read2)
    started, clocks.peak = time.process_time(), peak_rss()
    start_rss = clocks.peak
    summary = align.align(reference, [lane], output, sort_config=SortConfig(level=1), threads=1)
    total = time.process_time()
    stages = {START_UP: started, **{stage: clocks.seconds[stage] for stage, _, _ in STAGES}}
    stages[REST] = total - sum(stages.values())
    raised = {START_UP: start_rss, **{stage: clocks.raised[stage] for stage, _, _ in STAGES}}
    raised[REST] = peak_rss() - sum(raised.values())
    row = {"pairs": summary.reads // 2, "seconds": total, "stages": stages, "missing": missing}
    row |= {"peak_rss_bytes": peak_rss(), "raised_bytes": raised}
    print(json.dumps(row))


if __name__ == "__main__":
    _main(*sys.argv[1:])

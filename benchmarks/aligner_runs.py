"""Runs of aligners on one data set, each measured once and remembered in a folder.

A measurement is a JSON file that also holds what it depends on: the aligner's version and the settings. While
those are the same it is read and not taken again.
"""

import gzip
import itertools
import json
import shlex
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import placement
from aligner_commands import ALIGNERS, BWA_MEM3_INDEX, INDEX_SOURCES, OURS, identity
from measure import measure, once

#: Pairs of the input that shows what start-up costs, and of the one that compiles our kernels before.
_TINY_PAIRS, _WARM_UP_PAIRS = 50, 20_000


class Dataset(NamedTuple):
    """A genome and pairs of reads.

    name : in tables and file names
    fasta : plain, gzipped or bgzipped
    reads : R1 and R2, gzipped; none where only indexes are wanted
    """

    name: str
    fasta: Path
    reads: tuple[Path, ...]

    def has_truth(self) -> bool:
        """Whether the reads' names tell where they come from."""
        with gzip.open(self.reads[0], "rt") as file:
            return placement.names_truth(file.readline()[1:].split()[0])

    def n_pairs(self) -> int:
        """Count the pairs."""
        with gzip.open(self.reads[0]) as file:
            return sum(1 for _ in file) // 4

    def read_length(self) -> int:
        """Bases of the first read."""
        with gzip.open(self.reads[0]) as file:
            return len(list(itertools.islice(file, 2))[1].strip())


class Runs:
    """Indexes, BAM files and measurements of one data set.

    Parameters
    ----------
    data : Dataset
    folder : for everything; indexes are shared between data sets of one genome
    bwa_mem3_index : prefix of an index for bwa-mem3; None makes one of bwa's
    say : called with what is going on
    """

    def __init__(
        self, data: Dataset, folder: Path, bwa_mem3_index: Path | None, say: Callable[[str], None]
    ) -> None:
        self.data, self._say, self._bwa_mem3_index = data, say, bwa_mem3_index
        self.folder = folder.resolve() / "runs" / data.name
        self.folder.mkdir(parents=True, exist_ok=True)
        size = data.fasta.stat().st_size
        self._genome = folder.resolve() / "indexes" / f"{data.fasta.parent.name}-{data.fasta.name}-{size}"
        self._identities: dict[str, str] = {}
        self._is_warm = False

    # --- what is measured -----------------------------------------------------------------------------------
    def index(self, name: str, threads: int) -> dict[str, Any] | None:
        """Build an index, unless it is there; return what it cost, None if the aligner builds none itself."""
        if not ALIGNERS[name].build:
            return None
        folder = self.index_folder(name)

        def build() -> dict[str, Any]:
            folder.mkdir(parents=True, exist_ok=True)
            if name == OURS:
                self._compile_index()
            script = ALIGNERS[name].build.format(
                fasta=shlex.quote(str(self._plain_fasta())), index=shlex.quote(str(folder)), threads=threads,
                read_length=self.data.read_length() if self.data.reads else 150,
            )  # fmt: skip
            usage = measure(script, folder / "build.log")
            size = sum(path.stat().st_size for path in folder.rglob("*") if not path.is_symlink())
            return {**_seconds(usage._asdict()), "output_bytes": size}

        kept = folder / f"build.t{threads}.json"
        usage = self._once(kept, self._index_depends(name), f"{name}: index, {threads} thread(s)", build)
        row = {"task": "aligners.index", "input": self.data.name, "aligner": name, "threads": threads}
        return {**row, "aligner_version": self.identity(name), **usage}

    def align(self, name: str, threads: int, repeat: int) -> dict[str, Any]:
        """Align all reads; return what that cost."""
        kept = self.folder / f"{name}.t{threads}.{repeat}.json"
        if not self.bam(name).exists():
            kept.unlink(missing_ok=True)
        return self._once(
            kept,
            self._depends(name),
            f"{name}: {threads} thread(s), repeat {repeat + 1}",
            lambda: self._align(name, threads, self.data.reads, self.bam(name)),
        )

    def speed(self, name: str, threads: int, repeats: int) -> dict[str, Any]:
        """Summarise the repeats, with start-up apart.

        Returns
        -------
        row : ``seconds`` is the least CPU time of the repeats and ``seconds_median`` their median, start-up
            included; ``fixed_seconds`` is the least of two runs on 50 pairs; ``per_million_pairs`` is
            (seconds - fixed_seconds) for 10^6 pairs, None where that is less than start-up
        """
        usages = [self.align(name, threads, repeat) for repeat in range(repeats)]
        fixed = min(self._start_up(name, threads, repeat)["seconds"] for repeat in range(2))
        seconds = [usage["seconds"] for usage in usages]
        variable = min(seconds) - fixed
        n_pairs = self._once(self.folder / "pairs.json", self._reads_depend(), "", self._count)["pairs"]
        return {
            "task": "aligners.align",
            "input": self.data.name,
            "aligner": name,
            "aligner_version": self.identity(name),
            "threads": threads,
            "pairs": n_pairs,
            "seconds": min(seconds),
            "seconds_median": statistics.median(seconds),
            "all_seconds": seconds,
            "wall_seconds": min(usage["wall_seconds"] for usage in usages),
            "peak_rss_bytes": max(usage["peak_rss_bytes"] for usage in usages),
            "fixed_seconds": fixed,
            "per_million_pairs": variable / n_pairs * 1e6 if variable > fixed else None,
            "output_bytes": usages[-1]["output_bytes"],
        }

    def accuracy(self, name: str) -> dict[str, Any]:
        """Placement of the reads in the aligner's last BAM."""
        scored = self._once(
            self.folder / f"{name}.placement.json",
            self._depends(name),
            f"{name}: placement",
            lambda: placement.summary(placement.score(self.bam(name))),
        )
        row = {"task": "aligners.accuracy", "input": self.data.name, "aligner": name}
        return {**row, "aligner_version": self.identity(name), **scored}

    def warm_up(self) -> None:
        """Align the reads' beginning with genomehub, so that its kernels are compiled; once a program."""
        if not self._is_warm:
            self._is_warm = True
            self._say(f"{OURS}: compiling")
            self._align(OURS, 1, self._head(_WARM_UP_PAIRS), self.folder / "warm.bam")

    # --- where things are -----------------------------------------------------------------------------------
    def bam(self, name: str) -> Path:
        """The BAM of an aligner."""
        return self.folder / f"{name}.bam"

    def require_index(self, name: str) -> Path:
        """An aligner's index, built on one thread unless there is one."""
        if name == "bwa-mem3":
            return self._bwa_mem3_index or self._convert_bwa_index()
        depends = self._index_depends(name)
        kept = self.index_folder(name).glob("build.t*.json")
        if not any(json.loads(path.read_text())["depends"] == depends for path in kept):
            self.index(name, 1)
        return self.index_folder(name)

    def index_folder(self, name: str) -> Path:
        """The folder of an aligner's index, whether or not it is there."""
        return self._genome / name

    def identity(self, name: str) -> str:
        """Version of an aligner, asked once."""
        if name not in self._identities:
            self._identities[name] = identity(name)
        return self._identities[name]

    # --- within ---------------------------------------------------------------------------------------------
    def _convert_bwa_index(self) -> Path:
        """The prefix of an index for bwa-mem3, made of bwa's."""
        prefix = self.require_index("bwa") / "genome.fa"
        self._once(
            prefix.with_name("bwa-mem3.json"),
            self._index_depends("bwa"),
            "bwa-mem3: index of bwa-mem2's format from bwa's",
            lambda: measure(
                BWA_MEM3_INDEX.format(prefix=shlex.quote(str(prefix))), prefix.with_name("bwa-mem3.log")
            )._asdict(),
        )
        return prefix

    def _index_depends(self, name: str) -> dict[str, Any]:
        return {"aligner": identity(name, INDEX_SOURCES)}

    def _align(self, name: str, threads: int, reads: tuple[Path, ...], bam: Path) -> dict[str, Any]:
        if name == OURS:
            self.warm_up()
        index = self.require_index(name)
        script = ALIGNERS[name].align.format(
            index=shlex.quote(str(index)), reads=shlex.join(map(str, reads)), bam=shlex.quote(str(bam)),
            threads=threads, more_threads=threads - 1,
        )  # fmt: skip
        usage = measure(script, bam.with_suffix(".log"))
        return {**_seconds(usage._asdict()), "output_bytes": bam.stat().st_size}

    def _start_up(self, name: str, threads: int, repeat: int) -> dict[str, Any]:
        return self._once(
            self.folder / f"{name}.t{threads}.start{repeat}.json",
            self._depends(name),
            f"{name}: start-up",
            lambda: self._align(name, threads, self._head(_TINY_PAIRS), self.folder / f"{name}.tiny.bam"),
        )

    def _compile_index(self) -> None:
        """Build a reference of hardly any length, so that compilation is not in the measured build."""
        fasta = self.folder / "tiny.fa"
        fasta.write_text(">tiny\n" + "".join("ACGT"[(i * i + i // 7) % 4] for i in range(20_000)) + "\n")
        folder = self.folder / "tiny.index"
        folder.mkdir(exist_ok=True)
        quoted = {"fasta": shlex.quote(str(fasta)), "index": shlex.quote(str(folder)), "threads": 1}
        measure(ALIGNERS[OURS].build.format(**quoted), self.folder / "tiny.log")

    def _head(self, n_pairs: int) -> tuple[Path, ...]:
        """The first pairs of the reads as files."""
        heads = []
        for end, path in enumerate(self.data.reads, start=1):
            head = self.folder / f"first{n_pairs}_R{end}.fq.gz"
            if not head.exists():
                with gzip.open(path) as source, gzip.open(head, "wb", 1) as out:
                    out.writelines(itertools.islice(source, 4 * n_pairs))
            heads.append(head)
        return tuple(heads)

    def _plain_fasta(self) -> Path:
        """The genome without compression."""
        if self.data.fasta.suffix != ".gz":
            return self.data.fasta.resolve()
        plain = self._genome / "genome.fa"
        if not plain.exists():
            with gzip.open(self.data.fasta) as source, plain.with_suffix(".part").open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
            plain.with_suffix(".part").rename(plain)
        return plain

    def _count(self) -> dict[str, int]:
        return {"pairs": self.data.n_pairs()}

    def _reads_depend(self) -> dict[str, Any]:
        return {"reads": [[str(path.resolve()), path.stat().st_size] for path in self.data.reads]}

    def _depends(self, name: str) -> dict[str, Any]:
        return {"aligner": self.identity(name), **self._reads_depend()}

    def _once(
        self, path: Path, depends: dict[str, Any], what: str, work: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Read a result, or make and keep it."""
        return once(path, depends, work, (lambda: self._say(what)) if what else (lambda: None))


def _seconds(usage: dict[str, Any]) -> dict[str, Any]:
    """Usage under the names of the history's rows."""
    usage = dict(usage)
    return {"seconds": usage.pop("core_seconds"), **usage}

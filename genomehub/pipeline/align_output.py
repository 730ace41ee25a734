"""Bins of aligned records to one BAM or CRAM file and its index: the last round of an alignment."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genomehub.config import SortConfig
from genomehub.files import atomic_output, os_error
from genomehub.formats import bam, bgzf
from genomehub.formats.bai import IndexBuilder, scheme_of
from genomehub.formats.cram_header import join_pieces
from genomehub.pipeline.align_tasks import CramTask, FinishTask, SplitTask, marks_width
from genomehub.pipeline.workers import Workers
from genomehub.store.alignments import (
    BinJob,
    BinLayout,
    BinStore,
    FinishedBin,
    bin_jobs,
    gather_jobs,
    is_deep,
)
from genomehub.store.reference import Reference
from genomehub.types import Progress


class SortedBins(NamedTuple):
    """What the output is made of.

    records : bins of spilled records
    duplicates : file of the bits of duplicates
    header : SAM header of the output
    """

    reference: Reference
    records: BinStore
    duplicates: Path
    config: SortConfig
    header: str
    progress: Progress

    def publish(self, workers: Workers, output: Path, folder: Path) -> None:
        """Write BAM or CRAM and index under temporary names; the index gets its name first.

        ``folder`` is for pieces on their way. Raises ResourceError if the disk is full.
        """
        index = Path(f"{output}{bam.index_suffix(output, self.reference.contigs)}")
        with atomic_output(output) as path, atomic_output(index) as index_path:
            try:
                if path.suffix == ".bam":
                    index_path.write_bytes(self._write_bam(workers, path))
                else:
                    self._write_cram(workers, path, index_path, folder)
            except OSError as error:
                raise os_error(output, error) from error

    def _write_bam(self, workers: Workers, path: Path) -> bytes:
        """Finish all bins, write them as one BAM file and return its index (BAI or CSI)."""
        index = IndexBuilder(len(self.reference.contigs), scheme_of(self.reference.contigs))
        with path.open("wb") as handle:
            handle.writelines(self._header_blocks())
            for _, finished in self._finished(workers):
                index.add(finished.index_part, handle.tell())
                handle.writelines(finished.blocks)
            end = handle.tell()
            handle.write(bgzf.EOF_BLOCK)
        return index.index(end)

    def _write_cram(self, workers: Workers, path: Path, index: Path, folder: Path) -> None:
        """Write BAM files of wide bins, encode them side by side, and join the containers."""
        pieces = self._write_pieces(workers, folder)
        self.progress.start("writing CRAM", len(pieces), "pieces")
        encoded = workers.map(CramTask(str(self.reference.path), self.config.cram_level), pieces)
        join_pieces(_consumed(encoded, self.progress), path, self.header)
        bam.index_cram(path, index)
        self.progress.finish()

    def _write_pieces(self, workers: Workers, folder: Path) -> list[Path]:
        """Finish all bins and write them as BAM files of the width of duplicate bins, in order."""
        width = marks_width(self.config)
        paths = []
        groups = itertools.groupby(self._finished(workers), key=lambda item: item[0].start // width)
        for number, group in groups:
            paths.append(folder / f"{number:07d}.bam")
            with paths[-1].open("wb") as handle:
                handle.writelines(self._header_blocks())
                for _, finished in group:
                    handle.writelines(finished.blocks)
                handle.write(bgzf.EOF_BLOCK)
        return paths

    def _header_blocks(self) -> list[bytes]:
        header = bam.header_bytes(self.header, self.reference.contigs)
        return bgzf.compress(np.frombuffer(header, dtype=np.uint8), self.config.level)

    def _finished(self, workers: Workers) -> Iterator[tuple[BinJob, FinishedBin]]:
        """Bins in order; the file of each is removed when the next one is asked for."""
        jobs = self._jobs(workers)
        task = FinishTask(
            str(self.reference.path),
            str(self.duplicates),
            self.config.duplicate_tags,
            scheme_of(self.reference.contigs),
            self.config.level,
        )
        self.progress.start("sorting and writing", len(jobs), "bins")
        gathered = gather_jobs(jobs)
        for some, results in zip(gathered, workers.map(task, gathered), strict=True):
            for job, finished in zip(some, results, strict=True):
                yield job, finished
                Path(job.path).unlink()
                self.progress.advance(1)
        self.progress.finish()

    def _jobs(self, workers: Workers) -> list[BinJob]:
        """Jobs that finish the bins, deep ones in parts."""
        layout = BinLayout.of(self.reference.bases, self.config.bin_bp)
        jobs = bin_jobs(self.records, layout)
        deep = [job for job in jobs if is_deep(job)]
        parts = dict(zip(deep, workers.map(SplitTask(layout), deep), strict=True))
        return [part for job in jobs for part in parts.get(job, [job])]


def _consumed(paths: Iterator[Path], progress: Progress) -> Iterator[Path]:
    """Files that are removed when the next one is asked for."""
    for path in paths:
        yield path
        path.unlink()
        progress.advance(1)

"""Reads in a notebook to places on a reference: the engine of ``genomehub align`` behind one class.

What users import as ``genomehub.align.Aligner``. It opens or builds the reference, makes batches of texts and
tuples of rows; the work in between is align/mapper.py. Files of alignments are made by pipeline/align.py.
"""

import itertools
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genomehub.align.mapper import estimate_insert_sizes, map_batch
from genomehub.align.pairing import model_of
from genomehub.align.pairwise import cigar_text, sequence_codes
from genomehub.config import AlignConfig
from genomehub.errors import ConfigError, NotFoundError
from genomehub.formats import bam
from genomehub.formats.fastq import Lane, read_batches
from genomehub.kernels.encode import CODE_TO_ASCII
from genomehub.pipeline.reference import build_reference
from genomehub.store.reference import Reference
from genomehub.types import AlignmentBatch, Flag, InsertSizeModel, ReadBatch, ReadGroup

_NO_GROUP = ReadGroup("1", "1", "1")
_COMPLEMENT = str.maketrans("ACGTRYKMBDHVacgtrykmbdhv", "TGCAYRMKVHDBtgcayrmkvhdb")
_CIGAR = re.compile(r"(\d+)([MIDNSHP=X])")
_OPERATIONS = "MIDNSHP=X"


class Alignment(NamedTuple):
    """A place of a read.

    contig, contig_length : name and bp of the contig
    start, end : 0-based, half-open, on the forward strand of the contig
    strand : 1 or -1
    mapping_quality : Phred, 0-60
    cigar : on the forward strand, with soft clips (S), or hard ones (H) of supplementary alignments
    edit_distance, md : NM and MD of SAM
    score, second_score : AS, and XS: the best score at another place, 0 if none was found
    query_start, query_end : aligned part of the read as it was given, 0-based, half-open
    read_number : 1, or 2 for the second mate
    is_primary, is_supplementary : a read that lies in parts has one primary alignment. One that is neither is
        another place of the read (XA of SAM): AlignConfig.max_other_places bounds them
    is_proper_pair, template_length : whether the mates face each other as expected, and TLEN (0: unknown)
    flag : the whole SAM FLAG
    """

    contig: str
    contig_length: int
    start: int
    end: int
    strand: int
    mapping_quality: int
    cigar: str
    edit_distance: int
    md: str
    score: int
    second_score: int
    query_start: int
    query_end: int
    read_number: int
    is_primary: bool
    is_supplementary: bool
    is_proper_pair: bool
    template_length: int
    flag: int

    @property
    def cigar_tuples(self) -> list[tuple[int, int]]:
        """The CIGAR as (operation, length), numbered as in SAM: M 0, I 1, D 2, N 3, S 4, H 5."""
        return [(_OPERATIONS.index(op), int(length)) for length, op in _CIGAR.findall(self.cigar)]


class Aligner:
    """Places reads on a reference; threads may share one.

    Parameters
    ----------
    reference : directory that ``genomehub reference build`` made (opens at once, memory-mapped); or a FASTA
        file, or sequences by name: these are indexed first, in the temporary folder, which suits small ones
    insert_sizes : outer distances of mates; without it ``map`` takes the configuration's default and
        ``map_many`` and ``map_fastq`` estimate it from their first batch of pairs
    config : AlignConfig

    Attributes
    ----------
    seq_names : names of the contigs, in the reference's order
    insert_sizes : as given, or None

    Raises
    ------
    NotFoundError, StoreError, InputError
        The reference is missing, damaged or malformed.

    Examples
    --------
    >>> import random
    >>> genome = "".join(random.Random(1).choices("ACGT", k=5000))
    >>> aligner = Aligner({"chr1": genome})
    >>> hit, = aligner.map(genome[1000:1100])
    >>> hit.contig, hit.start, hit.end, hit.strand, hit.mapping_quality, hit.cigar
    ('chr1', 1000, 1100, 1, 60, '100M')
    """

    def __init__(
        self,
        reference: str | os.PathLike[str] | Mapping[str, str],
        insert_sizes: InsertSizeModel | None = None,
        config: AlignConfig | None = None,
    ) -> None:
        self.insert_sizes = insert_sizes
        self._config = config or AlignConfig()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if isinstance(reference, Mapping) or Path(reference).is_file():
            self._folder = tempfile.TemporaryDirectory(prefix="genomehub-aligner-")
            self._reference = _build(reference, Path(self._folder.name))
        else:
            self._reference = Reference.open(reference)
        self._texts = bam.record_texts(self._reference.contigs, _NO_GROUP)

    @property
    def seq_names(self) -> list[str]:
        """Names of the contigs, in the reference's order."""
        return [contig.name for contig in self._reference.contigs]

    def seq(self, name: str, start: int = 0, end: int | None = None) -> str:
        """Return the letters of a span (0-based, half-open; a span beyond the contig's end is cut there).

        Raises
        ------
        NotFoundError
            The reference has no such contig.
        """
        if name not in self.seq_names:
            raise NotFoundError(
                f'no contig "{name}" in the reference; seq_names lists those it has. Check the spelling and '
                "whether names start with chr."
            )
        index = self._reference.contig_index(name)
        length = self._reference.contigs[index].length
        start = min(max(start, 0), length)
        return self._reference.text(index, start, min(max(length if end is None else end, start), length))

    def map(self, read1: str, read2: str | None = None) -> list[Alignment]:
        """Place a read, or a pair of mates, and return its alignments: none of a read that lies nowhere.

        A call costs about a third of a millisecond whatever the read; ``map_many`` is ten times quicker.

        Raises
        ------
        InputError
            A read has a character that is no base, or is too long.
        """
        reads = (read1,) if read2 is None else (read1, read2)
        return next(self._map_texts([reads], 0, self.insert_sizes or self._default_model()))

    def map_many(
        self,
        reads: Iterable[str | tuple[str, str]],
        insert_sizes: InsertSizeModel | None = None,
        batch_size: int = 8192,
    ) -> Iterator[list[Alignment]]:
        """Yield the alignments of each read (a text) or pair of mates (two texts), in their order.

        Parameters
        ----------
        reads : single reads and pairs may be mixed
        insert_sizes : outer distances of mates; default: the aligner's, else estimated from the first batch
            of pairs
        batch_size : reads or pairs aligned at a time
        """
        model, first = insert_sizes or self.insert_sizes, 0
        templates = ((read,) if isinstance(read, str) else tuple(read) for read in reads)
        for n_ends, group in itertools.groupby(templates, len):
            if n_ends not in (1, 2):
                raise ConfigError(f"{n_ends} texts were given as one read; give a text, or two for mates.")
            while batch := list(itertools.islice(group, batch_size)):
                if model is None and n_ends == 2:
                    model = self._estimate(_read_batch(batch, first))
                yield from self._map_texts(batch, first, model or self._default_model())
                first += len(batch)

    def map_fastq(
        self,
        reads1: str | os.PathLike[str],
        reads2: str | os.PathLike[str] | None = None,
        insert_sizes: InsertSizeModel | None = None,
        batch_size: int = 8192,
    ) -> Iterator[tuple[str, list[Alignment]]]:
        """Yield (name, alignments) of each read of a FASTQ file, or of each pair of two (plain or gzip).

        Raises
        ------
        InputError
            A file is missing, damaged or no FASTQ; the sentence names file, record and read.
        """
        model = insert_sizes or self.insert_sizes
        for batch in read_batches(_lane(reads1, reads2), batch_size):
            if model is None:
                model = self._estimate(batch)
            yield from zip(_names(batch), self._map_batch(batch, model), strict=True)

    def _estimate(self, batch: ReadBatch) -> InsertSizeModel:
        return estimate_insert_sizes(batch, self._reference.seeds, self._reference.bases, self._config)

    def _default_model(self) -> InsertSizeModel:
        return model_of(np.empty(0, dtype=np.int64), self._config)

    def _map_texts(
        self, templates: list[tuple[str, ...]], first: int, model: InsertSizeModel
    ) -> Iterator[list[Alignment]]:
        return self._map_batch(_read_batch(templates, first), model)

    def _map_batch(self, batch: ReadBatch, model: InsertSizeModel) -> Iterator[list[Alignment]]:
        bases = self._reference.bases
        rows = map_batch(batch, self._reference.seeds, bases, self._config, model)
        found: list[list[Alignment]] = [[] for _ in range(batch.name_offsets.size - 1)]
        for template, alignment in self._alignments(batch, rows):
            found[template].append(alignment)
        return iter(found)

    def _alignments(self, batch: ReadBatch, rows: AlignmentBatch) -> Iterator[tuple[int, Alignment]]:
        contigs = self._reference.contigs
        described = bam.describe_batch(batch, rows, self._reference.bases, self._texts)
        md_starts = described.md_starts.tolist()
        md_text = described.md_text[: md_starts[-1]].tobytes().decode("ascii")
        cigars, starts = rows.cigars.tolist(), rows.cigar_offsets.tolist()
        columns = (
            rows.read_index, rows.flag, rows.contig_index, rows.start, rows.mapping_quality,
            rows.template_length, rows.score, rows.second_score, described.edit_distance,
        )  # fmt: skip
        for row, (read, flag, contig, start, quality, length, score, second, edits) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            if flag & Flag.UNMAPPED:
                continue
            words = cigars[starts[row] : starts[row + 1]]
            span = sum(word >> 4 for word in words if word & 15 in (0, 2, 3, 7, 8))
            query_start, query_end = _query_span(words, bool(flag & Flag.REVERSE))
            yield (
                read // batch.n_ends,
                Alignment(
                    contig=contigs[contig].name,
                    contig_length=contigs[contig].length,
                    start=start,
                    end=start + span,
                    strand=-1 if flag & Flag.REVERSE else 1,
                    mapping_quality=quality,
                    cigar=cigar_text(words),
                    edit_distance=edits,
                    md=md_text[md_starts[row] : md_starts[row + 1]],
                    score=score,
                    second_score=second,
                    query_start=query_start,
                    query_end=query_end,
                    read_number=read % batch.n_ends + 1,
                    is_primary=not flag & (Flag.SECONDARY | Flag.SUPPLEMENTARY),
                    is_supplementary=bool(flag & Flag.SUPPLEMENTARY),
                    is_proper_pair=bool(flag & Flag.PROPER_PAIR),
                    template_length=length,
                    flag=flag,
                ),
            )


def reverse_complement(sequence: str) -> str:
    """Return the other strand of a DNA text; case and IUPAC codes are kept.

    Examples
    --------
    >>> reverse_complement("GATTACAn")
    'nTGTAATC'
    """
    return sequence.translate(_COMPLEMENT)[::-1]


def read_fastq(path: str | os.PathLike[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, sequence, qualities) of each read of a FASTQ file, plain or gzip.

    Sequences are upper case, and N where they are ambiguous; qualities are as the file has them.

    Raises
    ------
    InputError
        The file is missing, damaged or no FASTQ; the sentence names record and read.
    """
    for batch in read_batches(_lane(path, None), 8192):
        bases = CODE_TO_ASCII[batch.bases].tobytes().decode("ascii")
        quals = (batch.quals + np.uint8(33)).tobytes().decode("ascii")
        for name, (start, end) in zip(_names(batch), itertools.pairwise(batch.offsets.tolist()), strict=True):
            yield name, bases[start:end], quals[start:end]


def _build(reference: str | os.PathLike[str] | Mapping[str, str], folder: Path) -> Reference:
    if isinstance(reference, Mapping):
        fasta = folder / "sequences.fa"
        fasta.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in reference.items()))
    else:
        fasta = Path(reference)
    return build_reference(fasta, folder / "reference")


def _lane(reads1: str | os.PathLike[str], reads2: str | os.PathLike[str] | None) -> Lane:
    return Lane(_NO_GROUP, os.fspath(reads1), None if reads2 is None else os.fspath(reads2))


def _read_batch(templates: list[tuple[str, ...]], first: int) -> ReadBatch:
    parts = [
        sequence_codes(text, f"read {first + number}")
        for number, template in enumerate(templates, start=1)
        for text in template
    ]
    offsets = np.cumsum([0, *(part.size for part in parts)]).astype(np.int64)
    names = [str(first + number).encode() for number in range(1, len(templates) + 1)]
    return ReadBatch(
        bases=np.concatenate(parts),
        quals=np.zeros(int(offsets[-1]), dtype=np.uint8),
        offsets=offsets,
        names=np.frombuffer(b"".join(names), dtype=np.uint8).copy(),
        name_offsets=np.cumsum([0, *map(len, names)]).astype(np.int64),
        n_ends=len(templates[0]),
        first_template=first,
        read_group=0,
    )


def _names(batch: ReadBatch) -> Iterator[str]:
    text = batch.names.tobytes().decode("ascii", "replace")
    for start, end in itertools.pairwise(batch.name_offsets.tolist()):
        yield text[start:end]


def _query_span(words: list[int], is_reverse: bool) -> tuple[int, int]:
    """Aligned part of the read as sequenced, from a CIGAR's words."""
    clips = [word >> 4 if word & 15 in (4, 5) else 0 for word in (words[0], words[-1])]
    length = sum(word >> 4 for word in words if word & 15 in (0, 1, 4, 5, 7, 8))
    if is_reverse:
        clips.reverse()
    return clips[0], length - clips[1]

"""FASTA to reference directory: reads the genome, adds the seed index, publishes the whole at once."""

import os
import re
from pathlib import Path

from genomehub.align.index import build_seed_index
from genomehub.config import IndexConfig, as_dict
from genomehub.errors import ConfigError, InputError
from genomehub.files import atomic_output, require_file
from genomehub.formats.alt_contigs import alt_file_beside, read_alt_names
from genomehub.formats.fasta import read_fasta
from genomehub.store.reference import TABLE, Reference, write_contigs, write_seeds
from genomehub.types import NoProgress, Progress


def build_reference(
    fasta: str | os.PathLike[str],
    output: str | os.PathLike[str],
    config: IndexConfig | None = None,
    progress: Progress | None = None,
    alt: str | os.PathLike[str] | None = None,
) -> Reference:
    """Make a reference directory from a FASTA file; an earlier one of the same name is replaced at the end.

    ``alt`` names the file that says which contigs are no part of the primary assembly; a file GENOME.fa.alt
    beside GENOME.fa or GENOME.fa.gz is found by itself.

    Memory stays below the seed index's size and a few megabytes whatever the genome's size, since bases are
    written as they are read.

    Raises
    ------
    InputError
        The FASTA is missing, cut off or malformed, or the .alt file is or names none of its contigs.
    ConfigError
        Something that is no reference directory stands at ``output``.
    ResourceError
        The disk is full or the folder cannot be written.
    """
    source, output = require_file(fasta, "FASTA file"), Path(os.path.normpath(output))
    config, progress = config or IndexConfig(), progress or NoProgress()
    _refuse_to_replace(output)
    alt = alt if alt is not None else alt_file_beside(source)
    alt_names = read_alt_names(alt) if alt is not None else frozenset()
    with atomic_output(output, keep_suffix=False) as folder:
        folder.mkdir()
        progress.start("reading genome", None, "bp")
        writer = write_contigs(folder, read_fasta(source), progress.advance, alt_names)
        if alt_names and not any(contig.is_alt for contig in writer.contigs):
            raise InputError(
                f'{alt}: none of its {len(alt_names)} contigs ("{min(alt_names)}", ...) is in {source.name}, '
                f'whose first is "{writer.contigs[0].name}". Take the .alt file of this genome.'
            )
        writer.write_table(source.name, as_dict(config))
        progress.finish()
        write_seeds(folder, build_seed_index(Reference.open(folder).bases, config, progress))
    return Reference.open(output)


def _refuse_to_replace(output: Path) -> None:
    """A slip in ``-o`` must not cost anybody a folder of other things."""
    is_ours = (output / TABLE).is_file() or (output.is_dir() and not any(output.iterdir()))
    if output.exists() and not is_ours:
        raise ConfigError(
            f"{output}: exists and is no reference directory, so it is not replaced. Name a new directory, "
            f"for example {output.parent / _suggested_name(output)}."
        )


def _suggested_name(output: Path) -> str:
    return re.sub(r"\.(fa|fasta|fna)(\.gz)?$", "", output.name) + ".ref"

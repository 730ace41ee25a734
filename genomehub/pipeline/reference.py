"""FASTA to reference directory: reads the genome, adds the seed index, publishes the whole at once."""

import os
import re
from pathlib import Path

from genomehub.align.index import build_seed_index
from genomehub.config import IndexConfig, as_dict
from genomehub.errors import ConfigError
from genomehub.files import atomic_output, require_file
from genomehub.formats.fasta import read_fasta
from genomehub.store.reference import TABLE, Reference, write_contigs, write_seeds
from genomehub.types import NoProgress, Progress


def build_reference(
    fasta: str | os.PathLike[str],
    output: str | os.PathLike[str],
    config: IndexConfig | None = None,
    progress: Progress | None = None,
) -> Reference:
    """Make a reference directory from a FASTA file; an earlier one of the same name is replaced at the end.

    Memory stays below the seed index's size and a few megabytes whatever the genome's size, since bases are
    written as they are read.

    Raises
    ------
    InputError
        The FASTA is missing, cut off or malformed.
    ConfigError
        Something that is no reference directory stands at ``output``.
    ResourceError
        The disk is full or the folder cannot be written.
    """
    source, output = require_file(fasta, "FASTA file"), Path(os.path.normpath(output))
    config, progress = config or IndexConfig(), progress or NoProgress()
    _refuse_to_replace(output)
    with atomic_output(output, keep_suffix=False) as folder:
        folder.mkdir()
        progress.start("reading genome", None, "bp")
        writer = write_contigs(folder, read_fasta(source), progress.advance)
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

"""Reads to alignments: seeds, chains, extension, pairing, mapping quality.

Also the door for users of the library (docs/python.md): the names below are loaded when they are asked for,
so that importing this package stays cheap. `Aligner` opens references, which this room may not do; it lives
in genomehub.pipeline.aligner.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genomehub.align.pairwise import PairwiseAlignment, align_pair, align_pairs, edit_distance
    from genomehub.config import AlignConfig
    from genomehub.pipeline.aligner import Aligner, Alignment, read_fastq, reverse_complement
    from genomehub.types import AlignmentScoring, InsertSizeModel

_HOMES = {
    "genomehub.align.pairwise": ("PairwiseAlignment", "align_pair", "align_pairs", "edit_distance"),
    "genomehub.config": ("AlignConfig",),
    "genomehub.pipeline.aligner": ("Aligner", "Alignment", "read_fastq", "reverse_complement"),
    "genomehub.types": ("AlignmentScoring", "InsertSizeModel"),
}

__all__ = [
    "AlignConfig",
    "Aligner",
    "Alignment",
    "AlignmentScoring",
    "InsertSizeModel",
    "PairwiseAlignment",
    "align_pair",
    "align_pairs",
    "edit_distance",
    "read_fastq",
    "reverse_complement",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

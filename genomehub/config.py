"""Parameters of each stage, one frozen dataclass per stage: the only home of defaults.

The command line and the workflow read their defaults from here; a result's catalogue entry records the
whole dataclass (``as_dict``). Constants that come from a paper or a tool name it.
"""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class IndexConfig:
    """Seed index of a reference."""


@dataclasses.dataclass(frozen=True)
class AlignConfig:
    """Reads to alignments."""


@dataclasses.dataclass(frozen=True)
class SortConfig:
    """Alignments to a sorted, duplicate-marked file."""


@dataclasses.dataclass(frozen=True)
class CallConfig:
    """Alignments to genotypes."""


def as_dict(config: Any) -> dict[str, Any]:
    """Return a stage's parameters as a plain dictionary, for TOML, JSON and the catalogue."""
    return dataclasses.asdict(config)

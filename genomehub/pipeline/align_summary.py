"""What a run of ``align`` tells: counts, duplication, insert sizes, cost; for people and for machines."""

from typing import Any, NamedTuple

from genomehub.align.duplication import LibraryDuplication
from genomehub.align.trimming import TrimCounts
from genomehub.types import InsertSizeModel


class AlignSummary(NamedTuple):
    """What a run of ``align`` did; ``as_json`` gives it to machines.

    sample : name
    reads, mapped, properly_paired, duplicates : primary records; supplementary : the others
    libraries : duplication of each library
    insert_sizes : model of each read group
    peak_rss_bytes : largest resident memory of this process until the end of each stage; names of stages
    orphans : reads of pairs in BAM or CRAM whose mate was not there, aligned as single reads
    hard_clipped : reads of BAM or CRAM that had lost bases to hard clips before
    trimmed : adapters and tails of G that were clipped; None if they were not looked for
    wall_seconds, core_seconds : of the whole run; core seconds of workers elsewhere are not known here
    """

    sample: str
    reads: int
    mapped: int
    properly_paired: int
    duplicates: int
    supplementary: int
    libraries: tuple[LibraryDuplication, ...]
    insert_sizes: dict[str, InsertSizeModel]
    peak_rss_bytes: dict[str, int]
    orphans: int
    hard_clipped: int
    trimmed: TrimCounts | None
    wall_seconds: float
    core_seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return the summary as plain dictionaries."""
        groups = {
            group: {
                "mean_bp": round(model.mean, 1),
                "standard_deviation_bp": round(model.standard_deviation, 1),
                "low_bp": model.low,
                "high_bp": model.high,
                "n_pairs": model.n_pairs,
            }
            for group, model in self.insert_sizes.items()
        }
        libraries = {
            library.library: {
                "read_pairs_examined": library.read_pairs_examined,
                "unpaired_reads_examined": library.unpaired_reads_examined,
                "read_pair_duplicates": library.read_pair_duplicates,
                "read_pair_optical_duplicates": library.read_pair_optical_duplicates,
                "unpaired_read_duplicates": library.unpaired_read_duplicates,
                "fraction_duplication": round(library.fraction, 6),
                "estimated_library_size": library.estimated_library_size,
            }
            for library in self.libraries
        }
        trimmed = None if self.trimmed is None else self.trimmed._asdict()
        return {**self._asdict(), "insert_sizes": groups, "libraries": libraries, "trimmed": trimmed}

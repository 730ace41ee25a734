"""What a command cost: core-seconds, wall seconds, peak memory, as the operating system counted them.

``genomehub --cost FILE COMMAND`` writes them when a command is done; the workflow keeps one file a step,
so that a report, a catalogue entry and a bill rest on exact figures and not on samples taken now and then.
"""

import dataclasses
import json
import os
import resource
import sys
from pathlib import Path

from genomehub.files import atomic_output


@dataclasses.dataclass(frozen=True)
class Cost:
    """Resources of one command, its child processes included.

    Parameters
    ----------
    command : subcommand, as "align"
    core_seconds : CPU time in user and system mode, compilation of kernels included
    wall_seconds : time from the start of the command to its end
    peak_rss_bytes : largest resident memory of one process of the command
    """

    command: str
    core_seconds: float
    wall_seconds: float
    peak_rss_bytes: int


def measure(command: str, wall_seconds: float) -> Cost:
    """Return what this process and its finished children have cost so far."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Cost(
        command=command,
        core_seconds=round(sum(usage.ru_utime + usage.ru_stime for usage in usages), 3),
        wall_seconds=round(wall_seconds, 3),
        peak_rss_bytes=max(_rss_bytes(usage) for usage in usages),
    )


def peak_rss_bytes() -> int:
    """Return the largest resident memory that this process has had so far."""
    return _rss_bytes(resource.getrusage(resource.RUSAGE_SELF))


def _rss_bytes(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)  # in bytes there, in KiB elsewhere


def write(cost: Cost, path: str | os.PathLike[str]) -> None:
    """Write a cost as JSON."""
    with atomic_output(path) as temporary:
        temporary.write_text(json.dumps(dataclasses.asdict(cost), indent=2) + "\n", encoding="utf-8")


def read(path: str | os.PathLike[str]) -> Cost:
    """Read what ``write`` wrote."""
    return Cost(**json.loads(Path(path).read_text(encoding="utf-8")))

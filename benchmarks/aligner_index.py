"""What an index of genomehub costs in memory when several processes use it, as /proc counts it.

    python benchmarks/aligner_index.py GENOME.ref       opens it, prints JSON, holds it until a line comes in

Resident memory (RSS) counts a shared page in each process; proportional set size (PSS) shares it out, so the
PSS of all processes together is what the machine has to hold.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from genomehub.store.reference import Reference


def sharing(index: Path) -> dict[str, Any]:
    """Open the index in one process, then in two at a time, all pages read.

    Returns
    -------
    row : ``index_bytes``, of mapped arrays; ``load_seconds`` to open it once its pages are cached; bytes
        resident and proportional of a process ``alone`` and of each of ``two``, and of one that has opened
        nothing, ``empty``
    """
    with _Holder(None) as empty:
        baseline = empty.memory()
    with _Holder(index) as first:
        alone = first.memory()
        with _Holder(index) as second:
            two = [first.memory(), second.memory()]
            opened = second.opened
    return {**opened, "empty": baseline, "alone": alone, "two": two}


class _Holder:
    """A process that holds an index until it is let go."""

    def __init__(self, index: Path | None) -> None:
        command = [sys.executable, __file__, *([str(index)] if index else [])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.opened: dict[str, Any] = json.loads(self._process.stdout.readline() or "{}")

    def __enter__(self) -> "_Holder":
        return self

    def __exit__(self, *failure: object) -> None:
        self._process.communicate("\n")

    def memory(self) -> dict[str, int]:
        """Bytes resident and proportional."""
        text = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        kilobytes = dict(re.findall(r"^(\w+): +(\d+) kB", text, re.MULTILINE))
        return {f"{field.lower()}_bytes": 1024 * int(kilobytes[field]) for field in ("Rss", "Pss")}


def _hold(path: str | None) -> None:
    arrays: list[np.ndarray] = []
    started = time.perf_counter()
    if path is not None:
        reference = Reference.open(path)
        arrays = [array for array in (*reference.bases, *reference.seeds) if isinstance(array, np.ndarray)]
    load_seconds = time.perf_counter() - started
    for array in arrays:
        array.view(np.uint8)[::4096].sum()
    opened = {"index_bytes": sum(array.nbytes for array in arrays), "load_seconds": load_seconds}
    print(json.dumps(opened), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    _hold(sys.argv[1] if len(sys.argv) > 1 else None)

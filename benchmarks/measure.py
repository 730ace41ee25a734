"""What a command uses, its whole process tree, as the operating system counts it.

    python benchmarks/measure.py OUT.json COMMAND ...

runs COMMAND and writes its cost as JSON. ``measure`` calls this file as a small process of its own, because
Linux takes the memory of the process that starts a command for the command's own at first: started from a
program that holds numpy and a BAM file, a frugal aligner would seem to need as much.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Usage(NamedTuple):
    """Cost of a command and all processes it waited for.

    core_seconds : user and system time; wall_seconds : start to end
    peak_rss_bytes : largest resident memory of one process, shared pages included
    """

    core_seconds: float
    wall_seconds: float
    peak_rss_bytes: int


def measure(script: str, log: Path) -> Usage:
    """Run a line of shell to its end; what it prints goes to ``log``.

    Raises
    ------
    SystemExit
        It fails, any part of a pipe included; the message ends with the log's last lines.
    """
    out = log.with_suffix(".usage.json")
    command = [sys.executable, "-I", "-S", __file__, str(out), "bash", "-o", "pipefail", "-c", script]
    with log.open("wb") as handle:
        failed = subprocess.run(command, stdout=handle, stderr=handle, check=False).returncode
    if failed:
        words = log.read_text(errors="replace").strip().splitlines()[-5:]
        raise SystemExit(f"failed ({failed}): {script}\n" + "\n".join(words) + f"\nThe whole log: {log}")
    usage = Usage(**json.loads(out.read_text()))
    out.unlink()
    return usage


def once(
    path: Path, depends: dict[str, Any], work: Callable[[], dict[str, Any]], starting: Callable[[], None]
) -> dict[str, Any]:
    """Read a result that is kept at ``path`` and depends on the same, or make it anew and keep it."""
    if path.exists():
        kept = json.loads(path.read_text())
        if kept["depends"] == depends:
            result: dict[str, Any] = kept["result"]
            return result
    starting()
    result = work()
    path.write_text(json.dumps({"depends": depends, "result": result}, indent=1) + "\n")
    return result


def _main(out: str, *command: str) -> int:
    started = time.perf_counter()
    # Forked, not spawned from shared memory: the child's memory is this small interpreter's.
    pid = os.fork()
    if pid == 0:
        os.execvp(command[0], command)
    _, status, used = os.wait4(pid, 0)
    usage = Usage(
        used.ru_utime + used.ru_stime,
        time.perf_counter() - started,
        used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),  # bytes there, KiB elsewhere
    )
    Path(out).write_text(json.dumps(usage._asdict()))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))

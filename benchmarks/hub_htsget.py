"""Fifty region readers at once over htsget: errors, memory, requests a second, and bytes read of the file.

A BAM of some GB is made once (`--folder` keeps it), registered in a hub of its own and served by a process of
its own, whose memory and reads are taken from /proc. Every answer's records are counted and compared with
the count that follows from how the file was made. Beside it, `samtools view` reads the same regions of the
local file.

    python benchmarks/hub_htsget.py --folder /tmp/hub_htsget --gigabytes 4 --readers 50 --seconds 60
"""

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pysam

from genomehub.hub.delivery.bgzf import EOF_BLOCK, block, inflate_file

CONTIG_BP, STEP_BP, READ_BP = 240_000_000, 20, 150
SERVER = """
import sys, uvicorn
from pathlib import Path
from genomehub.hub.service.app import create_app
from genomehub.hub.service.context import open_hub
from genomehub.hub.service.settings import Settings
folder, port = Path(sys.argv[1]), int(sys.argv[2])
hub = open_hub(Settings(catalogue=str(folder / "catalogue.sqlite"), public_url=f"http://127.0.0.1:{port}"))
uvicorn.run(create_app(hub), port=port, log_level="warning")
"""


def make_bam(path: Path, n_bytes: int) -> None:
    """Write reads of 150 bp, one each 20 bp, bases and qualities at random, until the size is reached."""
    chance = np.random.default_rng(1)
    n_contigs = max(min(n_bytes // 1_500_000_000, 22), 1)
    contigs = [f"chr{number}" for number in range(1, n_contigs + 1)]
    header = {
        "HD": {"VN": "1.6", "SO": "coordinate"},
        "SQ": [{"SN": name, "LN": CONTIG_BP} for name in contigs],
    }
    with pysam.AlignmentFile(f"{path}.head", "wb", header=header):
        pass
    head = inflate_file(Path(f"{path}.head").read_bytes())
    Path(f"{path}.head").unlink()
    name = b"read00000000\0"
    per_block = 200
    size = 32 + len(name) + 4 + READ_BP // 2 + READ_BP
    fields = np.zeros((per_block, 4 + size), np.uint8)
    fields[:, :4] = np.frombuffer(size.to_bytes(4, "little"), np.uint8)
    fields[:, 12:16] = (len(name), 60, 0, 0)
    fields[:, 16:18] = (1, 0)
    fields[:, 20:24] = np.frombuffer(READ_BP.to_bytes(4, "little"), np.uint8)
    fields[:, 24:32] = 255
    fields[:, 36 : 36 + len(name)] = np.frombuffer(name, np.uint8)
    fields[:, 36 + len(name) : 40 + len(name)] = np.frombuffer((READ_BP << 4).to_bytes(4, "little"), np.uint8)
    begin = 40 + len(name)
    with path.open("wb") as out:
        out.write(block(head))
        for contig in range(len(contigs)):
            fields[:, 4:8] = np.frombuffer(contig.to_bytes(4, "little"), np.uint8)
            for first in range(0, CONTIG_BP - STEP_BP * per_block - READ_BP, STEP_BP * per_block):
                starts = np.arange(first, first + STEP_BP * per_block, STEP_BP, dtype="<i4")
                fields[:, 8:12] = starts.view(np.uint8).reshape(-1, 4)
                bins = (4681 + (starts >> 14)).astype("<u2")
                crossing = (starts >> 14) != ((starts + READ_BP - 1) >> 14)
                for shift, offset in ((17, 585), (20, 73), (23, 9), (26, 1)):
                    same = crossing & ((starts >> shift) == ((starts + READ_BP - 1) >> shift))
                    bins[same] = offset + (starts[same] >> shift)
                    crossing &= ~same
                bins[crossing] = 0
                fields[:, 14:16] = bins.view(np.uint8).reshape(-1, 2)
                fields[:, begin : begin + READ_BP // 2] = chance.choice(
                    np.array([0x11, 0x12, 0x24, 0x48, 0x81], np.uint8), (per_block, READ_BP // 2)
                )
                fields[:, begin + READ_BP // 2 :] = chance.integers(
                    30, 41, (per_block, READ_BP), dtype=np.uint8
                )
                out.write(block(fields.tobytes()))
                if out.tell() > n_bytes * (contig + 1) / n_contigs:
                    break
        out.write(EOF_BLOCK)
    pysam.index(str(path))


def extent(path: Path) -> tuple[int, int]:
    """Return how many contigs have reads, and up to where the reads of each reach."""
    with pysam.AlignmentFile(str(path)) as reads:
        counts = [one.mapped for one in reads.get_index_statistics()]
    return sum(count > 0 for count in counts), STEP_BP * min(filter(None, counts))


def expected_reads(start: int, end: int) -> int:
    """Reads that lie over [start, end), away from the contig's end."""
    first = max(-(-(start - READ_BP + 1) // STEP_BP), 0)
    return -(-end // STEP_BP) - first


def prepare(folder: Path, bam: Path) -> tuple[str, str]:
    """Make a hub with the BAM; return its identifier and a token."""
    from genomehub.hub.access.people import add_person, grant_role, new_token
    from genomehub.hub.access.principals import Role
    from genomehub.hub.catalogue import Catalogue
    from genomehub.hub.checksums import describe_files
    from genomehub.hub.records import Result
    from genomehub.hub.service.context import now_utc

    place = folder / "catalogue.sqlite"
    place.unlink(missing_ok=True)
    with Catalogue.create(place, actor="benchmark") as catalogue:
        files = describe_files([("bam", bam), ("bai", Path(f"{bam}.bai"))])
        entry = catalogue.register(Result(files, dataset="genome"), actor="benchmark").entry
        with catalogue.database.write() as session:
            person = add_person(session, "Reader", None, now_utc())
            grant_role(session, person, Role.HOLDER, None)
            return entry.id, new_token(session, person, "benchmark", now_utc(), None)


class Process:
    """What /proc says of the service."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    def numbers(self, file: str) -> dict[str, int]:
        lines = (line.split() for line in (self._folder / file).read_text().splitlines())
        return {
            parts[0].rstrip(":"): int(parts[1]) for parts in lines if len(parts) > 1 and parts[1].isdigit()
        }


def read_regions(
    address: str,
    id: str,
    token: str,
    n_contigs: int,
    reach: int,
    until: float,
    seed: int,
    rows: list[dict[str, Any]],
) -> None:
    """One reader: a ticket, its block, the records counted; again and again."""
    chance = random.Random(seed)
    with httpx.Client(timeout=120) as client:
        while time.monotonic() < until:
            name = f"chr{chance.randint(1, n_contigs)}"
            start = chance.randrange(1000, reach - 2_000_000)
            end = start + chance.choice((100, 1_000, 10_000, 100_000, 1_000_000))
            row: dict[str, Any] = {
                "name": name,
                "start": start,
                "end": end,
                "begin": time.monotonic(),
                "expected": expected_reads(start, end),
            }
            try:
                params: dict[str, str | int] = {"referenceName": name, "start": start, "end": end}
                headers = {"Authorization": f"Bearer {token}"}
                ticket = client.get(f"{address}/htsget/reads/{id}", params=params, headers=headers)
                ticket.raise_for_status()
                got = b""
                for url in ticket.json()["htsget"]["urls"]:
                    if not url["url"].startswith("data:"):
                        part = client.get(url["url"], headers=url["headers"])
                        part.raise_for_status()
                        got += part.content
                size = 36 + 13 + 4 + READ_BP // 2 + READ_BP
                row |= {"bytes": len(got), "reads": len(inflate_file(got)) // size}
            except (httpx.HTTPError, KeyError) as error:
                row["failed"] = 1
                print(f"reader {seed}: {error!r}", file=sys.stderr)
            rows.append(row | {"seconds": time.monotonic() - row["begin"]})


def samtools_bytes(bam: Path, regions: list[tuple[str, int, int]]) -> int:
    """Return the bytes that samtools reads of the local file and its index, one process a region."""
    total = 0
    for name, start, end in regions:
        command = ["samtools", "view", "-c", str(bam), f"{name}:{start + 1}-{end}"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and still in /proc
            total += Process(process.pid).numbers("io")["rchar"]
    return total


def main() -> None:
    """Run it and print one JSON row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--gigabytes", type=float, default=4)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--port", type=int, default=8765)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    bam = given.folder / f"reads.{given.gigabytes}gb.bam"
    if not Path(f"{bam}.bai").exists():
        make_bam(bam, int(given.gigabytes * 1e9))
    n_contigs, reach = extent(bam)
    id, token = prepare(given.folder, bam)
    address = f"http://127.0.0.1:{given.port}"
    service = subprocess.Popen([sys.executable, "-c", SERVER, str(given.folder), str(given.port)])
    try:
        wait_for(address)
        print(json.dumps(measure(given, address, id, token, bam, n_contigs, reach, Process(service.pid))))
    finally:
        service.terminate()
        service.wait()


def wait_for(address: str) -> None:
    """Return when the service answers."""
    for _ in range(600):
        try:
            httpx.get(f"{address}/health")
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise SystemExit("the service did not start")


def measure(
    given: argparse.Namespace,
    address: str,
    id: str,
    token: str,
    bam: Path,
    n_contigs: int,
    reach: int,
    service: Process,
) -> dict[str, Any]:
    """Let the readers read, and return what was seen."""
    warm: list[dict[str, Any]] = []
    read_regions(address, id, token, n_contigs, reach, time.monotonic() + 2, 0, warm)
    before, rows, memory = service.numbers("io")["rchar"], [], [service.numbers("status")["VmRSS"]]
    begin = time.monotonic()
    until = begin + given.seconds
    readers = [
        threading.Thread(target=read_regions, args=(address, id, token, n_contigs, reach, until, seed, rows))
        for seed in range(1, given.readers + 1)
    ]
    for reader in readers:
        reader.start()
    while any(reader.is_alive() for reader in readers):
        time.sleep(0.5)
        memory.append(service.numbers("status")["VmRSS"])
    seconds = time.monotonic() - begin
    n_read = service.numbers("io")["rchar"] - before
    times = sorted(row["seconds"] for row in rows)
    third = len(memory) // 3
    sample = [(row["name"], row["start"], row["end"]) for row in rows[:50]]
    return {
        "task": "hub_htsget",
        "file_bytes": bam.stat().st_size,
        "readers": given.readers,
        "regions": len(rows),
        "failed": sum("failed" in row for row in rows),
        "wrong": sum(row.get("reads") != row["expected"] for row in rows if "failed" not in row),
        "regions_per_second": round(len(rows) / seconds, 1),
        "seconds_p50": round(times[len(times) // 2], 3),
        "seconds_p95": round(times[len(times) * 95 // 100], 3),
        "sent_bytes": sum(row.get("bytes", 0) for row in rows),
        "read_bytes": n_read,
        "read_bytes_per_region": n_read // len(rows),
        "samtools_read_bytes_per_region": samtools_bytes(bam, sample) // len(sample),
        "rss_mb_first_third": max(memory[:third] or memory) // 1024,
        "rss_mb_last_third": max(memory[2 * third :]) // 1024,
    }


if __name__ == "__main__":
    main()

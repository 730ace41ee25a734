"""Fifty region readers at once over htsget: errors, memory, requests a second, and bytes read of the file.

A BAM of some GB is made once (`--folder` keeps it), registered in a hub of its own and served by a process of
its own, whose memory is taken from /proc and whose reads of the file are counted. Every answer's records are
counted and compared with the count that follows from how the file was made. Beside it, `samtools view` reads
the same regions of the local file.

    python benchmarks/hub_htsget.py --folder /tmp/hub_htsget --gigabytes 4 --readers 50 --seconds 60
    python benchmarks/hub_htsget.py --folder /tmp/hub_htsget --cram GENOME.ref --step 100

The second makes a CRAM over all contigs of a reference directory: a read of its bases each 100 bp, one base
in 200 another. The hub decodes it with that reference.
"""

import argparse
import base64
import dataclasses
import functools
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import httpx
import numpy as np
import pysam

from genomehub.hub.delivery.bgzf import EOF_BLOCK, block, inflate_file
from genomehub.store.sequences import Sequences

CONTIG_BP, STEP_BP, READ_BP = 240_000_000, 20, 150
PER_BLOCK = 200
#: Letter to its number in BAM (SAM 1.6, section 4.2); the four bases.
_CODES = np.full(256, 15, np.uint8)
_CODES[np.frombuffer(b"ACGT", np.uint8)] = BASES = np.array([1, 2, 4, 8], np.uint8)
SERVER = """
import json, sys, uvicorn
from pathlib import Path
from genomehub.hub.service.app import create_app
from genomehub.hub.service.context import open_hub
from genomehub.hub.service.settings import Settings
from genomehub.hub.storage.posix import LocalBlob

folder, port, references = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
read, n_read = LocalBlob.read, [0]

def counted(blob, start, end):
    data = read(blob, start, end)
    n_read[0] += len(data)
    return data

LocalBlob.read = counted
hub = open_hub(
    Settings(
        catalogue=str(folder / "catalogue.sqlite"),
        public_url=f"http://127.0.0.1:{port}",
        references=references,
    )
)
app = create_app(hub)
app.add_api_route("/counted", lambda: n_read[0])
uvicorn.run(app, port=port, log_level="warning")
"""


@dataclasses.dataclass(frozen=True)
class Reads:
    """A file of reads, one each ``step`` bp of each contig from its begin on.

    reach : up to where they begin, by contig; reference : directory to decode with, if it needs one
    """

    path: Path
    kind: str
    step: int
    reach: dict[str, int]
    reference: Path | None = None

    @property
    def index(self) -> Path:
        """Its index."""
        return Path(f"{self.path}.{'bai' if self.kind == 'bam' else 'crai'}")

    def expected(self, start: int, end: int) -> int:
        """Reads that lie over [start, end), away from the contig's end."""
        first = max(-(-(start - READ_BP + 1) // self.step), 0)
        return -(-end // self.step) - first

    def count(self, data: bytes) -> int:
        """Return how many reads there are in what a hub has sent."""
        if self.kind == "bam":
            return len(inflate_file(data)) // (36 + 13 + 4 + READ_BP // 2 + READ_BP)
        command = ["samtools", "view", "-c", *self.options, "-"]
        done = subprocess.run(command, input=data, capture_output=True)
        return int(done.stdout) if done.returncode == 0 else -1

    @property
    def options(self) -> list[str]:
        """What samtools needs to know to count them: of CRAM, where they lie."""
        if self.reference is None:
            return []
        fasta = Sequences.open(self.reference).fasta
        return ["-T", str(fasta), "--input-fmt-option", "required_fields=0x2c"]


#: Makes bases of reads: contig and their begins -> (n, READ_BP) uint8, as BAM numbers them.
Bases = Callable[[str, np.ndarray], np.ndarray]


def write_reads(
    out: IO[bytes], contigs: dict[str, int], bases: Bases, step: int, most: int | None = None
) -> None:
    """Write BAM with a read each ``step`` bp, qualities at random; ``most`` bytes, shared by the contigs."""
    chance = np.random.default_rng(1)
    out.write(block(_head(contigs)))
    name = b"read00000000\0"
    size = 32 + len(name) + 4 + READ_BP // 2 + READ_BP
    fields = np.zeros((PER_BLOCK, 4 + size), np.uint8)
    fields[:, :4] = np.frombuffer(size.to_bytes(4, "little"), np.uint8)
    fields[:, 12:16] = (len(name), 60, 0, 0)
    fields[:, 16:18] = (1, 0)
    fields[:, 20:24] = np.frombuffer(READ_BP.to_bytes(4, "little"), np.uint8)
    fields[:, 24:32] = 255
    fields[:, 36 : 36 + len(name)] = np.frombuffer(name, np.uint8)
    fields[:, 36 + len(name) : 40 + len(name)] = np.frombuffer((READ_BP << 4).to_bytes(4, "little"), np.uint8)
    begin, n_written = 40 + len(name), 0
    for number, (contig, length) in enumerate(contigs.items()):
        fields[:, 4:8] = np.frombuffer(number.to_bytes(4, "little"), np.uint8)
        for first in range(0, length - step * PER_BLOCK - READ_BP, step * PER_BLOCK):
            starts = np.arange(first, first + step * PER_BLOCK, step, dtype="<i4")
            fields[:, 8:12] = starts.view(np.uint8).reshape(-1, 4)
            fields[:, 14:16] = _bins(starts).view(np.uint8).reshape(-1, 2)
            codes = bases(contig, starts)
            fields[:, begin : begin + READ_BP // 2] = codes[:, ::2] << 4 | codes[:, 1::2]
            fields[:, begin + READ_BP // 2 :] = chance.integers(30, 41, (PER_BLOCK, READ_BP), dtype=np.uint8)
            n_written += out.write(block(fields.tobytes()))
            if most is not None and n_written > most * (number + 1) / len(contigs):
                break
    out.write(EOF_BLOCK)


def _head(contigs: dict[str, int]) -> bytes:
    """Return the header of a BAM, not compressed."""
    lines = "".join(f"@SQ\tSN:{name}\tLN:{length}\n" for name, length in contigs.items())
    text = f"@HD\tVN:1.6\tSO:coordinate\n{lines}".encode()
    table = b"".join(
        (len(name) + 1).to_bytes(4, "little") + name.encode() + b"\0" + length.to_bytes(4, "little")
        for name, length in contigs.items()
    )
    return b"BAM\1" + len(text).to_bytes(4, "little") + text + len(contigs).to_bytes(4, "little") + table


def _bins(starts: np.ndarray) -> np.ndarray:
    """Return the bins of reads (SAM 1.6, section 5.3)."""
    bins = (4681 + (starts >> 14)).astype("<u2")
    crossing = (starts >> 14) != ((starts + READ_BP - 1) >> 14)
    for shift, offset in ((17, 585), (20, 73), (23, 9), (26, 1)):
        same = crossing & ((starts >> shift) == ((starts + READ_BP - 1) >> shift))
        bins[same] = offset + (starts[same] >> shift)
        crossing &= ~same
    bins[crossing] = 0
    return bins


def random_bases(chance: np.random.Generator) -> Bases:
    """Make bases at random."""
    return lambda contig, starts: chance.choice(BASES, (len(starts), READ_BP))


def bases_of(genome: Sequences, chance: np.random.Generator) -> Bases:
    """Make bases of a genome, one in 200 another."""
    contigs = {one.name: one for one in genome.contigs}

    def bases(contig: str, starts: np.ndarray) -> np.ndarray:
        first, last = int(starts[0]), int(starts[-1]) + READ_BP
        letters = np.frombuffer(genome.letters(contigs[contig], first, last), np.uint8)
        codes = np.lib.stride_tricks.sliding_window_view(_CODES[letters], READ_BP)[starts - first].copy()
        wrong = chance.random(codes.shape) < 1 / 200
        codes[wrong] = chance.choice(BASES, int(wrong.sum()))
        return codes

    return bases


def make_bam(folder: Path, gigabytes: float) -> Reads:
    """Make the BAM if it is not there: contigs are read up to where the size lets them."""
    path = folder / f"reads.{gigabytes}gb.bam"
    n_bytes = int(gigabytes * 1e9)
    contigs = {f"chr{i}": CONTIG_BP for i in range(1, max(min(n_bytes // 1_500_000_000, 22), 1) + 1)}
    if not Path(f"{path}.bai").exists():
        with path.open("wb") as out:
            write_reads(out, contigs, random_bases(np.random.default_rng(2)), STEP_BP, n_bytes)
        pysam.index(str(path))
    with pysam.AlignmentFile(str(path)) as reads:
        counts = [one.mapped for one in reads.get_index_statistics()]
    return Reads(path, "bam", STEP_BP, {name: STEP_BP * min(counts) for name in contigs})


def make_cram(folder: Path, reference: Path, step: int) -> Reads:
    """Make the CRAM if it is not there."""
    path = folder / f"reads.{step}bp.cram"
    genome = Sequences.open(reference)
    contigs = {one.name: one.length for one in genome.contigs}
    if not Path(f"{path}.crai").exists():
        command = ["samtools", "view", "-C", "-T", str(genome.fasta), "-o", str(path), "-"]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as writer:
            assert writer.stdin is not None
            write_reads(writer.stdin, contigs, bases_of(genome, np.random.default_rng(2)), step)
            writer.stdin.close()
        assert writer.returncode == 0, "samtools failed"
        subprocess.run(["samtools", "index", str(path)], check=True)
    reach = {name: length - step * PER_BLOCK - READ_BP for name, length in contigs.items()}
    return Reads(path, "cram", step, reach, reference)


def prepare(folder: Path, reads: Reads) -> tuple[str, str]:
    """Make a hub with the file; return its identifier and a token."""
    from genomehub.hub.access.people import add_person, grant_role, new_token
    from genomehub.hub.access.principals import Role
    from genomehub.hub.catalogue import Catalogue
    from genomehub.hub.checksums import describe_files
    from genomehub.hub.records import Result
    from genomehub.hub.service.context import now_utc

    place = folder / "catalogue.sqlite"
    place.unlink(missing_ok=True)
    with Catalogue.create(place, actor="benchmark") as catalogue:
        files = describe_files([(reads.kind, reads.path), (reads.index.suffix[1:], reads.index)])
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
    address: str, id: str, token: str, reads: Reads, until: float, seed: int, rows: list[dict[str, Any]]
) -> None:
    """One reader: a ticket, its block, the records counted; again and again."""
    chance = random.Random(seed)
    with httpx.Client(timeout=120) as client:
        while time.monotonic() < until:
            (name,) = chance.choices(list(reads.reach), list(reads.reach.values()))
            start = chance.randrange(1000, reads.reach[name] - 2_000_000)
            end = start + chance.choice((100, 1_000, 10_000, 100_000, 1_000_000))
            row: dict[str, Any] = {
                "name": name,
                "start": start,
                "end": end,
                "begin": time.monotonic(),
                "expected": reads.expected(start, end),
            }
            try:
                params: dict[str, str | int] = {"referenceName": name, "start": start, "end": end}
                headers = {"Authorization": f"Bearer {token}"}
                ticket = client.get(f"{address}/htsget/reads/{id}", params=params, headers=headers)
                ticket.raise_for_status()
                got = b""
                for url in ticket.json()["htsget"]["urls"]:
                    if url["url"].startswith("data:"):  # header and end, which BAM is counted without
                        got += base64.b64decode(url["url"].partition(",")[2]) if reads.reference else b""
                    else:
                        part = client.get(url["url"], headers=url["headers"])
                        part.raise_for_status()
                        got += part.content
                row["seconds"] = time.monotonic() - row["begin"]
                row |= {"bytes": len(got), "reads": reads.count(got)}
            except (httpx.HTTPError, KeyError) as error:
                row["failed"] = 1
                print(f"reader {seed}: {error!r}", file=sys.stderr)
            rows.append({"seconds": time.monotonic() - row["begin"]} | row)


def samtools_bytes(reads: Reads, regions: list[tuple[str, int, int]]) -> int:
    """Return the bytes that samtools reads of the local file, index and reference, a process a region."""
    total = 0
    for name, start, end in regions:
        command = ["samtools", "view", "-c", *reads.options, str(reads.path), f"{name}:{start + 1}-{end}"]
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
    parser.add_argument("--gigabytes", type=float, default=4, help="of the BAM")
    parser.add_argument("--cram", type=Path, metavar="REFERENCE", help="a CRAM of this reference directory")
    parser.add_argument("--step", type=int, default=100, help="bp between its reads")
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--port", type=int, default=8765)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.cram:
        reads = make_cram(given.folder, given.cram, given.step)
    else:
        reads = make_bam(given.folder, given.gigabytes)
    id, token = prepare(given.folder, reads)
    address = f"http://127.0.0.1:{given.port}"
    references = [str(reads.reference)] if reads.reference else []
    command = [sys.executable, "-c", SERVER, str(given.folder), str(given.port), *references]
    service = subprocess.Popen(command)
    try:
        wait_for(address)
        ask = functools.partial(read_regions, address, id, token, reads)
        print(json.dumps(measure(given, address, reads, ask, Process(service.pid))))
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
    reads: Reads,
    ask: Callable[[float, int, list[dict[str, Any]]], None],
    service: Process,
) -> dict[str, Any]:
    """Let the readers read, and return what was seen."""
    warm: list[dict[str, Any]] = []
    ask(time.monotonic() + 2, 0, warm)
    rows: list[dict[str, Any]] = []
    before, memory = httpx.get(f"{address}/counted").json(), [service.numbers("status")["VmRSS"]]
    begin = time.monotonic()
    until = begin + given.seconds
    readers = [threading.Thread(target=ask, args=(until, seed, rows)) for seed in range(1, given.readers + 1)]
    for reader in readers:
        reader.start()
    while any(reader.is_alive() for reader in readers):
        time.sleep(0.5)
        memory.append(service.numbers("status")["VmRSS"])
    seconds = time.monotonic() - begin
    n_read = httpx.get(f"{address}/counted").json() - before
    times = sorted(row["seconds"] for row in rows)
    third = len(memory) // 3
    sample = [(row["name"], row["start"], row["end"]) for row in rows[:50]]
    return {
        "task": "hub_htsget",
        "format": reads.kind,
        "file_bytes": reads.path.stat().st_size,
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
        "samtools_read_bytes_per_region": samtools_bytes(reads, sample) // len(sample),
        "rss_mb_first_third": max(memory[:third] or memory) // 1024,
        "rss_mb_last_third": max(memory[2 * third :]) // 1024,
    }


if __name__ == "__main__":
    main()

"""How long the catalogue's searches take with many entries: python benchmarks/catalogue.py [N] [CATALOGUE].

Fills a new catalogue (a SQLite file in a temporary folder, or a path or PostgreSQL URL that is given) with N
made-up entries of three files and twenty searchable values each, then prints CPU milliseconds of this
process per search, the median of seven. For PostgreSQL, whose work is done by the server, read the wall time.
"""

import hashlib
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.catalogue import Catalogue, Query, parse_condition

N_PROJECTS, N_VALUES, KINDS = 50, 20, ("bam", "vcz", "vcf")

QUERIES = {
    "everything": Query(),
    "a word of one entry": Query("S004711"),
    "two words": Query("person 4711"),
    "a word of no entry": Query("zzz"),
    "a sample": Query(sample="S000500"),
    "a kind that all have": Query(kind="vcz"),
    "a value that 2 % have": Query(where=(parse_condition("group.value3>=59"),)),
    "a value that half have": Query(where=(parse_condition("group.value3>=30"),)),
    "all versions": Query(all_versions=True),
}


def _digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _rows(n: int) -> Iterator[tuple[type[models.Model], list[dict[str, Any]]]]:
    """Yield table and rows; numbers of rows are given so that no row is read back."""
    now, chance = datetime.now(UTC), random.Random(1)
    project = [i % N_PROJECTS + 1 for i in range(n)]
    yield models.Project, [{"id": i + 1, "name": f"project{i}", "created_at": now} for i in range(N_PROJECTS)]
    yield models.Measure, [{"id": i + 1, "name": f"group.value{i}"} for i in range(N_VALUES)]
    yield models.Sample, [{"id": i + 1, "project_id": project[i], "name": f"S{i:06d}"} for i in range(n)]
    yield (
        models.Dataset,
        [
            {
                "id": i + 1, "uuid": str(uuid.UUID(int=i)), "project_id": project[i], "name": f"S{i:06d}",
                "title": f"Genome of person {i} in cohort {i % 977}", "created_at": now,
            }
            for i in range(n)
        ],
    )  # fmt: skip
    yield (
        models.Entry,
        [
            {
                "id": i + 1, "digest": _digest(i), "data_digest": _digest("data", i), "dataset_id": i + 1,
                "provenance_digest": _digest("provenance"), "version": 1, "registered_at": now,
                "registered_by": "benchmark", "software": {}, "qc": {"list": list(range(200))},
            }
            for i in range(n)
        ],
    )  # fmt: skip
    yield models.EntrySample, [{"entry_id": i + 1, "sample_id": i + 1} for i in range(n)]
    for kind in KINDS:
        file = {"role": "result", "kind": kind, "relative": True}
        yield (
            models.File,
            [
                {
                    **file,
                    "entry_id": i + 1,
                    "path": f"{i}.{kind}",
                    "size_bytes": i + 1,
                    "sha256": _digest(kind, i),
                }
                for i in range(n)
            ],
        )
    for value in range(N_VALUES):
        measured = {"measure_id": value + 1}
        yield (
            models.Measurement,
            [{**measured, "entry_id": i + 1, "value": chance.random() * 60} for i in range(n)],
        )


def _fill(session: Session, n: int) -> None:
    for table, rows in _rows(n):
        session.execute(insert(table), rows)


def _time(name: str, work: Callable[[], Any]) -> None:
    cpu, wall = [], []
    for _ in range(7):
        before = time.process_time(), time.perf_counter()
        work()
        cpu.append(time.process_time() - before[0])
        wall.append(time.perf_counter() - before[1])
    print(f"{name:24s} {statistics.median(cpu) * 1e3:8.1f} {statistics.median(wall) * 1e3:8.1f}")


def main(n: int = 100_000, place: str | None = None) -> None:
    """Fill a catalogue and time it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Catalogue.create(place or f"{folder}/c.sqlite") as catalogue,
    ):
        with catalogue._database.write() as session:
            _fill(session, n)
        if catalogue.location.file is not None:
            print(f"{n:,} entries, {catalogue.location.file.stat().st_size / 1e6:.0f} MB")
        print(f"{'search for':24s} {'CPU ms':>8s} {'wall ms':>8s}")
        for name, query in QUERIES.items():
            _time(name, lambda query=query: catalogue.search(query))
        last = catalogue.search(limit=1).entries[0].id
        _time("an entry by its start", lambda: catalogue.get(last[:12]))
        _time("its history", lambda: catalogue.history(last[:12]))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, sys.argv[2] if len(sys.argv) > 2 else None)

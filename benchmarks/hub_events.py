"""What noting an access costs: events of many readers written one by one, and together in few commits.

    python benchmarks/hub_events.py [--catalogue URL] [--readers 50] [--events 2000]

Prints JSON: for each way the events per second and the milliseconds that a reader waits (median, p95).
"Alone" is a transaction for each event; "together" is ``genomehub.hub.access.journal``, which serves routes.
"""

import argparse
import concurrent.futures
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from genomehub.hub.access.journal import Journal
from genomehub.hub.access.principals import ANONYMOUS
from genomehub.hub.catalogue import Catalogue
from genomehub.hub.filing import EventLog


def now() -> datetime:
    return datetime.now(UTC)


def measure(write: Callable[[], None], readers: int, n_events: int) -> dict[str, float]:
    """Let readers write events at one time; return what it took."""

    def timed(_: int) -> float:
        start = time.perf_counter()
        write()
        return 1000 * (time.perf_counter() - start)

    start, cpu = time.perf_counter(), time.process_time()
    with concurrent.futures.ThreadPoolExecutor(readers) as pool:
        waits = sorted(pool.map(timed, range(n_events)))
    seconds = time.perf_counter() - start
    return {
        "events_per_second": round(n_events / seconds, 1),
        "wait_ms_median": round(statistics.median(waits), 2),
        "wait_ms_p95": round(waits[int(0.95 * len(waits))], 2),
        "cpu_ms_per_event": round(1000 * (time.process_time() - cpu) / n_events, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--catalogue", help="an empty PostgreSQL database; by default SQLite in a new folder")
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--events", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        where = options.catalogue or str(Path(folder) / "catalogue.sqlite")
        with Catalogue.create(where, actor="benchmark") as catalogue:
            database = catalogue.database
            journal = Journal(database, now)

            def alone() -> None:
                with database.write() as session:
                    EventLog(session, "anonymous", now()).append("access", None, None, {"reason": "permit"})

            def together() -> None:
                journal.record(ANONYMOUS, "access", reason="permit")

            ways = {"alone": alone, "together": together}
            result = {name: measure(way, options.readers, options.events) for name, way in ways.items()}
    print(json.dumps({"readers": options.readers, "events": options.events, **result}, indent=2))


if __name__ == "__main__":
    main()

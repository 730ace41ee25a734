"""What the service counts, for Prometheus.

Labels are the method, the route's template and the status: never a path, so their number is bounded. With
several worker processes each writes its counts to a file of its own in ``$PROMETHEUS_MULTIPROC_DIR``, which
``serve`` makes, and any of them answers for all.
"""

import os
import threading
import time
from collections.abc import Iterator

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from sqlalchemy import func, select

from genomehub import __version__
from genomehub.hub import models
from genomehub.hub.database import Database

MEDIA_TYPE = CONTENT_TYPE_LATEST
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
#: Seconds for which sizes of the catalogue are good: counting is not free in a large one.
_SIZES_SECONDS = 30.0
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

disable_created_metrics()  # a series for each series, of no use

REQUESTS = Counter("genomehub_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "genomehub_request_seconds", "From a request to the beginning of its answer.", ["method", "route"],
    buckets=_BUCKETS,
)  # fmt: skip
RECEIVED = Counter("genomehub_received_bytes", "Bytes of bodies of requests.", ["route"])
SENT = Counter("genomehub_sent_bytes", "Bytes of bodies of answers.", ["route"])
ERRORS = Counter("genomehub_errors", "Errors that were not foreseen.", ["route"])
OPEN = Gauge("genomehub_open_requests", "Requests being answered.", multiprocess_mode="livesum")
DOWNLOADS = Gauge("genomehub_open_downloads", "Answers being streamed.", multiprocess_mode="livesum")
CONNECTIONS = Gauge(
    "genomehub_database_connections", "Connections to the database in use.", multiprocess_mode="livesum"
)


class CatalogueSizes:
    """How much the catalogue holds, counted when it is asked, at most every half minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._families: list[GaugeMetricFamily] = []
        self._until = 0.0

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._families = list(self._count())
                self._until = time.monotonic() + _SIZES_SECONDS
        yield from self._families

    def _count(self) -> Iterator[GaugeMetricFamily]:
        version = GaugeMetricFamily("genomehub_info", "The program's version.", labels=["version"])
        version.add_metric([__version__], 1)
        yield version
        with self._database.read() as session:
            for name, text, table in (
                ("genomehub_catalogue_datasets", "Data sets.", models.Dataset),
                ("genomehub_catalogue_entries", "Versions of data sets.", models.Entry),
                ("genomehub_catalogue_events", "Events in the log.", models.Event),
            ):
                n_rows = session.scalar(select(func.count()).select_from(table))
                yield GaugeMetricFamily(name, text, value=n_rows or 0)
            results = models.File.role == "result"
            n_files, n_bytes = session.execute(
                select(func.count(), func.coalesce(func.sum(models.File.size_bytes), 0)).where(results)
            ).one()
            yield GaugeMetricFamily("genomehub_catalogue_files", "Files of results.", value=n_files)
            yield GaugeMetricFamily("genomehub_catalogue_bytes", "Their bytes.", value=int(n_bytes))
            notice = models.Notice
            waits = notice.sent_at.is_(None) & notice.given_up_at.is_(None)
            n_waiting = session.scalar(select(func.count()).select_from(notice).where(waits))
            yield GaugeMetricFamily("genomehub_notices_waiting", "E-mails to be sent.", value=n_waiting or 0)
            for name, text, column in (
                ("genomehub_publications", "Data sets by state.", models.Publication.state),
                ("genomehub_access_requests", "Requests for access by state.", models.AccessRequest.state),
            ):
                by_state = GaugeMetricFamily(name, text, labels=["state"])
                for state, n_rows in session.execute(select(column, func.count()).group_by(column)):
                    by_state.add_metric([state], n_rows)
                yield by_state


def exposition(sizes: CatalogueSizes) -> bytes:
    """Return everything in Prometheus' text format."""
    catalogue = CollectorRegistry()
    catalogue.register(sizes)
    requests = REGISTRY
    if MULTIPROCESS in os.environ:
        requests = CollectorRegistry()
        MultiProcessCollector(requests)
    return generate_latest(requests) + generate_latest(catalogue)


def forget_process() -> None:
    """Take back this process' gauges when it ends."""
    if MULTIPROCESS in os.environ:
        mark_process_dead(os.getpid())

"""Workers: a Dask cluster behind three verbs. No other module imports Dask.

Kernels release the GIL, so one process with one thread per core shares the memory-mapped reference and
the compiled kernels; a scheduler file attaches to workers on other nodes instead. Results come back in
the order of the items, so nothing downstream depends on who finished first.
"""

import asyncio
import collections
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

import dask
from distributed import Client, LocalCluster

Result = TypeVar("Result")

_SETTINGS = {
    "distributed.worker.memory.target": False,  # memory is bounded by the number of tasks in flight
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.admin.large-graph-warning-threshold": "1 GiB",
    "distributed.worker.daemon": False,
    # Watching itself costs Dask 5 % of a core while kernels run: samples of stacks, ticks, system load.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
}


def available_threads() -> int:
    """Cores this process may use: its CPU affinity, which SLURM and containers set."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _unless_timer(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Let asyncio report what nobody waited for, but for timers.

    Dask's senders wait with a time limit; if they are stopped when it has just run out, nobody asks for that
    TimeoutError any more, and asyncio would print it to the user at the end of a good run.
    """
    if not isinstance(context.get("exception"), TimeoutError):
        loop.default_exception_handler(context)


class Workers:
    """A pool of Dask workers for one stage.

    Parameters
    ----------
    threads : cores to use in local mode; None takes all that this process may use
    scheduler_file : attach to the cluster that wrote this file (``dask scheduler --scheduler-file``)

    Examples
    --------
    >>> with Workers(threads=1) as workers:
    ...     list(workers.map(abs, [-1, 2, -3]))
    [1, 2, 3]
    """

    def __init__(self, threads: int | None = None, scheduler_file: str | None = None) -> None:
        self.threads = threads or available_threads()
        self._scheduler_file = scheduler_file
        self._client: Client | None = None
        self._cluster: LocalCluster | None = None

    def __enter__(self) -> "Workers":
        dask.config.set(_SETTINGS)
        if self._scheduler_file is not None:
            self._client = Client(scheduler_file=self._scheduler_file)
            self.threads = sum(self._client.nthreads().values())
        else:
            self._cluster = LocalCluster(
                n_workers=1,
                threads_per_worker=self.threads,
                processes=False,
                dashboard_address=None,
                # They serve HTTP even without a dashboard: on this machine only, on any free port.
                worker_dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                memory_limit=0,
                silence_logs=logging.CRITICAL,  # a task's error reaches the user once, as the sentence it is
            )
            self._client = Client(self._cluster)
        loop = self._client.loop.asyncio_loop
        loop.call_soon_threadsafe(loop.set_exception_handler, _unless_timer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()
        if self._cluster is not None:
            self._cluster.close()
        self._client = self._cluster = None

    @property
    def is_local(self) -> bool:
        """Whether workers share this process's memory (so an item may hold arrays without being copied)."""
        return self._scheduler_file is None

    def map(
        self, function: Callable[[Any], Result], items: Iterable[Any], in_flight: int | None = None
    ) -> Iterator[Result]:
        """Yield ``function(item)`` for each item, in the order of ``items``.

        At most ``in_flight`` items (default: two per thread and one) are drawn ahead of the result that is
        being waited for: this bounds memory when items are large. The first error of a task is raised as it
        was, and what is still running is given up.
        """
        assert self._client is not None, "use Workers as a context manager"
        limit = in_flight or 2 * self.threads + 1
        pending: collections.deque[Any] = collections.deque()
        try:
            for item in items:
                pending.append(self._submit(function, item))
                while len(pending) >= limit:
                    yield self._result(pending)
            while pending:
                yield self._result(pending)
        finally:
            if (
                self._client is not None
            ):  # else it was closed, with all that was pending, before this iterator
                for future in pending:
                    future.cancel()

    def _submit(self, function: Callable[[Any], Any], item: Any) -> Any:
        assert self._client is not None
        # Scattered data reaches a worker of this process by reference; only its key enters the task graph.
        handle = self._client.scatter([item], hash=False)[0]
        return self._client.submit(function, handle, pure=False)

    @staticmethod
    def _result(pending: collections.deque[Any]) -> Any:
        future = pending.popleft()
        result = future.result()
        future.release()
        return result

"""How often somebody may try: counts for a sliding pair of windows, of one process or of several together.

A service of one process counts in its memory. Several processes count in a small SQLite file that lives as
long as they do, so that a limit is one however many they are. Services on several machines count apart.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from genomehub.errors import ResourceError, TooOftenError

#: Keys that are remembered; beyond, all are forgotten, so that many addresses take no memory.
_MAXIMAL_KEYS = 100_000


class Counts(Protocol):
    """Tries of each key in each window."""

    def get(self, key: str, window: int) -> int:
        """Return how many there were."""

    def add(self, key: str, window: int) -> int:
        """Count one more and return how many there were before; what is older than two windows may go."""


class OwnCounts:
    """Counts of this process."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()

    def get(self, key: str, window: int) -> int:
        """Return how many tries there were."""
        return self._counts.get((key, window), 0)

    def add(self, key: str, window: int) -> int:
        """Count one more and return how many there were before."""
        with self._lock:
            if len(self._counts) >= _MAXIMAL_KEYS:
                self._counts = {}
            before = self._counts.get((key, window), 0)
            self._counts[key, window] = before + 1
        return before


class SharedCounts:
    """Counts of all processes that open the same file, which ``make`` has made.

    Raises
    ------
    ResourceError
        The file cannot be read or written: nobody tries uncounted.
    """

    def __init__(self, file: Path, limit: str) -> None:
        self._limit, self._lock, self._newest = limit, threading.Lock(), 0
        with _sentence():
            self._connection = sqlite3.connect(file, timeout=5, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA synchronous = OFF")

    @staticmethod
    def make(file: Path) -> None:
        """Make the file, before processes open it."""
        with _sentence(), contextlib.closing(sqlite3.connect(file)) as made:
            made.execute("PRAGMA journal_mode = WAL")
            made.execute(
                "CREATE TABLE tries (name TEXT, key TEXT, period INTEGER, n INTEGER, "
                "PRIMARY KEY (name, key, period)) WITHOUT ROWID"
            )
            made.commit()

    def get(self, key: str, window: int) -> int:
        """Return how many tries there were."""
        asked = "SELECT n FROM tries WHERE name = ? AND key = ? AND period = ?"
        with self._lock, _sentence():
            row = self._connection.execute(asked, (self._limit, key, window)).fetchone()
        return int(row[0]) if row else 0

    def add(self, key: str, window: int) -> int:
        """Count one more and return how many there were before."""
        count = "INSERT INTO tries VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1 RETURNING n"
        with self._lock, _sentence():
            if window > self._newest:
                self._newest = window
                old = "DELETE FROM tries WHERE name = ? AND period < ?"
                self._connection.execute(old, (self._limit, window - 1)).close()
            ((n,),) = self._connection.execute(count, (self._limit, key, window)).fetchall()
        return int(n) - 1


@contextlib.contextmanager
def _sentence() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ResourceError(f"tries cannot be counted ({error}); look after the disk of $TMPDIR.") from error


class Limit:
    """At most so many tries in so many seconds for each key.

    The count of the former window weighs by what of it still lies within the last ``seconds``.
    """

    def __init__(
        self, tries: int, seconds: int, clock: Callable[[], datetime], counts: Counts | None = None
    ) -> None:
        self._tries, self._seconds, self._clock = tries, seconds, clock
        self._counts = counts or OwnCounts()

    def _now(self) -> tuple[int, float]:
        """Return the window's number and how far it is gone, in seconds."""
        window, into = divmod(self._clock().timestamp(), self._seconds)
        return int(window), into

    def _former(self, key: str, window: int, into: float) -> float:
        return (1 - into / self._seconds) * self._counts.get(key, window - 1)

    def check(self, key: str, what: str) -> None:
        """Return if there are tries left.

        Raises
        ------
        TooOftenError
        """
        window, into = self._now()
        if self._counts.get(key, window) + self._former(key, window, into) >= self._tries:
            wait = int(self._seconds - into) + 1
            raise TooOftenError(f"too many {what} from {key}. Try again in {wait} seconds.")

    def count(self, key: str) -> bool:
        """Count a try; tell whether it is within the limit."""
        window, into = self._now()
        return self._counts.add(key, window) + self._former(key, window, into) < self._tries

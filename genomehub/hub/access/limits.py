"""How often somebody may try: counts in memory, per process, for a sliding pair of windows."""

import threading
from collections.abc import Callable
from datetime import datetime

from genomehub.errors import TooOftenError

#: Keys that are remembered; beyond, all are forgotten, so that many addresses take no memory.
_MAXIMAL_KEYS = 100_000


class Limit:
    """At most so many tries in so many seconds for each key.

    The count of the former window weighs by what of it still lies within the last ``seconds``.
    """

    def __init__(self, tries: int, seconds: int, clock: Callable[[], datetime]) -> None:
        self._tries, self._seconds, self._clock = tries, seconds, clock
        self._counts: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()

    def _used(self, key: str) -> tuple[float, int, float]:
        window, into = divmod(self._clock().timestamp(), self._seconds)
        rest = 1 - into / self._seconds
        used = self._counts.get((key, int(window)), 0) + rest * self._counts.get((key, int(window) - 1), 0)
        return used, int(window), self._seconds - into

    def check(self, key: str, what: str) -> None:
        """Return if there are tries left.

        Raises
        ------
        TooOftenError
        """
        with self._lock:
            used, _, wait = self._used(key)
        if used >= self._tries:
            raise TooOftenError(f"too many {what} from {key}. Try again in {int(wait) + 1} seconds.")

    def count(self, key: str) -> bool:
        """Count a try; tell whether it is within the limit."""
        with self._lock:
            used, window, _ = self._used(key)
            if len(self._counts) >= _MAXIMAL_KEYS:
                self._counts = {}
            self._counts[key, window] = self._counts.get((key, window), 0) + 1
        return used < self._tries

"""The gate once more while bytes flow: a withdrawal ends a download that runs."""

from collections.abc import Iterator

from genomehub.hub.access.watch import Watch


class WithdrawnError(Exception):
    """The person may no longer read what is being sent."""


class Delivery:
    """Bytes on their way: counted, and stopped when the gate closes.

    n_bytes : handed on so far; complete : all were
    """

    def __init__(self, watch: Watch, parts: Iterator[bytes]) -> None:
        self._watch, self._parts = watch, parts
        self.n_bytes, self.complete = 0, False

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if not self._watch.holds:
                raise WithdrawnError
            yield part
            self.n_bytes += len(part)
        self.complete = True

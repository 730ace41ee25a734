"""The event log's writer under load: events of many requests go to the disk in one commit.

The log is a chain, so its events are written one after another, and each commit waits for the disk. Whoever
finds no writer at work writes what has gathered, for all; the others wait until theirs is on the disk. An
access is thus noted before its first byte is given out, and fifty readers cost a few commits.
``benchmarks/hub_events.py`` measures it.
"""

import dataclasses
import threading
from collections.abc import Callable
from datetime import datetime

from genomehub.errors import ResourceError
from genomehub.hub.access.principals import Principal
from genomehub.hub.database import Database
from genomehub.hub.filing import EventLog

#: Events in one commit.
AT_ONCE = 500


@dataclasses.dataclass
class _Note:
    """An event to be written: of whom, what, about which data set and entry (numbers), when."""

    actor: str
    action: str
    dataset_id: int | None
    entry_id: int | None
    detail: dict[str, object]
    time: datetime
    done: bool = False
    failure: Exception | None = None


class Journal:
    """Appends events for many threads."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock
        self._waiting: list[_Note] = []
        self._turn = threading.Condition()
        self._writing = False

    def record(
        self,
        principal: Principal,
        action: str,
        dataset_id: int | None = None,
        entry_id: int | None = None,
        **detail: object,
    ) -> None:
        """Append an event; return when it is on the disk.

        Not to be called while the thread has a session open, of reading or writing: it would wait for itself.

        Raises
        ------
        ResourceError
            It could not be written; what was to be noted must then not happen.
        """
        note = _Note(principal.actor, action, dataset_id, entry_id, detail, self._clock())
        with self._turn:
            self._waiting.append(note)
        while notes := self._my_turn(note):
            self._write(notes)
        if note.failure is not None:
            raise ResourceError("the event log cannot be written, so nothing is given out.") from note.failure

    def _my_turn(self, note: _Note) -> list[_Note]:
        """Wait until the note is written, or until nobody writes; return what is then to be written."""
        with self._turn:
            self._turn.wait_for(lambda: note.done or not self._writing)
            if note.done:
                return []
            self._writing = True
            notes, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
            return notes

    def _write(self, notes: list[_Note]) -> None:
        try:
            self._commit(notes)
        except Exception:
            for note in notes:  # one by one, so that one that cannot be written fails alone
                try:
                    self._commit([note])
                except Exception as error:
                    note.failure = error
        with self._turn:
            for note in notes:
                note.done = True
            self._writing = False
            self._turn.notify_all()

    def _commit(self, notes: list[_Note]) -> None:
        with self._database.write() as session:
            for note in notes:
                EventLog(session, note.actor, note.time).append_about(
                    note.action, note.dataset_id, note.entry_id, note.detail
                )

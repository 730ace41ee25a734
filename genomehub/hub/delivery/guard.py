"""The gate once more while bytes flow: a withdrawal ends a download that runs."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from genomehub.errors import NotAuthenticatedError
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.people import principal_of
from genomehub.hub.access.principals import Principal
from genomehub.hub.database import Database

#: How often the gate is asked again, whichever comes first.
CHECK_SECONDS, CHECK_BYTES = 1.0, 8 << 20


class WithdrawnError(Exception):
    """The person may no longer read what is being sent."""


def person(database: Database, person_id: int) -> Principal:
    """Return the person of a link, as they are now.

    Raises
    ------
    NotAuthenticatedError
        They are no longer there, or disabled.
    """
    with database.read() as session:
        found = session.get(models.Person, person_id)
        if found is None or found.disabled_at is not None:
            raise NotAuthenticatedError("the link has ended or is not one of this hub; ask for a new one.")
        return principal_of(found, "link")


class Delivery:
    """Bytes on their way: counted, and stopped when the gate closes.

    n_bytes : handed on so far; complete : all were
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        person_id: int,
        dataset_id: int,
        parts: Iterator[bytes],
    ) -> None:
        self._database, self._clock = database, clock
        self._person_id, self._dataset_id = person_id, dataset_id
        self._parts = parts
        self.n_bytes, self.complete = 0, False

    def __iter__(self) -> Iterator[bytes]:
        asked, n_since = time.monotonic(), 0
        for part in self._parts:
            if n_since >= CHECK_BYTES or time.monotonic() - asked >= CHECK_SECONDS:
                if not self._may():
                    raise WithdrawnError
                asked, n_since = time.monotonic(), 0
            yield part
            self.n_bytes += len(part)
            n_since += len(part)
        self.complete = True

    def _may(self) -> bool:
        try:
            principal = person(self._database, self._person_id)
        except NotAuthenticatedError:
            return False
        with self._database.read() as session:
            dataset = session.get_one(models.Dataset, self._dataset_id)
            return Gate(session, principal, self._clock()).decide(Action.READ, dataset).allowed

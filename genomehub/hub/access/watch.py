"""Watches over what runs long: a download or a stream asks again, chunk by chunk, whether it may go on.

The gate decides when a request comes. A permit that is withdrawn, a person who is disabled, a token that is
revoked after that must stop what still runs.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime

from genomehub.errors import GenomehubError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.people import recall, remember
from genomehub.hub.access.principals import Principal
from genomehub.hub.database import Database

#: The database is asked at most this often for one download.
SECONDS = 1.0


class Watch:
    """May this principal still do this to this data set? Cheap enough to ask for every chunk.

    >>> watch = Watch(hub.database, principal, Action.READ, dataset.id, hub.clock)  # doctest: +SKIP
    >>> for chunk in chunks:                                                        # doctest: +SKIP
    ...     watch.check()
    ...     yield chunk
    """

    def __init__(
        self,
        database: Database,
        principal: Principal,
        action: Action,
        dataset_id: int,
        clock: Callable[[], datetime],
        seconds: float = SECONDS,
    ) -> None:
        self._database, self._action, self._dataset_id = database, action, dataset_id
        self._remembered, self._means = remember(principal), principal.means
        self._clock, self._seconds = clock, seconds
        self._asked, self._lock = time.monotonic(), threading.Lock()

    def check(self) -> None:
        """Return if it may go on.

        Raises
        ------
        NotFoundError, NotAuthenticatedError, NotAllowedError
            As the gate would answer now.
        """
        with self._lock:
            if time.monotonic() - self._asked < self._seconds:
                return
            now = self._clock()
            with self._database.read() as session:
                principal = recall(session, self._remembered, now, self._means)
                dataset = session.get(models.Dataset, self._dataset_id)
                if dataset is None:
                    raise NotFoundError("the data set is no longer there.")
                Gate(session, principal, now).require(self._action, dataset, dataset.uuid)
            self._asked = time.monotonic()

    @property
    def holds(self) -> bool:
        """Whether it may go on."""
        try:
            self.check()
        except GenomehubError:
            return False
        return True

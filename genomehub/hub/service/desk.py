"""What routes need for access, opened once for a hub: keys, login provider, passports, journal, limits."""

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from genomehub.errors import GenomehubError
from genomehub.hub.access.audit import Seals
from genomehub.hub.access.journal import Journal
from genomehub.hub.access.keys import KeyRing, Remote, open_keys
from genomehub.hub.access.limits import Limit, SharedCounts
from genomehub.hub.access.oidc import Provider
from genomehub.hub.access.visas import Clearinghouse, Issuer
from genomehub.hub.database import Database
from genomehub.hub.service.settings import Settings

if TYPE_CHECKING:
    from genomehub.hub.service.context import Hub

_log = logging.getLogger("genomehub.hub")

#: Where the provider sends browsers back to.
CALLBACK = "/auth/callback"


@dataclasses.dataclass(frozen=True)
class AccessDesk:
    """What access works with.

    provider : None if there is none, and people have tokens only
    wrong_credentials, logins : tries per address and minute; refusals : noted in the event log, per minute
    """

    journal: Journal
    keys: KeyRing
    seals: Seals
    provider: Provider | None
    clearinghouse: Clearinghouse
    issuer: Issuer
    wrong_credentials: Limit
    logins: Limit
    refusals: Limit


def open_desk(
    settings: Settings, database: Database, clock: Callable[[], datetime], beside: Path, tries: Path | None
) -> AccessDesk:
    """Return the desk of a hub.

    Parameters
    ----------
    beside : file of the keys if the settings name none; seals lie beside it
    tries : file in which all processes of the service count tries; None where there is one process
    """

    def limit(name: str, most: int) -> Limit:
        """Return a limit of so many a minute."""
        return Limit(most, 60, clock, None if tries is None else SharedCounts(tries, name))

    file = settings.keys_file or beside
    keys, remote = open_keys(file), Remote()
    url = settings.public_url.rstrip("/")
    return AccessDesk(
        journal=Journal(database, clock),
        keys=keys,
        seals=Seals(file.with_suffix(".seals"), keys),
        provider=_provider(settings, url, remote, clock),
        clearinghouse=Clearinghouse(settings.visa_issuers, url, remote, clock),
        issuer=Issuer(keys, url, settings.organisation_url, settings.visa_seconds),
        wrong_credentials=limit("wrong credentials", 20),
        logins=limit("logins", 30),
        refusals=limit("refusals", 60),
    )


def _provider(settings: Settings, url: str, remote: Remote, clock: Callable[[], datetime]) -> Provider | None:
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    secret = settings.oidc_client_secret
    return Provider(
        settings.oidc_issuer,
        settings.oidc_client_id,
        None if secret is None else secret.get_secret_value(),
        scopes=settings.oidc_scopes,
        redirect_uri=url + CALLBACK,
        audience=settings.oidc_audience or url,
        remote=remote,
        clock=clock,
    )


@contextlib.contextmanager
def sealing(hub: "Hub") -> Iterator[None]:
    """Sign the event log's head at the start, every ``seal_seconds``, and at the end."""
    stop = threading.Event()

    def seal() -> None:
        try:
            with hub.database.read() as session:
                hub.desk.seals.seal(session, hub.clock())
        except (GenomehubError, OSError) as error:
            _log.error("the event log's head could not be sealed: %s", error)

    def keep_sealing() -> None:
        while not stop.wait(hub.settings.seal_seconds):
            seal()

    seal()
    thread = threading.Thread(target=keep_sealing, name="seals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        seal()

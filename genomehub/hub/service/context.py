"""What the routes work with: settings, the catalogue's database, the signing key, the clock."""

import dataclasses
import functools
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from itsdangerous import URLSafeTimedSerializer
from sqlalchemy.orm import Session

from genomehub.errors import ConfigError
from genomehub.hub import models
from genomehub.hub.access.diseases import Diseases, read_diseases
from genomehub.hub.access.principals import Principal
from genomehub.hub.catalogue import Catalogue
from genomehub.hub.database import Database, Tuning
from genomehub.hub.filing import EventLog
from genomehub.hub.notices.occasions import Occasions
from genomehub.hub.service.desk import AccessDesk, open_desk
from genomehub.hub.service.settings import Settings


def now_utc() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclasses.dataclass(frozen=True)
class Hub:
    """What every route works with; ``request.app.state.hub``.

    secret : signs sessions and links
    clock : tests turn it
    tries : file in which all processes of the service count tries; None where there is one process
    """

    settings: Settings
    catalogue: Catalogue
    secret: str
    clock: Callable[[], datetime] = now_utc
    tries: Path | None = None

    @functools.cached_property
    def desk(self) -> AccessDesk:
        """What access to data works with: keys, provider, passports, journal, limits."""
        beside = self.secret_file.with_suffix(".keys")
        return open_desk(self.settings, self.database, self.clock, beside, self.tries)

    @property
    def diseases(self) -> Diseases:
        """MONDO's tree, for the DUO match."""
        return read_diseases(self.settings.mondo)

    @property
    def secret_file(self) -> Path:
        """Where the secret is; other files of the service's own lie beside it."""
        return _secret_file(self.settings, self.catalogue.location.folder)

    @property
    def database(self) -> Database:
        """The catalogue's database: ``with hub.database.read() as session``, ``.write()``."""
        return self.catalogue.database

    def signer(self, purpose: str) -> URLSafeTimedSerializer:
        """Return what signs and reads tokens of one purpose; one for another purpose is not accepted."""
        return URLSafeTimedSerializer(self.secret, salt=f"genomehub.{purpose}")

    def note(
        self,
        session: Session,
        principal: Principal,
        action: str,
        dataset: models.Dataset | None = None,
        entry: models.Entry | None = None,
        **detail: object,
    ) -> None:
        """Append to the event log what a principal did or was refused; the session holds the write lock."""
        EventLog(session, principal.actor, self.clock()).append(action, dataset, entry, detail)

    def tell(self, session: Session, by: Principal) -> Occasions:
        """Return what puts letters about a change into the outbox: with the change, or not at all."""
        settings = self.settings
        strangers = settings.oidc_issuer is not None and settings.oidc_everybody
        return Occasions(session, by, self.clock(), settings.mail_server is not None, strangers)


def open_hub(settings: Settings, clock: Callable[[], datetime] = now_utc, tries: Path | None = None) -> Hub:
    """Open the catalogue and the key, which is made at the first start."""
    if settings.mondo is not None:
        read_diseases(settings.mondo)  # what is wrong with it is told now
    tuning = Tuning(
        connections=settings.database_connections,
        lock_seconds=settings.lock_seconds,
        read_seconds=settings.request_seconds * 0.8,  # before the request itself is given up
    )
    catalogue = Catalogue.open(settings.catalogue, tuning)
    return Hub(settings, catalogue, _secret(settings, catalogue.location.folder), clock, tries)


def _secret_file(settings: Settings, folder: Path | None) -> Path:
    if settings.secret_file is not None:
        return settings.secret_file
    if folder is not None:
        return folder / "hub.secret"
    raise ConfigError("secret_file: is needed with PostgreSQL. Name a file that only the service can read.")


def _secret(settings: Settings, folder: Path | None) -> str:
    file = _secret_file(settings, folder)
    try:
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as made:
            made.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    secret = file.read_text().strip()
    if len(secret) < 32:
        raise ConfigError(
            f"{file}: holds {len(secret)} characters; a key of at least 32 is expected. "
            "Remove it to get a new one."
        )
    return secret

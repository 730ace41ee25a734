"""The thread that empties the outbox, warns of permits that end soon, and forgets old letters."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from genomehub.hub.notices import occasions, outbox
from genomehub.hub.notices.outbox import AT_ONCE
from genomehub.hub.notices.sending import Delivery, MailServer, deliver
from genomehub.hub.service.settings import Settings

if TYPE_CHECKING:
    from genomehub.hub.service.context import Hub

_log = logging.getLogger("genomehub.hub")
#: Seconds between looks for permits that end soon.
_ROUND_SECONDS = 3600.0
#: Seconds that the service's end waits for a letter under way; what is not noted then is sent again.
_PATIENCE = 5.0


def mail_server(settings: Settings) -> MailServer | None:
    """Return where letters go to; None where the hub sends none."""
    if settings.mail_server is None:
        return None
    password = settings.mail_password
    return MailServer(
        host=settings.mail_server,
        port=settings.mail_port,
        security=settings.mail_security,
        user=settings.mail_user,
        password=None if password is None else password.get_secret_value(),
        sender=settings.mail_from or settings.contact_email,
        reply_to=settings.contact_email,
        site=settings.name,
        url=settings.public_url,
        language=settings.default_language,
        give_up=timedelta(days=settings.mail_days),
    )


def look_round(hub: "Hub") -> None:
    """Put warnings of permits that end soon into the outbox, and forget what was sent long ago."""
    now, days = hub.clock(), hub.settings.permit_warning_days
    with hub.database.read() as session:
        if not (occasions.unwarned(session, days, now) or outbox.has_old(session, now)):
            return
    with hub.database.write() as session:
        occasions.warn(session, days, now)
        outbox.forget(session, now)


def empty(hub: "Hub", server: MailServer) -> None:
    """Send what is due, turn by turn, until nothing is or the mail server takes no more."""
    while True:
        done = deliver(hub.database, server, hub.clock)
        if done.failure:
            _log.warning("e-mail waits: %s:%d: %s", server.host, server.port, done.failure)
        elif done != Delivery():
            _log.info("e-mail: sent=%d dropped=%d later=%d", done.n_sent, done.n_dropped, done.n_postponed)
        if done.failure or done.n_sent + done.n_dropped + done.n_postponed < AT_ONCE:
            return


@contextlib.contextmanager
def posting(hub: "Hub") -> Iterator[None]:
    """Empty the outbox at the start, and every ``mail_seconds``; without a mail server do nothing."""
    server = mail_server(hub.settings)
    if server is None:
        yield
        return
    stop, wait = threading.Event(), hub.settings.mail_seconds

    def work() -> None:
        since_round = _ROUND_SECONDS
        while True:
            try:
                if since_round >= _ROUND_SECONDS:
                    look_round(hub)
                    since_round = 0.0
                empty(hub, server)
            except Exception:  # whatever it was, the next letters must go
                _log.exception("e-mail could not be sent")
            since_round += wait
            if stop.wait(wait):
                return

    thread = threading.Thread(target=work, name="postman", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=_PATIENCE)

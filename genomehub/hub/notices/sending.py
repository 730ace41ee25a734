"""From the outbox to a mail server: what is due is taken, written, sent over one connection, and noted.

A mail server that is down, or refuses for now, costs nothing but time: the letters stay and are tried again.
One that says that it will never take a letter, as for an address that it does not know, is believed.
"""

import dataclasses
import logging
import smtplib
import ssl
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal
from urllib.parse import urlsplit

from genomehub.hub import models
from genomehub.hub.database import Database
from genomehub.hub.filing import EventLog
from genomehub.hub.notices import outbox
from genomehub.hub.pages.letters import Letter, compose

_log = logging.getLogger("genomehub.hub")
#: Seconds of silence after which a mail server is given up for now.
SILENCE = 20
#: Who sends, in the event log.
ACTOR = "hub"
Security = Literal["starttls", "tls", "none"]
#: What a refusal may mean: not now, or never.
_NEVER = 500


@dataclasses.dataclass(frozen=True)
class MailServer:
    """Where letters go to, and from whom.

    security : "starttls" (encrypted before anything is said), "tls" (from the beginning) or "none"
    sender, reply_to : addresses; site : what the hub is called; url : its address; language : the usual one
    give_up : how long a letter is tried
    """

    host: str
    port: int
    security: Security
    user: str | None
    password: str | None = dataclasses.field(repr=False)
    sender: str
    reply_to: str
    site: str
    url: str
    language: str
    give_up: timedelta

    def connect(self) -> smtplib.SMTP:
        """Return a connection that is encrypted and logged in as the settings say.

        Raises
        ------
        OSError, smtplib.SMTPException
        """
        name = urlsplit(self.url).hostname or "localhost"
        server: smtplib.SMTP
        if self.security == "tls":
            context = ssl.create_default_context()
            server = smtplib.SMTP_SSL(self.host, self.port, name, timeout=SILENCE, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, name, timeout=SILENCE)
        try:
            if self.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self.user is not None:
                server.login(self.user, self.password or "")
        except BaseException:
            server.close()
            raise
        return server

    def message(self, letter: Letter, notice: models.Notice, now: datetime) -> EmailMessage:
        """Return a letter as it is sent.

        Raises
        ------
        ValueError, MessageError
            The address is none.
        """
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(self.site, addr_spec=self.sender)
        message["To"] = Address(" ".join(letter.name.split()), addr_spec=letter.address)
        if self.reply_to != self.sender:
            message["Reply-To"] = Address(addr_spec=self.reply_to)
        message["Subject"] = " ".join(letter.subject.split())
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{notice.uuid}@{urlsplit(self.url).hostname}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers of absence, please
        message.set_content(letter.body)
        message["Content-Language"] = letter.language
        return message


@dataclasses.dataclass(frozen=True)
class Delivery:
    """How a turn went. n_dropped : had nobody or nothing to tell; failure : of the server, "" if none."""

    n_sent: int = 0
    n_dropped: int = 0
    n_postponed: int = 0
    failure: str = ""


def deliver(database: Database, server: MailServer, clock: Callable[[], datetime]) -> Delivery:
    """Send some of what is due."""
    with database.read() as session:
        if not outbox.is_due(session, clock()):
            return Delivery()
    with database.write() as session:
        numbers = [notice.id for notice in outbox.take(session, clock())]
    turn = _Turn(database, server, clock)
    written = turn.write(numbers)
    if written:
        turn.send(written)
    return Delivery(turn.n_sent, turn.n_dropped, turn.n_postponed, turn.failure)


@dataclasses.dataclass
class _Turn:
    """The letters that one process has taken."""

    database: Database
    server: MailServer
    clock: Callable[[], datetime]
    n_sent: int = 0
    n_dropped: int = 0
    n_postponed: int = 0
    failure: str = ""

    def write(self, numbers: Iterable[int]) -> list[tuple[int, EmailMessage]]:
        """Return the letters with the numbers of their notices; those without reason are dropped."""
        written: list[tuple[int, EmailMessage]] = []
        idle: dict[int, str] = {}
        server, now = self.server, self.clock()
        with self.database.read() as session:
            for number in numbers:
                notice = session.get_one(models.Notice, number)
                letter = compose(
                    session, notice, now, site=server.site, url=server.url, language=server.language
                )
                if letter is None:
                    idle[number] = "nobody or nothing to tell any more"
                    continue
                try:
                    written.append((number, server.message(letter, notice, now)))
                except (ValueError, MessageError) as error:
                    idle[number] = f"the address cannot be written to: {error}"[:300]
        if idle:
            with self.database.write() as session:
                for number, why in idle.items():
                    outbox.drop(session.get_one(models.Notice, number), why, now)
        self.n_dropped = len(idle)
        return written

    def send(self, written: list[tuple[int, EmailMessage]]) -> None:
        """Send letters over one connection, and note each as soon as the server has it."""
        began, left = time.monotonic(), list(written)
        try:
            with self.server.connect() as connection:
                while left and time.monotonic() - began < outbox.TURN.total_seconds() / 2:
                    self._send(connection, *left[0])
                    left.pop(0)
        except (OSError, smtplib.SMTPException) as error:
            self.failure = _sentence(error)
        if left:
            with self.database.write() as session:
                for number, _ in left:
                    self._postpone(session.get_one(models.Notice, number), self.failure or "no time left")

    def _send(self, connection: smtplib.SMTP, number: int, message: EmailMessage) -> None:
        """Send one letter.

        Raises
        ------
        OSError, smtplib.SMTPException
            The server takes no more letters now.
        """
        never = ""
        try:
            connection.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, said),) = error.recipients.values()
            never, failure = _refused(code, said)
        except smtplib.SMTPDataError as error:
            never, failure = _refused(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
            never = failure = _sentence(error)
        else:
            failure = ""
        with self.database.write() as session:
            notice, now = session.get_one(models.Notice, number), self.clock()
            if never:
                outbox.drop(notice, never, now)
                self.n_dropped += 1
            elif failure:
                return self._postpone(notice, failure)
            else:
                outbox.sent(notice, now)
                self.n_sent += 1
            to = {"invitation": notice.detail["about"]}  # the log names no address
            if notice.person is not None:
                to = {"person": notice.person.uuid}
            detail: dict[str, object] = {"kind": notice.kind, **to}
            action = "notice-fail" if never else "notice-send"
            EventLog(session, ACTOR, now).append_about(action, None, None, detail)

    def _postpone(self, notice: models.Notice, failure: str) -> None:
        outbox.postpone(notice, failure, self.clock(), self.server.give_up)
        self.n_postponed += 1


def _refused(code: int, said: bytes | str) -> tuple[str, str]:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    sentence = f"the mail server answered {code} {text}"[:300]
    return (sentence if code >= _NEVER else ""), sentence


def _sentence(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _refused(error.smtp_code, error.smtp_error)[1]
    return f"{type(error).__name__}: {error}"[:300]

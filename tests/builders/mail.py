"""A mail server on loopback that keeps what it gets, can be rude, stopped and started again.

mailing(world, server)   gives a hub that server for its letters
MailServer               ``with MailServer() as server``; server.letters, server.answer, server.hold
trusted_tls(folder)      a certificate for 127.0.0.1, and the file that makes it trusted
"""

import asyncio
import dataclasses
import datetime
import email
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from builders.hub import World
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from genomehub.hub.notices.sending import Delivery, deliver
from genomehub.hub.notices.sending import MailServer as Settled
from genomehub.hub.service.postman import mail_server


class MailServer:
    """Speaks SMTP on a free port of loopback.

    letters : what was accepted, in order
    answer : of the address to what is answered to it, such as "550 no such person"; None takes it
    most : so many letters are taken, the next one gets no answer for a long time; then ``held`` is set
    """

    def __init__(self, **options: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.letters: list[EmailMessage] = []
        self.answer: Callable[[str], str | None] = lambda address: None
        self.most: int | None = None
        self.held = threading.Event()
        self._options = options
        self._controller: Controller | None = None

    def __enter__(self) -> "MailServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.most = None
        self.stop()

    def start(self) -> None:
        self._controller = Controller(self, "127.0.0.1", self.port, **self._options)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        refused = self.answer(address)
        if refused is None:
            envelope.rcpt_tos.append(address)
        return refused or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        late = False
        while self.most is not None and len(self.letters) >= self.most:
            late = True
            self.held.set()
            await asyncio.sleep(0.05)
        if late:
            return "451 too late"
        message = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.letters.append(message)
        return "250 taken"

    def to(self, address: str) -> list[EmailMessage]:
        """Return the letters to an address."""
        return [one for one in self.letters if address in one["To"]]


def mailing(world: World, server: MailServer, **settings: Any) -> None:
    """Let a hub send its letters to a server."""
    told = {"mail_server": "127.0.0.1", "mail_port": server.port, "mail_security": "none"} | settings
    changed = world.hub.settings.model_copy(update=told)
    world.hub = dataclasses.replace(world.hub, settings=changed)


def post(world: World) -> Delivery:
    """Send what is due now."""
    server = mail_server(world.hub.settings)
    assert isinstance(server, Settled)
    return deliver(world.hub.database, server, world.clock)


def trusted_tls(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context, and the file of its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, secret = folder / "loopback.pem", folder / "loopback.key"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, secret)
    return context, file


def knows(name: str, password: str) -> Callable[..., AuthResult]:
    """Return what lets one name with its password in."""

    def check(server: Any, session: Any, envelope: Any, mechanism: str, given: LoginPassword) -> AuthResult:
        fits = (given.login, given.password) == (name.encode(), password.encode())
        return AuthResult(success=fits, handled=False)

    return check

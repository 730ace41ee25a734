"""Running the service: the socket, the worker processes, slow and oversized headers, an orderly end.

Each worker process opens the catalogue for itself. Their settings come from the same file and variables;
options of the command line reach them as variables.
"""

import asyncio
import errno
import json
import logging
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from genomehub.errors import ResourceError
from genomehub.hub.access.limits import SharedCounts
from genomehub.hub.service import logs
from genomehub.hub.service.context import open_hub
from genomehub.hub.service.settings import FILE_VARIABLE, PREFIX, Settings, read_settings

_END = b"\r\n\r\n"  # of headers
#: Variable that names the folder where worker processes count together: requests, and tries.
_MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_TRIES = "tries.sqlite"
_log = logging.getLogger("genomehub.hub")


class BoundedProtocol(HttpToolsProtocol):
    """HTTP as the server speaks it, with an end to headers that are too long or never come."""

    max_header_bytes = 32 * 2**10
    idle_seconds = 30.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._header_bytes = 0
        self._last = b""  # of the headers so far
        self._in_headers = True  # or before them
        self._header_timer: asyncio.TimerHandle | None = None
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_headers:
            known = self._last + data
            end = known.find(_END)
            self._header_bytes += len(data) if end < 0 else end + len(_END) - len(self._last)
            self._last = known[1 - len(_END) :]
            if self._header_bytes > self.max_header_bytes:  # also where all of it came at once
                self._refuse(431, f"the headers are larger than {self.max_header_bytes} bytes.")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True
        self._wait_for_headers()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_headers = True

    def on_headers_complete(self) -> None:
        self._in_headers, self._header_bytes, self._last = False, 0, b""
        self._headers_came()
        super().on_headers_complete()

    def _wait_for_headers(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.idle_seconds, self._too_slow)

    def _headers_came(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _too_slow(self) -> None:
        self._refuse(408, f"the headers did not come within {self.idle_seconds:g} s.")

    def send_400_response(self, msg: str) -> None:
        """Say as a problem, too, that what came is no HTTP."""
        self._refuse(400, "what came is no HTTP as it is spoken here.")

    def _refuse(self, status: int, sentence: str) -> None:
        self._headers_came()
        if self.transport.is_closing():
            return
        _log.warning("a connection was closed: %s", sentence)
        phrase = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}[status]
        told = {"type": "about:blank", "title": phrase, "status": status, "detail": sentence}
        body = json.dumps(told).encode()
        head = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def application() -> ASGIApp:
    """Make the application of a worker process: its settings are in the environment."""
    from genomehub.hub.service.app import create_app  # not before the folder of counts has a name

    settings = settings_of_environment()
    logs.configure(settings.log_format, settings.log_level)
    BoundedProtocol.max_header_bytes = settings.max_header_bytes
    BoundedProtocol.idle_seconds = settings.idle_seconds
    counts = os.environ.get(_MULTIPROCESS)
    return create_app(open_hub(settings, tries=Path(counts) / _TRIES if counts else None))


def settings_of_environment() -> Settings:
    """Return the settings of the file that the environment names, and of its variables."""
    return read_settings(file_of_environment())


def file_of_environment() -> Path | None:
    """Return the file of settings that the environment names."""
    file = os.environ.get(FILE_VARIABLE)
    return Path(file) if file else None


def export(file: Path | None, options: dict[str, Any]) -> None:
    """Put options of the command line into the environment, for this process and its workers."""
    if file is not None:
        os.environ[FILE_VARIABLE] = str(file)
    for name, value in options.items():
        os.environ[f"{PREFIX}{name.upper()}"] = str(value)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens there.

    Raises
    ------
    ResourceError
        The port is taken or not allowed, or the machine has no such address.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ResourceError(
            f"{host}: is no address of this machine ({error.strerror}). Check host."
        ) from error
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
        sock.listen(2048)
    except OSError as error:
        sock.close()
        what = {
            errno.EADDRINUSE: "another program listens there. Stop it, or choose another port",
            errno.EACCES: "ports below 1024 are the system's. Choose another, behind a reverse proxy",
            errno.EADDRNOTAVAIL: "this machine has no such address. Check host",
        }.get(error.errno or 0, f"cannot listen there ({error.strerror})")
        raise ResourceError(f"{host}:{port}: {what}.") from error
    sock.set_inheritable(True)
    return sock


def serve(settings: Settings, sock: socket.socket) -> None:
    """Answer requests on a socket until the process is told to stop; open ones may end.

    The settings must be those of the environment (``export``): workers read them there.
    """
    config = configuration(settings)
    if settings.workers == 1:
        uvicorn.Server(config).run(sockets=[sock])
        return
    with tempfile.TemporaryDirectory(prefix="genomehub-counts-") as counts:
        os.environ[_MULTIPROCESS] = counts
        SharedCounts.make(Path(counts) / _TRIES)
        Multiprocess(config, sockets=[sock]).run()


def configuration(settings: Settings, app: ASGIApp | None = None) -> uvicorn.Config:
    """Return how the server runs; without ``app`` each worker makes it of the environment's settings."""
    return uvicorn.Config(
        app or "genomehub.hub.service.server:application",
        factory=app is None,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        workers=settings.workers,
        proxy_headers=True,
        forwarded_allow_ips=settings.proxies,
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )

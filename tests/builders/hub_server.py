"""The service as it is run, with chosen settings, and a bare socket to be rude with."""

import contextlib
import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import APIRouter

from genomehub.hub.service.app import create_app
from genomehub.hub.service.context import Hub
from genomehub.hub.service.server import BoundedProtocol, bind, configuration


@contextlib.contextmanager
def serving(hub: Hub, *routers: APIRouter, **settings: Any) -> Iterator[str]:
    """Serve a hub with other settings and further routes on a free port; yield its address."""
    sock = bind("127.0.0.1", 0)
    address = f"http://127.0.0.1:{sock.getsockname()[1]}"
    changed = hub.settings.model_copy(update={"public_url": address, **settings})
    app = create_app(dataclasses.replace(hub, settings=changed))
    for router in routers:
        app.include_router(router)
    config = configuration(changed, app)
    config.http = type(
        "Protocol",
        (BoundedProtocol,),
        {"idle_seconds": changed.idle_seconds, "max_header_bytes": changed.max_header_bytes},
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([sock],), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the service did not start"
        time.sleep(0.02)
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join(30)


def raw(address: str, data: bytes, seconds: float = 10) -> bytes:
    """Send bytes and return whatever comes until the service closes, or for ``seconds``."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        received = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            while chunk := connection.recv(65536):
                received += chunk
    return received

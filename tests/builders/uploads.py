"""Uploads as a client of tus makes them, and the service as a process of its own that can be killed."""

import base64
import contextlib
import dataclasses
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
from builders.hub import World

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
_SERVE = """
import json, sys, uvicorn
from genomehub.hub.service.app import create_app
from genomehub.hub.service.context import open_hub
from genomehub.hub.service.settings import Settings
settings = Settings(**json.loads(sys.argv[1]))
uvicorn.run(create_app(open_hub(settings)), port=int(sys.argv[2]), log_level="warning")
"""


def metadata(**told: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())


def checksum(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


def configured(world: World, **settings: Any) -> World:
    """The world with other settings."""
    hub = dataclasses.replace(world.hub, settings=world.hub.settings.model_copy(update=settings))
    return dataclasses.replace(world, hub=hub)


def begin(client: Any, name: str, size: int, dataset: str = "new", **told: str) -> Any:
    told = {"project": "genomes", **told}
    headers = {
        **TUS,
        "Upload-Length": str(size),
        "Upload-Metadata": metadata(name=name, dataset=dataset, **told),
    }
    return client.post("/api/uploads", headers=headers)


def send(client: Any, url: str, data: bytes, offset: int = 0, **headers: str) -> Any:
    return client.patch(url, headers={**OCTETS, "Upload-Offset": str(offset), **headers}, content=data)


def sent(client: Any, *paths: Path, dataset: str = "new", **told: str) -> str:
    """Send files whole; return the identifier of the upload."""
    for path in paths:
        data = path.read_bytes()
        answer = begin(client, path.name, len(data), dataset, **told)
        assert answer.status_code == 201, answer.text
        assert send(client, answer.headers["location"], data).status_code == 204
    return str(answer.headers["upload-session"])


def complete(client: Any, upload: str, **said: Any) -> dict[str, Any]:
    answer = client.post(f"/api/uploads/{upload}/complete?wait=60", json=said)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


class Service:
    """The service in a process of its own; ``end_all`` ends those that a failed test left."""

    _started: ClassVar[list[subprocess.Popen[bytes]]] = []

    @classmethod
    def end_all(cls) -> None:
        while cls._started:
            process = cls._started.pop()
            process.kill()
            process.wait()

    def __init__(self, world: World, **settings: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = world.hub.settings.model_copy(update={"public_url": self.url, **settings})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Service":
        settings = self._settings.model_dump_json(exclude_none=True)
        self._process = subprocess.Popen([sys.executable, "-c", _SERVE, settings, str(self.port)])
        self._started.append(self._process)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert self._process.poll() is None, "the service did not start"
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health").status_code == 200:
                    return self
            time.sleep(0.05)
        raise AssertionError("the service does not answer")

    def kill(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def client(self, token: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


@contextlib.contextmanager
def service(world: World, **settings: Any) -> Iterator[Service]:
    running = Service(world, **settings).start()
    try:
        yield running
    finally:
        running.kill()

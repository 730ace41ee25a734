"""What requests may be: for which host, with how many headers, how encoded, how slow.

The size of bodies is bounded by the framework (``max_body_size``, also while a body is streamed and without a
Content-Length); the size of headers and their slowness by ``server``, which alone sees them come.
"""

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from genomehub.hub.service.problems import problem
from genomehub.hub.service.settings import Settings

#: Slowest rate at which a body may come over its whole length, in bytes per second, past the first silence.
SLOWEST = 1024
#: Asked by load balancers and monitors under the machine's address.
_ANY_HOST = frozenset({"/health", "/ready", "/metrics"})
#: Tasks that were given up and still wait for their thread; a set keeps them from being collected.
_given_up: set[asyncio.Task[None]] = set()


class Limits:
    """Refuses what no route should see, and cuts off what takes too long."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._hosts = settings.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            status, sentence = refusal
            answer = problem(status, sentence)
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        await _Timed(self._app, self._settings, receive, send).run(scope)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        if len(headers) > self._settings.max_headers:
            return 431, f"{len(headers)} headers; at most {self._settings.max_headers} are taken."
        if "*" not in self._hosts and scope["path"] not in _ANY_HOST:
            host = _name(headers.get("host", ""))
            if host not in self._hosts:
                return (
                    421,
                    f"{host[:80]!r}: this is not the hub's name. Its address: {self._settings.public_url}",
                )
        if b"%00" in scope["query_string"] or "\x00" in scope["path"]:
            return 400, "the address holds the character NUL. Leave it out."
        if headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            return 415, "the body is compressed; only plain ones are taken. Leave Content-Encoding out."
        return None


def _name(host: str) -> str:
    """Return a Host header's name without its port.

    >>> _name("Hub.example.org:8000"), _name("[::1]:8000")
    ('hub.example.org', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


class _Timed:
    """One request: its body may not come too slowly, its answer not begin too late nor be read too slowly."""

    def __init__(self, app: ASGIApp, settings: Settings, receive: Receive, send: Send) -> None:
        self._app, self._settings = app, settings
        self._receive, self._send = receive, send
        self._began = self._turned = time.monotonic()
        self._received = 0
        #: how far it is: its body is being read, is whole, the answer has begun
        self._reading = self._whole = self._started = False
        #: how it went wrong: the client is too slow, the answer was given in another's place
        self._too_slow = self._closed = False

    async def run(self, scope: Scope) -> None:
        task = asyncio.ensure_future(self._app(scope, self.receive, self.send))
        limit = self._settings.request_seconds
        while not task.done():
            left = limit
            if not self._started and not self._reading:
                left = self._turned + limit - time.monotonic()
                if left <= 0:
                    break
            await asyncio.wait({task}, timeout=left)
        if task.done():
            if not self._too_slow:
                task.result()
            elif not task.cancelled():
                task.exception()  # it is known
            return
        self._closed = True  # its thread cannot be stopped; whatever it still says is dropped
        _given_up.add(task)
        task.add_done_callback(_given_up.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        late = problem(503, f"no answer within {limit:g} s. Ask for less at a time.")
        await late(scope, self._receive, self._send)

    async def receive(self) -> Message:
        if self._whole or self._started:
            return await self._receive()
        self._reading = True
        silence = self._settings.idle_seconds
        left = min(silence, self._began + silence + self._received / SLOWEST - time.monotonic())
        try:
            async with asyncio.timeout(left):
                message = await self._receive()
        except TimeoutError:
            self._too_slow = True
            return {"type": "http.disconnect"}
        self._received += len(message.get("body", b""))
        if not message.get("more_body", False):
            self._whole, self._reading, self._turned = True, False, time.monotonic()
        return message

    async def send(self, message: Message) -> None:
        if self._closed:
            return
        if self._too_slow and not self._started:
            self._closed = True
            silence = f"nothing for {self._settings.idle_seconds:g} s"
            sentence = (
                f"the body came too slowly: {silence}, or below {SLOWEST} bytes a second. Send it again."
            )
            slow = problem(408, sentence)
            slow.headers["Connection"] = "close"
            await slow({"type": "http"}, self._receive, self._send)
            return
        if not self._started and message.get("status") == 413 and _is_plain(message):
            self._closed = True  # the framework's own answer is no problem detail
            sentence = "the body is larger than is taken here. Send less, or use an upload."
            await problem(413, sentence)({"type": "http"}, self._receive, self._send)
            return
        self._started = True
        try:
            async with asyncio.timeout(self._settings.idle_seconds):
                await self._send(message)
        except TimeoutError:
            self._too_slow = self._closed = True
            raise ClientTooSlowError from None


def _is_plain(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith("text/plain")


class ClientTooSlowError(OSError):
    """A client took nothing of its answer for too long; its connection is closed."""

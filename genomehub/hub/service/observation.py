"""Around every request: its number, its line in the log, what is counted of it, and errors not foreseen.

It stands outside of everything else, so that it sees every answer. A request's line and its counts name the
route's template (``/api/datasets/{identifier}``), never the path or the query.
"""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from genomehub.hub.access.principals import Principal
from genomehub.hub.database import Database
from genomehub.hub.service import metrics
from genomehub.hub.service.logs import FIELDS

REQUEST_ID = "X-Request-ID"
#: What a proxy may give as a request's number; anything else is replaced.
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Asked every few seconds by machines: logged only if they fail.
_QUIET = frozenset({"/health", "/ready", "/metrics"})

_access = logging.getLogger("genomehub.hub.access")
_log = logging.getLogger("genomehub.hub")


class Observation:
    """Outermost layer of the application."""

    def __init__(self, app: ASGIApp, database: Database) -> None:
        self._app, self._database = app, database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = _Exchange(scope, receive, send)
        metrics.OPEN.inc()
        try:
            await self._app(scope, seen.receive, seen.send)
        except Exception as error:
            seen.failed(error)
            raise
        finally:
            metrics.OPEN.dec()
            metrics.CONNECTIONS.set(self._database.connections)
            seen.ended()


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        given = Headers(scope=scope).get(REQUEST_ID, "")
        self._id = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = self._id
        self._began = time.perf_counter()
        self._status, self._received, self._sent = 0, 0, 0
        self._streaming = self._whole = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            MutableHeaders(scope=message)[REQUEST_ID] = self._id
            seconds = time.perf_counter() - self._began
            metrics.SECONDS.labels(self._method, self._route).observe(seconds)
        elif message["type"] == "http.response.body":
            more = message.get("more_body", False)
            if more and not self._streaming:
                self._streaming = True
                metrics.DOWNLOADS.inc()
            self._whole = not more
            self._sent += len(message.get("body", b""))
        await self._send(message)

    def failed(self, error: Exception) -> None:
        """Log an error that was not foreseen, under the request's number."""
        metrics.ERRORS.labels(self._route).inc()
        fields = {"request": self._id, "method": self._method, "route": self._route}
        _log.error("error of ours", exc_info=error, extra={FIELDS: fields})

    def ended(self) -> None:
        """Count the request and write its line."""
        if self._streaming:
            metrics.DOWNLOADS.dec()
        status = self._status or 500
        route, method = self._route, self._method
        metrics.REQUESTS.labels(method, route, status).inc()
        metrics.RECEIVED.labels(route).inc(self._received)
        metrics.SENT.labels(route).inc(self._sent)
        if route in _QUIET and status < 400:
            return
        principal = self._scope["state"].get("principal")
        fields = {
            "request": self._id,
            "method": method,
            "route": route,
            "status": status,
            "ms": round(1000 * (time.perf_counter() - self._began), 1),
            "bytes": self._sent,
            "received": self._received or None,
            "who": principal.uuid if isinstance(principal, Principal) and principal.known else None,
            "client": (self._scope.get("client") or [None])[0],
            "cut_off": None if self._whole else True,
        }
        _access.info("request", extra={FIELDS: fields})

    @property
    def _method(self) -> str:
        method: str = self._scope["method"]
        return method if method in _METHODS else "other"

    @property
    def _route(self) -> str:
        route = self._scope.get("route")
        template = getattr(route, "path_format", None) or getattr(route, "path", None)
        # Routes of the framework itself (/openapi.json) have no template; their function has a name.
        return str(template or getattr(self._scope.get("endpoint"), "__name__", "none"))

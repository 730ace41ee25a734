"""Requests to a hub: its token, patience where it is busy, and its errors as ours.

The token goes to the hub itself and to nobody else, whatever a ticket or link says.
"""

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from genomehub import errors
from genomehub.errors import ConfigError, GenomehubError, InputError, ResourceError

#: Busy, or a proxy's way of saying so: worth another try.
_AGAIN = frozenset({429, 502, 503, 504})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TRIES = 6
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_TIMEOUT = httpx.Timeout(60, connect=20)


class CutOffError(ResourceError):
    """An answer ended before its end; a download goes on from there."""


class Transport:
    """Sends requests to one hub.

    Parameters
    ----------
    url : of the hub
    token : of its account page, or None for a visitor
    sleep : waits between tries; tests pass another
    """

    def __init__(self, url: str, token: str | None, sleep: Callable[[float], None] = time.sleep) -> None:
        try:
            self._origin = httpx.URL(url.rstrip("/"))
        except httpx.InvalidURL as error:
            raise ConfigError(f"{url!r}: is no address of a hub ({error}). Give https://NAME.") from error
        if self._origin.scheme not in ("http", "https") or not self._origin.host:
            raise ConfigError(f"{url!r}: is no address of a hub. Give one that begins with https://.")
        self.url, self._token, self._sleep = str(self._origin), token, sleep
        self._client = httpx.Client(timeout=_TIMEOUT, follow_redirects=True)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def json(self, method: str, path: str, **options: Any) -> Any:
        """Return the JSON of an answer."""
        with self.open(method, path, **options) as answer:
            body = answer.read()
            try:
                return answer.json()
            except ValueError as error:
                kind = answer.headers.get("content-type", "nothing")
                raise InputError(
                    f"{answer.url}: {len(body)} bytes of {kind} where JSON was expected. Is this a hub?"
                ) from error

    @contextlib.contextmanager
    def open(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Iterator[httpx.Response]:
        """Yield an answer whose body is still to be read.

        Parameters
        ----------
        path : of the hub, or a whole URL that it gave
        headers : to be sent; if they authorize, the token is left out

        Raises
        ------
        GenomehubError
            Of the class that the answer's status stands for, with the hub's sentence.
        """
        url = httpx.URL(path) if "://" in path else httpx.URL(self.url + path)
        sent = {"Accept": "application/json", **self._authorization(url, headers or {}), **(headers or {})}
        request = self._client.build_request(method, url, headers=sent, **options)
        answer = self._patiently(request)
        try:
            if answer.status_code >= 400:
                answer.read()
                raise _error(answer)
            yield answer
        except httpx.TransportError as error:
            raise CutOffError(
                f"{self.url}: the answer was cut off ({error or type(error).__name__}). Run the same again."
            ) from error
        finally:
            answer.close()

    def _authorization(self, url: httpx.URL, headers: Mapping[str, str]) -> dict[str, str]:
        ours = (url.scheme, url.host, url.port) == (self._origin.scheme, self._origin.host, self._origin.port)
        if self._token is None or not ours or any(name.lower() == "authorization" for name in headers):
            return {}
        return {"Authorization": f"Bearer {self._token}"}

    def _patiently(self, request: httpx.Request) -> httpx.Response:
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            try:
                answer = self._client.send(request, stream=True)
            except httpx.TransportError as error:
                unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if last or not (unsent or request.method in _SAFE):
                    raise self.unreachable(error) from error
                self._sleep(_pause(attempt, None))
                continue
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise InputError(f"{request.url}: is no address that can be asked ({error}).") from error
            again = answer.status_code in (_AGAIN if request.method in _SAFE else {429})
            if last or not again:
                return answer
            wait = answer.headers.get("retry-after")
            answer.close()
            self._sleep(_pause(attempt, wait))
        raise AssertionError("the last try returns or raises")

    def unreachable(self, error: Exception) -> ResourceError:
        """Return the error for a hub that does not answer."""
        return ResourceError(
            f"{self.url}: does not answer ({error or type(error).__name__}). Check address and network."
        )


def _pause(attempt: int, asked: str | None) -> float:
    """Return seconds to wait: what the hub asks for, else twice as long each time, with some chance in it."""
    if asked is not None and asked.isdigit():
        return min(float(asked), _LONGEST_PAUSE)
    return float(min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE) * random.uniform(0.5, 1))


def _error(answer: httpx.Response) -> GenomehubError:
    """Return an answer's error in the class of its status, with its sentence."""
    number = answer.headers.get("x-request-id")
    where = f"{answer.request.url.copy_with(query=None)}: " if number is None else ""
    sentence = _sentence(answer) or f"HTTP status {answer.status_code}"
    kind = next((kind for kind, _, status in errors.CODES if status == answer.status_code), None)
    if kind is None or not issubclass(kind, GenomehubError):
        kind = ResourceError if answer.status_code >= 500 or answer.status_code in _AGAIN else InputError
    if kind is errors.StoreError:
        sentence += f" (request {number})" if number else ""
    return kind(f"{where}{sentence}")


def _sentence(answer: httpx.Response) -> str | None:
    """Return what a problem detail, a DRS or an htsget error says."""
    try:
        body = answer.json()
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    htsget = body.get("htsget")
    told = (
        body.get("detail") or body.get("msg") or (htsget.get("message") if isinstance(htsget, dict) else None)
    )
    faults = body.get("errors")
    if isinstance(faults, list):
        places = [f"{fault.get('in')}: {fault.get('what')}" for fault in faults if isinstance(fault, dict)]
        return "; ".join(places[:5]) or str(told)
    return None if told is None else str(told)

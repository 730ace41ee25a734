"""Answers in pieces: bounded memory, an end when the gate closes, and a note of what was sent."""

import logging
from collections.abc import Callable, Iterator, Mapping

from anyio import CancelScope
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.types import Send

from genomehub.errors import GenomehubError
from genomehub.hub.delivery.guard import WithdrawnError

_log = logging.getLogger("genomehub.hub")


class Streamed(StreamingResponse):
    """Sends parts as they come; ``done`` is called once, whatever ended it.

    Where it ends early the connection is closed, so that the client sees that something is missing.
    """

    def __init__(
        self,
        parts: Iterator[bytes],
        done: Callable[[], None],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str = "application/octet-stream",
    ) -> None:
        super().__init__(parts, status_code, headers, media_type)
        self._done = done

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except WithdrawnError:
            _log.info("a download was ended: its permit no longer holds")
        except GenomehubError as error:
            _log.error("a download broke off: %s", error)
        finally:
            with CancelScope(shield=True):
                await run_in_threadpool(self._done)

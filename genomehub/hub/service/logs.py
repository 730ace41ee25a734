"""The service's log on standard error: one line for an event, as text or as JSON.

A request's line is ours (``observation``), not the server's: it names the route's template instead of the
path, and never a query, a header or a token.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Literal

#: Attribute of a log record that holds its fields.
FIELDS = "fields"
#: Logged by the server for errors that we have logged already, with their number.
_TWICE = ("Exception in ASGI application", "ASGI callable returned without completing response")


class _Text(logging.Formatter):
    """``2026-11-28T09:00:00.123Z info request method=GET route=/health status=200``"""

    def format(self, record: logging.LogRecord) -> str:
        fields = {key: value for key, value in getattr(record, FIELDS, {}).items() if value is not None}
        words = [_time(record), record.levelname.lower(), record.getMessage()]
        words += [f"{key}={_word(value)}" for key, value in fields.items()]
        line = " ".join(words)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Json(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the fields, and the stack of an error."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        event |= {key: value for key, value in getattr(record, FIELDS, {}).items() if value is not None}
        if record.exc_info:
            event["stack"] = self.formatException(record.exc_info)
        return json.dumps(event, default=str)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _word(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and not set(text) & set(' "=') else json.dumps(text)


def _not_twice(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_TWICE)


def configure(form: Literal["text", "json"], level: str) -> None:
    """Send our log and the server's to standard error in one form."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if form == "json" else _Text())
    handler.addFilter(_not_twice)
    for name in ("genomehub", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        # The server tells of each start and stop, and a worker of each connection: only what is wrong counts.
        logger.setLevel(level.upper() if name == "genomehub" else max(logging.WARNING, _number(level)))
    logging.getLogger("uvicorn.access").disabled = True


def _number(level: str) -> int:
    number = logging.getLevelName(level.upper())
    return number if isinstance(number, int) else logging.INFO

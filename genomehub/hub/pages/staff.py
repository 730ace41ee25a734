"""The event log's page: what an auditor asks for, in words."""

import dataclasses
from datetime import UTC, date, datetime, time, timedelta

from genomehub.errors import ConfigError
from genomehub.hub.access.audit import Filter


@dataclasses.dataclass(frozen=True)
class LogFilter:
    """What of the log is shown; everything given must hold. Days are in UTC."""

    action: str = ""
    person: str = ""
    dataset: str = ""
    since: str = ""
    until: str = ""

    def asked(self, before: int | None = None) -> Filter:
        """Return it as the log understands it.

        Raises
        ------
        ConfigError
            A day is none.
        """
        until = _day(self.until)
        return Filter(
            action=self.action or None, who=self.person or None, about=self.dataset or None,
            since=_day(self.since), until=None if until is None else until + timedelta(days=1), before=before,
        )  # fmt: skip


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{text[:40]!r} is no day; 2026-11-28 is expected.") from error
    if not 1970 <= day.year <= 9000:
        raise ConfigError(f"{text[:40]!r} is out of range; a day from 1970 to 9000 is expected.")
    return datetime.combine(day, time(), UTC)

"""E-mails that wait to be sent, and those that were."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from genomehub.hub.models.access import Person
from genomehub.hub.models.base import Json, Model, Name, RowId, UtcTime


class Notice(Model):
    """Somebody is to be told of something by e-mail; the letter is written when it is sent.

    uuid : names the letter (``Message-ID``), also when it is sent a second time
    once : of an occasion and a person, so that nobody is told twice
    person_id : who is told; null for somebody whom the hub does not know, of whom it has an ``address`` only
    kind : one of ``hub.pages.letters``; detail : what it is about, by identifiers
    due_at : when to try next; while a process tries, the end of its turn
    given_up_at : it could not be sent for days, or is not true any more; failure : why
    """

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    once: Mapped[str] = mapped_column(Name, unique=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    address: Mapped[str | None] = mapped_column(Name)
    kind: Mapped[str] = mapped_column(String(30))
    detail: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    due_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    tries: Mapped[int]
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    given_up_at: Mapped[datetime | None] = mapped_column(UtcTime)
    failure: Mapped[str | None] = mapped_column(Text)

    person: Mapped[Person | None] = relationship()

"""The outbox: letters to be sent, kept in the catalogue with the change that they tell of.

A letter is put in within the transaction of the change, so there is none without the other. Whoever sends
takes some at a time (``take``): that is a turn of ten minutes, in which no other process takes them. One
that is killed loses its turn and nothing else; what it had sent and not yet noted is sent again, under the
same ``Message-ID``. SMTP promises no more than that.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, delete, exists, or_, select
from sqlalchemy.orm import Session

from genomehub.hub import models

#: How long who has taken letters may take to send them.
TURN = timedelta(minutes=10)
#: Letters taken at a time.
AT_ONCE = 20
#: Sent letters are remembered for so long, so that nobody is warned twice of the end of a permit.
REMEMBERED = timedelta(days=400)
#: A stranger is written to once in so long, whoever invites them, and their address is kept no longer.
STRANGERS_REST = timedelta(days=30)
_LONGEST_WAIT = timedelta(hours=6)


def put(
    session: Session, kind: str, people: Iterable[models.Person], about: str, mark: str, now: datetime
) -> int:
    """Put letters to people into the outbox; return how many are new.

    Parameters
    ----------
    kind : one of ``letters.LETTERS``; about : uuid of the request, permit or extension
    mark : tells this occasion from others of its kind about the same
    """
    n_new = 0
    for person in people:
        once = f"{kind}:{about}:{mark}:{person.id}"
        if session.scalar(select(exists().where(models.Notice.once == once))):
            continue
        session.add(
            models.Notice(
                uuid=str(uuid.uuid4()), once=once, person_id=person.id, kind=kind, detail={"about": about},
                created_at=now, due_at=now, tries=0,
            )
        )  # fmt: skip
        session.flush()
        n_new += 1
    return n_new


def put_stranger(session: Session, kind: str, address: str, about: str, now: datetime) -> bool:
    """Put a letter to somebody whom the hub does not know into the outbox, if they had none for a while."""
    notice = models.Notice
    lately = select(exists().where(notice.address == address, notice.created_at > now - STRANGERS_REST))
    if session.scalar(lately):
        return False
    session.add(
        notice(
            uuid=str(uuid.uuid4()), once=f"{kind}:{about}:stranger", address=address, kind=kind,
            detail={"about": about}, created_at=now, due_at=now, tries=0,
        )
    )  # fmt: skip
    session.flush()
    return True


def is_due(session: Session, now: datetime) -> bool:
    """Tell whether there is anything to send now."""
    return bool(session.scalar(select(_due(now).exists())))


def _due(now: datetime) -> Select[tuple[models.Notice]]:
    notice = models.Notice
    return select(notice).where(notice.sent_at.is_(None), notice.given_up_at.is_(None), notice.due_at <= now)


def take(session: Session, now: datetime) -> Sequence[models.Notice]:
    """Take some letters that are due, for a turn; the session holds the write lock."""
    taken = session.scalars(_due(now).order_by(models.Notice.due_at, models.Notice.id).limit(AT_ONCE)).all()
    for notice in taken:
        notice.tries += 1
        notice.due_at = now + TURN
    session.flush()
    return taken


def sent(notice: models.Notice, now: datetime) -> None:
    """Note that the mail server has a letter."""
    notice.sent_at, notice.failure = now, None


def postpone(notice: models.Notice, failure: str, now: datetime, give_up: timedelta) -> None:
    """Try a letter later: after a minute, two, four, up to six hours; not for ever."""
    if now - notice.created_at >= give_up:
        return drop(notice, failure, now)
    notice.failure = failure
    notice.due_at = now + min(timedelta(minutes=2 ** min(notice.tries - 1, 12)), _LONGEST_WAIT)


def drop(notice: models.Notice, why: str, now: datetime) -> None:
    """Give a letter up."""
    notice.given_up_at, notice.failure = now, why


def has_old(session: Session, now: datetime) -> bool:
    """Tell whether letters were sent or given up long ago."""
    return bool(session.scalar(select(exists().where(_old(now)))))


def forget(session: Session, now: datetime) -> None:
    """Remove letters that were sent or given up long ago."""
    session.execute(delete(models.Notice).where(_old(now)))


def _old(now: datetime) -> ColumnElement[bool]:
    notice, before = models.Notice, now - REMEMBERED
    done = or_(notice.sent_at.is_not(None), notice.given_up_at.is_not(None))
    stranger = and_(notice.address.is_not(None), notice.created_at <= now - STRANGERS_REST, done)
    return or_(notice.sent_at < before, notice.given_up_at < before, stranger)

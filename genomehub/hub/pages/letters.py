"""Letters: what e-mails say, in their receiver's language, of what that person may see when they are sent.

A letter names the study, days and numbers, and where to read more; reasons, data sets and people stand behind
the login. What the receiver may not see any more, or is not so any more, is no letter.
"""

import dataclasses
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import NotFoundError
from genomehub.hub import models
from genomehub.hub.access import extensions, permits, requests, studies
from genomehub.hub.access.gate import Gate
from genomehub.hub.access.people import principal_of
from genomehub.hub.access.permits import PermitState
from genomehub.hub.pages.texts import N_, Words

FOOT = N_(
    "You get this because of your part in %(site)s. On your account page you choose the language of such "
    "messages, or that you want none: %(account)s"
)

#: Subject, text and foot of an invitation to somebody whom the hub does not know: the address may be a
#: mistake, or anybody's, so it tells neither the study nor who invites, and carries no words of theirs.
STRANGER = (
    N_("You are invited to a study"),
    N_(
        "Somebody invites you to their study at %(site)s, where genome data for research are described and "
        "asked for. Log in with this e-mail address until %(day)s: your page of studies says which it is, "
        "and who is in it:"
    ),
    N_(
        "You get this because your address was given to %(site)s for an invitation. If you expect none, do "
        "nothing: nobody is told whether you read this, and you get at most one such message in 30 days."
    ),
)


@dataclasses.dataclass(frozen=True)
class Letter:
    """A letter to one person."""

    name: str
    address: str
    language: str
    subject: str
    body: str


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a letter is about, as its receiver may see it. still : whether there is reason to tell of it."""

    study: str
    path: str
    still: bool
    ends: datetime | None = None


#: kind -> subject, text
LETTERS: dict[str, tuple[str, str]] = {
    "request-waits": (
        N_("A request waits for your decision"),
        N_(
            "The study “%(study)s” asks for data that you decide about. Its request, and how long it "
            "may wait:"
        ),
    ),
    "request-returned": (
        N_("Questions about your request"),
        N_("A steward returned the request of your study “%(study)s” with questions. Read and answer them:"),
    ),
    "request-granted": (
        N_("Your request was granted"),
        N_("The request of your study “%(study)s” was granted. What it covers, and under which conditions:"),
    ),
    "request-refused": (
        N_("Your request was refused"),
        N_("The request of your study “%(study)s” was refused. Read why:"),
    ),
    "study-invites": (
        N_("A study invites you"),
        N_(
            "The study “%(study)s” invites you to join it, until %(day)s. Your studies, where you find the "
            "invitation:"
        ),
    ),
    "permit-ends": (
        N_("A permit ends on %(day)s"),
        N_(
            "The permit of your study “%(study)s” ends on %(day)s. After that day its data are not given "
            "out any more. Who leads the study can ask for it to hold longer:"
        ),
    ),
    "permit-changed": (
        N_("A permit now holds until %(day)s"),
        N_("A steward has set another end for the permit of your study “%(study)s”. It holds until %(day)s:"),
    ),
    "permit-withdrawn": (
        N_("A permit was withdrawn"),
        N_("The permit of your study “%(study)s”, or a part of it, was withdrawn. Read why:"),
    ),
    "extension-waits": (
        N_("A study asks for a longer permit"),
        N_(
            "The study “%(study)s” asks that its permit, which ends on %(day)s, hold longer. It waits for "
            "you:"
        ),
    ),
    "extension-granted": (
        N_("Your permit holds longer"),
        N_("The permit of your study “%(study)s” was extended. It holds until %(day)s:"),
    ),
    "extension-refused": (
        N_("Your permit was not extended"),
        N_("The permit of your study “%(study)s” was not extended; it ends on %(day)s. Read why:"),
    ),
}


def compose(
    session: Session, notice: models.Notice, now: datetime, *, site: str, url: str, language: str
) -> Letter | None:
    """Return the letter, or None if there is nobody or nothing any more to tell.

    Parameters
    ----------
    site : what the hub is called; url : how the world reaches it; language : where a person chose none
    """
    person = notice.person
    if person is None:
        return _to_stranger(session, notice, now, site=site, url=url, language=language)
    if person.disabled_at is not None or person.unsubscribed_at is not None or not person.email:
        return None
    gate = Gate(session, principal_of(person, "notice"), now)
    try:
        about = _FOUND[notice.kind.partition("-")[0]](session, gate, notice, now)
    except NotFoundError:
        return None
    if not about.still:
        return None
    words = Words(person.language or language)
    values = {"study": " ".join(about.study.split()), "day": words.day(about.ends)}
    subject, text = LETTERS[notice.kind]
    foot = words.say(FOOT, site=site, account=f"{url}/{words.language}/account")
    body = "\n\n".join((words.say(text, **values), f"{url}/{words.language}{about.path}", f"-- \n{foot}"))
    return Letter(
        person.name, person.email, words.language, f"[{site}] {words.say(subject, **values)}", body + "\n"
    )


def _to_stranger(
    session: Session, notice: models.Notice, now: datetime, *, site: str, url: str, language: str
) -> Letter | None:
    """Return an invitation to somebody whom the hub does not know, unless by now it does."""
    address = notice.address or ""
    known = session.scalar(select(models.Person.id).where(models.Person.email == address).limit(1))
    try:
        about = _open_invitation(session, address, notice, now)
    except NotFoundError:
        return None
    if known is not None:
        return None
    words = Words(language)
    subject, text, foot = (words.say(one, site=site, day=words.day(about.ends)) for one in STRANGER)
    body = "\n\n".join((text, f"{url}/{words.language}{about.path}", f"-- \n{foot}"))
    return Letter("", address, words.language, f"[{site}] {subject}", body + "\n")


def _request(session: Session, gate: Gate, notice: models.Notice, now: datetime) -> Subject:
    request = requests.find_request(session, gate, notice.detail["about"])
    state = {"request-waits": "submitted", "request-returned": "returned"}
    still = request.state == state.get(notice.kind, request.state)
    return Subject(request.study.title, f"/requests/{request.uuid}", still)


def _permit(session: Session, gate: Gate, notice: models.Notice, now: datetime) -> Subject:
    permit = permits.find_permit(session, gate, notice.detail["about"])
    holds = permits.state_of(permit, now) is PermitState.VALID
    still = holds or notice.kind == "permit-withdrawn"
    return Subject(permit.study.title, f"/permits/{permit.uuid}", still, permit.ends_at)


def _extension(session: Session, gate: Gate, notice: models.Notice, now: datetime) -> Subject:
    extension = extensions.find_extension(session, gate, notice.detail["about"])
    permit = extension.permit
    still = notice.kind != "extension-waits" or extension.state == "submitted"
    return Subject(permit.study.title, f"/permits/{permit.uuid}", still, permit.ends_at)


def _invitation(session: Session, gate: Gate, notice: models.Notice, now: datetime) -> Subject:
    return _open_invitation(session, notice.person.email if notice.person else None, notice, now)


def _open_invitation(session: Session, email: str | None, notice: models.Notice, now: datetime) -> Subject:
    held = studies.open_invitations(session, now, email=email) if email else []
    invitation = next((one for one in held if one.uuid == notice.detail["about"]), None)
    if invitation is None:
        raise NotFoundError("the invitation was accepted or has expired, or the address is another one.")
    return Subject(invitation.study.title, "/studies", True, invitation.expires_at)


_FOUND: dict[str, Callable[[Session, Gate, models.Notice, datetime], Subject]] = {
    "request": _request, "permit": _permit, "extension": _extension, "study": _invitation,
}  # fmt: skip

"""Who may do what: people, their roles and tokens; studies, what they ask for, and permits.

A *study* is what the Health Data Hub and the EHDS call a project: people with a purpose who ask for data.
It is not the ``project`` that holds data sets.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from genomehub.hub.models.base import Digest, Json, Model, Name, RowId, UtcTime
from genomehub.hub.models.catalogue import Dataset, Event

Index("ix_event_actor", Event.actor)  # what one person did is asked often


class Person(Model):
    """Somebody, or a program, that acts here; ``uuid`` names them in tokens and in the event log.

    language : of e-mails to them, None where the hub's is good; unsubscribed_at : since then they want none
    """

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    name: Mapped[str] = mapped_column(Name)
    email: Mapped[str | None] = mapped_column(Name, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    language: Mapped[str | None] = mapped_column(String(2))
    unsubscribed_at: Mapped[datetime | None] = mapped_column(UtcTime)

    roles: Mapped[list["RoleGrant"]] = relationship(back_populates="person")


class Identity(Model):
    """How an OpenID provider knows a person: its ``iss`` and ``sub``."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    issuer: Mapped[str] = mapped_column(Name)
    subject: Mapped[str] = mapped_column(Name)

    person: Mapped[Person] = relationship()


class RoleGrant(Model):
    """A role of a person: in one project that holds data sets, or everywhere if ``project_id`` is null."""

    __tablename__ = "role_grant"
    __table_args__ = (
        UniqueConstraint("person_id", "role", "project_id"),
        CheckConstraint(
            "role IN ('holder', 'steward', 'researcher', 'auditor', 'administrator')", name="role"
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    role: Mapped[str] = mapped_column(String(20))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("project.id"))

    person: Mapped[Person] = relationship(back_populates="roles")


class ApiToken(Model):
    """A token for programs; only the SHA-256 of its secret is kept."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    label: Mapped[str] = mapped_column(Name)
    digest: Mapped[str] = mapped_column(Digest, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)

    person: Mapped[Person] = relationship()


class LoginSession(Model):
    """A login in a browser: ended here, its cookie is worth nothing. Only the SHA-256 of its secret is kept.

    expires_at : at the latest; seen_at : when it was last used, to within minutes
    token_id : of the token that it was begun with, if there is no provider
    visas : GA4GH grants that the provider sent at login: [[issuer, data set's uuid, seconds since 1970], ...]
    """

    __tablename__ = "login_session"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    digest: Mapped[str] = mapped_column(Digest, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    visas: Mapped[list[Any] | None] = mapped_column(Json)
    token_id: Mapped[int | None] = mapped_column(ForeignKey("api_token.id"))

    person: Mapped[Person] = relationship()
    token: Mapped[ApiToken | None] = relationship()


class Study(Model):
    """People with a purpose who ask for data."""

    __tablename__ = "study"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    title: Mapped[str] = mapped_column(Text)
    summary: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    members: Mapped[list["StudyMember"]] = relationship(back_populates="study")


class StudyMember(Model):
    """A person of a study; its lead asks for data and names the others."""

    __tablename__ = "study_member"

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)
    lead: Mapped[bool]

    study: Mapped[Study] = relationship(back_populates="members")
    person: Mapped[Person] = relationship()


class StudyInvitation(Model):
    """An e-mail address that is asked to join a study; who proves to own it may accept."""

    __tablename__ = "study_invitation"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    email: Mapped[str] = mapped_column(Name, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    created_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcTime)

    study: Mapped[Study] = relationship()


class DatasetTerms(Model):
    """What the DUO codes of a data set leave open: which disease, where, by whom, for how long.

    terms : a document of ``hub.access.duo.Terms``
    """

    __tablename__ = "dataset_terms"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"), primary_key=True)
    terms: Mapped[dict[str, Any]] = mapped_column(Json)
    changed_at: Mapped[datetime] = mapped_column(UtcTime)
    changed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))


class AccessRequest(Model):
    """A study asks for data sets.

    purpose : in words; duo : DUO codes of the purpose, such as ["DUO:0000006"]
    statement : what else the codes of data sets ask for, a document of ``hub.access.duo.Use``
    until : how long access is wanted
    state : draft, submitted (the steward's clock runs), granted, refused, returned (questions) or cancelled
    """

    __tablename__ = "access_request"
    __table_args__ = (
        CheckConstraint(
            "state IN ('draft', 'submitted', 'granted', 'refused', 'returned', 'cancelled')", name="state"
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    purpose: Mapped[str] = mapped_column(Text)
    duo: Mapped[list[Any]] = mapped_column(Json)
    statement: Mapped[dict[str, Any] | None] = mapped_column(Json)
    until: Mapped[datetime] = mapped_column(UtcTime)
    state: Mapped[str] = mapped_column(String(10), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    created_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    submitted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decision: Mapped[str | None] = mapped_column(Text)

    study: Mapped[Study] = relationship()
    datasets: Mapped[list[Dataset]] = relationship(secondary="access_request_dataset")
    people: Mapped[list[Person]] = relationship(secondary="access_request_person")


class AccessRequestDataset(Model):
    """Data sets that a request is about."""

    __tablename__ = "access_request_dataset"

    request_id: Mapped[int] = mapped_column(ForeignKey("access_request.id"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"), primary_key=True, index=True)


class AccessRequestPerson(Model):
    """People of the study who are to work with the data."""

    __tablename__ = "access_request_person"

    request_id: Mapped[int] = mapped_column(ForeignKey("access_request.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)


class AccessVerdict(Model):
    """What was decided about one data set of a request: its steward decides, and no other project's."""

    __tablename__ = "access_verdict"

    request_id: Mapped[int] = mapped_column(ForeignKey("access_request.id"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"), primary_key=True)
    granted: Mapped[bool]
    reason: Mapped[str] = mapped_column(Text)
    conditions: Mapped[str | None] = mapped_column(Text)
    starts_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decided_at: Mapped[datetime] = mapped_column(UtcTime)
    decided_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))


class Permit(Model):
    """What a study may use, and until when; the people and data sets are listed, and nobody else's.

    withdrawn_at : from this moment on nothing is given out any more
    conditions : in words; duo : purposes that it is given for
    """

    __tablename__ = "permit"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    request_id: Mapped[int | None] = mapped_column(ForeignKey("access_request.id"))
    duo: Mapped[list[Any]] = mapped_column(Json)
    conditions: Mapped[str | None] = mapped_column(Text)
    granted_at: Mapped[datetime] = mapped_column(UtcTime)
    granted_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    starts_at: Mapped[datetime] = mapped_column(UtcTime)
    ends_at: Mapped[datetime] = mapped_column(UtcTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcTime)
    withdrawn_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    withdrawal: Mapped[str | None] = mapped_column(Text)

    study: Mapped[Study] = relationship()
    datasets: Mapped[list[Dataset]] = relationship(secondary="permit_dataset")
    people: Mapped[list[Person]] = relationship(secondary="permit_person")


class PermitDataset(Model):
    """Data sets of a permit."""

    __tablename__ = "permit_dataset"

    permit_id: Mapped[int] = mapped_column(ForeignKey("permit.id"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"), primary_key=True, index=True)


class PermitPerson(Model):
    """People of a permit."""

    __tablename__ = "permit_person"

    permit_id: Mapped[int] = mapped_column(ForeignKey("permit.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)


class PermitExtension(Model):
    """A study asks that its permit hold longer; a permit has one that is open at a time.

    until : the day asked for; reason : why, for the steward; ends_at : what the steward gave
    state : submitted, granted, refused or cancelled
    """

    __tablename__ = "permit_extension"
    __table_args__ = (
        CheckConstraint("state IN ('submitted', 'granted', 'refused', 'cancelled')", name="state"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    permit_id: Mapped[int] = mapped_column(ForeignKey("permit.id"), index=True)
    until: Mapped[datetime] = mapped_column(UtcTime)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10), index=True)
    asked_at: Mapped[datetime] = mapped_column(UtcTime)
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    ends_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decision: Mapped[str | None] = mapped_column(Text)

    permit: Mapped[Permit] = relationship()

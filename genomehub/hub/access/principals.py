"""Who asks: a principal is an anonymous visitor, or a person with roles who came by login or token."""

import dataclasses
import enum
from datetime import datetime


class Role(enum.StrEnum):
    """What a person is here. A holder and a steward are that in one project or everywhere."""

    HOLDER = "holder"  # describes and registers data sets
    STEWARD = "steward"  # decides on requests
    RESEARCHER = "researcher"  # asks for access
    AUDITOR = "auditor"  # reads the log
    ADMINISTRATOR = "administrator"  # people, roles, settings; no access to data by that


@dataclasses.dataclass(frozen=True)
class Grant:
    """A role, in one project that holds data sets (by its number in the database) or everywhere (None)."""

    role: Role
    project_id: int | None = None


@dataclasses.dataclass(frozen=True)
class VisaGrant:
    """Access to a data set's files that an issuer we trust has granted by a GA4GH visa, until then."""

    issuer: str
    dataset_uuid: str
    until: datetime


@dataclasses.dataclass(frozen=True)
class Principal:
    """Who asks.

    person_id, uuid, name : of the person; None, "" and "anonymous" for a visitor
    grants : roles
    means : how they came: "anonymous", "session" (browser), "token" (API), "oidc" (access token of the
        provider), "passport" (GA4GH), "link" (signed)
    credential : the session or token they came with, which may end before its time: ("session", number)
        or ("token", number)
    visas : what GA4GH visas grant them
    subject : how the passport's issuer names them, for the log, if they are nobody's person here
    """

    person_id: int | None = None
    uuid: str = ""
    name: str = "anonymous"
    grants: frozenset[Grant] = frozenset()
    means: str = "anonymous"
    credential: tuple[str, int] | None = None
    visas: frozenset[VisaGrant] = frozenset()
    subject: str = ""

    @property
    def known(self) -> bool:
        """True for a person of this hub: not for a visitor, nor for somebody with only a passport."""
        return self.person_id is not None

    @property
    def actor(self) -> str:
        """How the event log names them: by identifier, since names change."""
        if self.known:
            return f"person:{self.uuid}"
        return f"passport:{self.subject}"[:200] if self.subject else "anonymous"

    def has(self, role: Role, project_id: int | None = None) -> bool:
        """Tell whether they have a role everywhere, or in this project."""
        return Grant(role) in self.grants or (
            project_id is not None and Grant(role, project_id) in self.grants
        )

    def has_anywhere(self, role: Role) -> bool:
        """Tell whether they have a role in any project."""
        return any(grant.role == role for grant in self.grants)


ANONYMOUS = Principal()

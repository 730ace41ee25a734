"""Who asks: a principal is an anonymous visitor, or a person with roles who came by login or token."""

import dataclasses
import enum


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
class Principal:
    """Who asks.

    person_id, uuid, name : of the person; None, "" and "anonymous" for a visitor
    grants : roles
    means : how they came: "anonymous", "session" (browser), "token" (API) or "passport" (GA4GH)
    """

    person_id: int | None = None
    uuid: str = ""
    name: str = "anonymous"
    grants: frozenset[Grant] = frozenset()
    means: str = "anonymous"

    @property
    def known(self) -> bool:
        """True unless it is an anonymous visitor."""
        return self.person_id is not None

    @property
    def actor(self) -> str:
        """How the event log names them: by identifier, since names change."""
        return f"person:{self.uuid}" if self.known else "anonymous"

    def has(self, role: Role, project_id: int | None = None) -> bool:
        """Tell whether they have a role everywhere, or in this project."""
        return Grant(role) in self.grants or (
            project_id is not None and Grant(role, project_id) in self.grants
        )

    def has_anywhere(self, role: Role) -> bool:
        """Tell whether they have a role in any project."""
        return any(grant.role == role for grant in self.grants)


ANONYMOUS = Principal()

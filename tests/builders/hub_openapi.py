"""A served hub in which everything may be asked, for schemathesis."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

import schemathesis
from builders.hub import hub_world
from builders.hub_server import serving

from genomehub.hub.access.limits import Limit
from genomehub.hub.access.people import grant_role
from genomehub.hub.access.principals import Role
from genomehub.hub.models import Person
from genomehub.hub.service.context import Hub
from genomehub.hub.service.desk import AccessDesk


@schemathesis.serializer("application/offset+octet-stream")
def pieces(_: object, value: object) -> object:
    """Send pieces of uploads (tus) as they are."""
    return value


@dataclasses.dataclass(frozen=True)
class PatientHub(Hub):
    """A hub that does not count wrong credentials: else all that follows would be answered by 429."""

    @functools.cached_property
    def desk(self) -> AccessDesk:
        endless = Limit(2**62, 60, self.clock)
        return dataclasses.replace(super().desk, wrong_credentials=endless, logins=endless)


@contextlib.contextmanager
def open_hub(folder: Path, url: str | None = None) -> Iterator[tuple[str, str]]:
    """Serve a hub with data; yield its address and the token of somebody with every role and a permit."""
    world = hub_world(folder, url)
    with world.hub.database.write() as session:
        everything = session.get_one(Person, world.people["administrator"])
        for role in Role:
            grant_role(session, everything, role, None)
    world.permit("administrator", "open-door")
    hub = world.hub
    with serving(PatientHub(hub.settings, hub.catalogue, hub.secret, hub.clock)) as address:
        yield address, world.tokens["administrator"]
    world.hub.catalogue.close()

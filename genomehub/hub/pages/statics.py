"""Files that pages need in a browser: found once, by name, each with a digest that its address carries."""

import functools
import hashlib
import mimetypes
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "static"


class Static(NamedTuple):
    """A file for browsers; ``digest`` changes with its content, so browsers may keep it for ever."""

    path: Path
    media_type: str
    digest: str


@functools.cache
def statics() -> dict[str, Static]:
    """Return all of them by name, such as "hub.css"; what is not here is not served."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            found[path.relative_to(FOLDER).as_posix()] = Static(path, kind, digest)
    return found


def address(name: str) -> str:
    """Return the address of a file that pages need."""
    return f"/static/{statics()[name].digest}/{name}"

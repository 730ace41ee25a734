"""Forms in which a description is to be had, and which of them a client asks for."""

from typing import Literal

from genomehub.hub.description.crate import METADATA

Format = Literal["json", "turtle", "jsonld", "schema", "croissant", "rocrate", "rocrate-zip"]
MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "turtle": "text/turtle; charset=utf-8",
    "jsonld": "application/ld+json",
    "schema": 'application/ld+json; profile="https://schema.org/"',
    "croissant": 'application/ld+json; profile="http://mlcommons.org/croissant/1.0"',
    "rocrate": 'application/ld+json; profile="https://w3id.org/ro/crate"',
    "rocrate-zip": 'application/zip; profile="https://w3id.org/ro/crate"',
}
SUFFIXES: dict[str, Format] = {
    "json": "json", "ttl": "turtle", "jsonld": "jsonld", "schema.jsonld": "schema",
    "croissant.json": "croissant", "rocrate.json": "rocrate", "rocrate.zip": "rocrate-zip",
}  # fmt: skip
#: In the order in which they are chosen where the client does not care.
_ACCEPTED: tuple[tuple[str, Format], ...] = (
    ("application/json", "json"),
    ("text/turtle", "turtle"),
    ("application/ld+json", "jsonld"),
    ("application/zip", "rocrate-zip"),
)
#: Of JSON-LD, by the parameter ``profile``.
_BY_PROFILE: tuple[tuple[str, Format], ...] = (
    ("https://schema.org", "schema"),
    ("http://mlcommons.org/croissant", "croissant"),
    ("https://w3id.org/ro/crate", "rocrate"),
)
#: Names under which a crate is kept.
FILE_NAMES: dict[Format, str] = {"rocrate": METADATA, "rocrate-zip": "ro-crate.zip"}


def accepted(header: str) -> Format | None:
    """Return the format that the header prefers; JSON where it does not care."""
    best: tuple[float, int, Format] | None = None
    for part in header.split(","):
        range_, *parameters = (piece.strip().lower() for piece in part.split(";"))
        said = dict(one.partition("=")[::2] for one in parameters)
        weight = said.get("q", "1")
        quality = float(weight) if weight.replace(".", "", 1).isdigit() else 0.0
        for rank, (media, kind) in enumerate(_ACCEPTED):
            fits = range_ in (media, "*/*", media.partition("/")[0] + "/*")
            exact = 0 if range_ == media else 1
            if fits and quality > 0 and (best is None or (-quality, exact * 10 + rank) < best[:2]):
                wanted = _of_profile(said.get("profile", "")) if kind == "jsonld" else None
                best = (-quality, exact * 10 + rank, wanted or kind)
    return best[2] if best else None


def _of_profile(profiles: str) -> Format | None:
    """Return the format that one of the profiles, separated by spaces, names with or without a version."""
    named = profiles.strip('"').split()
    return next((kind for start, kind in _BY_PROFILE for one in named if one.startswith(start)), None)

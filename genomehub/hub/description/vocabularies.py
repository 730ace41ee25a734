"""Controlled vocabularies: their codes, labels in English and French, and the IRIs they stand for."""

import dataclasses
import functools
from importlib import resources

import yaml

#: Two-letter codes of languages, as documents have them, to those of the EU's list.
LANGUAGES = {
    "bs": "BOS", "bg": "BUL", "cs": "CES", "da": "DAN", "de": "DEU", "el": "ELL", "en": "ENG", "et": "EST",
    "fi": "FIN", "fr": "FRA", "ga": "GLE", "hr": "HRV", "hu": "HUN", "hy": "HYE", "is": "ISL", "it": "ITA",
    "lv": "LAV", "lt": "LIT", "mt": "MLT", "nl": "NLD", "no": "NOR", "pl": "POL", "pt": "POR", "ro": "RON",
    "ru": "RUS", "sk": "SLK", "sl": "SLV", "es": "SPA", "sr": "SRP", "sv": "SWE",
}  # fmt: skip
#: Where lists lay before Release 8; the French Health Data Hub's catalogue still names them there.
MOVED = {
    "http://healthdataportal.eu/resource/authority/":
        "https://hdeu-dcat.data.health.europa.eu/resource/authority/",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Concept:
    """One entry of a vocabulary: its code, IRI, labels and definition by language."""

    code: str
    iri: str
    label: dict[str, str]
    definition: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """A list of concepts; an IRI is scheme, separator and code."""

    name: str
    scheme: str
    separator: str
    title: dict[str, str]
    concepts: dict[str, Concept]

    def iri(self, code: str) -> str:
        """Return the IRI of a code."""
        return f"{self.scheme}{self.separator}{code}"

    def code(self, iri: str) -> str | None:
        """Return the code of an IRI of this list."""
        start = f"{self.scheme}{self.separator}"
        code = iri.removeprefix(start)
        return code if iri.startswith(start) and code in self.concepts else None

    def find(self, iri: str) -> Concept | None:
        """Return the concept of an IRI."""
        code = self.code(iri)
        return None if code is None else self.concepts[code]


@functools.cache
def vocabularies() -> dict[str, Vocabulary]:
    """Return all vocabularies by name."""
    text = resources.files(__package__).joinpath("vocabularies.yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    made = {}
    for name, content in yaml.load(text, loader).items():
        start = f"{content['scheme']}{content['separator']}"
        concepts = {
            str(code): Concept(
                str(code), f"{start}{code}", {"en": one["en"], "fr": one["fr"]}, one.get("definition", {})
            )
            for code, one in content["concepts"].items()
        }
        made[name] = Vocabulary(name, content["scheme"], content["separator"], content["title"], concepts)
    return made


def vocabulary(name: str) -> Vocabulary:
    """Return one vocabulary."""
    return vocabularies()[name]


def current_iri(iri: str) -> str:
    """Return an IRI of a list that has moved, where it is now; any other as it is."""
    for former, now in MOVED.items():
        if iri.startswith(former):
            return now + iri.removeprefix(former)
    return iri

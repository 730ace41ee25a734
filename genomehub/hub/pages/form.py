"""The form of a data set: made from the model of its description, read back into it, faults beside fields.

``read`` turns what a browser sends into the document's JSON; ``groups`` turns JSON into what the template
draws. Both walk the model, so a field that the document gains is asked by the form; how fields are called and
which vocabulary they choose from is ``hub.description.fields``'. Names of inputs are paths in the JSON:
``hdab.name.en``, ``tables.0.variables.1.name``.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel, ValidationError

from genomehub.hub.description import document
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.description.fields import Field as Known
from genomehub.hub.description.fields import form_fields, form_groups, label_of, part_fields
from genomehub.hub.description.validation import Finding
from genomehub.hub.description.vocabularies import LANGUAGES as CODES_OF_LANGUAGES
from genomehub.hub.description.vocabularies import vocabulary
from genomehub.hub.pages.texts import LANGUAGES, N_

#: A text by language, or one of ours in English.
Said = Mapping[str, str]
#: Parts of one kind, and languages, that a form may hold.
MOST_PARTS = 500
#: More concepts than these are chosen from a closed list.
MOST_CHECKS = 24
#: Texts that are asked in several lines.
_LONG = {
    "description", "version_notes", "conditions", "population", "provenance", "purposes", "citation", "note",
    "rights",
}  # fmt: skip
#: Of these vocabularies the document has codes, not IRIs; formats may also be kinds of ours.
_BY_CODE = {"duo": "DUO:", "access-rights": ""}
_FREE = {"file-types"}

#: What is said of a value that does not fit, by pydantic's kind of error.
_FAULTS: dict[str, str] = {
    "missing": N_("This is needed."),
    "value_error": N_("This is no address; it begins with https:// and has no spaces."),
    "int_parsing": N_("A whole number is expected."),
    "int_from_float": N_("A whole number is expected."),
    "int_parsing_size": N_("This number is too large."),
    "float_parsing": N_("A number is expected."),
    "finite_number": N_("A number is expected."),
    "date_from_datetime_parsing": N_("A day is expected, such as 2026-11-28."),
    "date_parsing": N_("A day is expected, such as 2026-11-28."),
    "date_from_datetime_inexact": N_("A day is expected, such as 2026-11-28."),
    "greater_than_equal": N_("This number is too small."),
    "less_than_equal": N_("This number is too large."),
    "string_too_long": N_("This is too long."),
    "string_too_short": N_("This is needed."),
    "string_pattern_mismatch": N_("This has not the expected form."),
    "literal_error": N_("Choose one of these."),
    "bool_parsing": N_("Choose one of these."),
}
_CONTROL = N_("This holds control characters; remove them.")
_ANY = N_("This is not what is expected here.")


@dataclasses.dataclass(frozen=True)
class Fault:
    """What is wrong at a place: ``name`` is that of the input or part, ``label`` what people call it."""

    name: str
    label: Said
    text: str | Said


@dataclasses.dataclass(frozen=True)
class Group:
    """Fields that belong together."""

    name: str
    title: Said


@dataclasses.dataclass
class Field:
    """One field as the template draws it.

    name : of the input, a path in the document's JSON
    label, help : by language; needed : to publish; engine : filled from what was registered if left empty
    widget : "texts" (by language), "words" (by language, with commas), "line", "lines", "number", "date",
        "choice", "checks", "list" (of one choice or several), "yes_no", "part" (fields within), "many" (parts
        within)
    value : text, by language for "texts" and "words", list where several are chosen
    """

    name: str
    label: Said
    help: Said
    widget: str = "line"
    value: Any = ""
    needed: bool = False
    engine: bool = False
    long: bool = False
    options: dict[str, Said] = dataclasses.field(default_factory=dict)
    within: list[Any] = dataclasses.field(default_factory=list)
    faults: list[str | Said] = dataclasses.field(default_factory=list)

    @property
    def id(self) -> str:
        """For labels and links."""
        return "f-" + self.name.replace(".", "-")

    @property
    def several(self) -> bool:
        """True if several values can be chosen."""
        return isinstance(self.value, list)

    @property
    def filled(self) -> bool:
        """True if there is anything in it."""
        if self.widget == "part":
            return any(field.filled for field in self.within)
        if self.widget == "many":
            return any(field.filled for fields in self.within for field in fields)
        if self.widget in ("texts", "words"):
            return any(self.value.values())
        return self.value not in ("", [])

    @property
    def below(self) -> Iterator["Field"]:
        """The fields within, and those within them."""
        for fields in self.within:
            for field in fields if isinstance(fields, list) else [fields]:
                yield field
                yield from field.below

    @property
    def troubled(self) -> bool:
        """True if there is a fault in it or below, so that it is shown open."""
        return bool(self.faults) or any(field.faults for field in self.below)


Posted = Mapping[str, list[str]]


def read(posted: Posted) -> dict[str, Any]:
    """Return the document's JSON, as it was written into the form; what was left empty is left out."""
    return _read_part(DatasetDescription, posted, "") or {}


def _read_part(part: type[BaseModel], posted: Posted, prefix: str) -> dict[str, Any] | None:
    found = {}
    for name, info in part.model_fields.items():
        value = _read(_bare(info.annotation), posted, prefix + name)
        if value not in (None, {}, []):
            found[name] = value
    return found or None


def _read(kind: Any, posted: Posted, name: str) -> Any:
    if _is_part(kind):
        return _read_part(kind, posted, name + ".")
    if kind == _TEXT:
        return {key: text for key in _languages(posted, name) if (text := _line(posted, f"{name}.{key}"))}
    if kind == _KEYWORDS:
        split = {key: _line(posted, f"{name}.{key}").split(",") for key in _languages(posted, name)}
        kept = {key: [word.strip() for word in words if word.strip()] for key, words in split.items()}
        return {key: words for key, words in kept.items() if words}
    if typing.get_origin(kind) is list:
        item = _bare(typing.get_args(kind)[0])
        if _is_part(item) or item == _TEXT:
            values = [_read(item, posted, f"{name}.{number}") for number in _numbers(posted, name)]
            return [value for value in values if value]
        return [line.strip() for text in posted.get(name, []) for line in text.splitlines() if line.strip()]
    if kind is bool:
        return {"yes": True, "no": False}.get(_line(posted, name))
    return _line(posted, name) or None


def _line(posted: Posted, name: str) -> str:
    return (posted.get(name) or [""])[0].replace("\r\n", "\n").strip()


def _languages(posted: Posted, name: str) -> list[str]:
    start = name + "."
    return [key[len(start) :] for key in posted if key.startswith(start) and "." not in key[len(start) :]]


def _numbers(posted: Posted, name: str) -> list[int]:
    start = name + "."
    found = {key[len(start) :].partition(".")[0] for key in posted if key.startswith(start)}
    return sorted(int(number) for number in found if number.isdecimal() and len(number) < 6)[:MOST_PARTS]


def check(raw: dict[str, Any]) -> tuple[DatasetDescription | None, list[Fault]]:
    """Return the description, or what of it is no value of its field."""
    try:
        return DatasetDescription.model_validate(raw), []
    except ValidationError as error:
        return None, [_wrong(one) for one in error.errors(include_url=False, include_input=False)]


def _wrong(error: Any) -> Fault:
    name = ".".join(str(step) for step in error["loc"])
    text = _CONTROL if "control characters" in error["msg"] else _FAULTS.get(error["type"], _ANY)
    return Fault(name, _label(name), text)


def faults_of(findings: Iterable[Finding]) -> list[Fault]:
    """Return what the profiles ask and a description lacks, at the places of the form."""
    faults = []
    for one in findings:
        steps = [str(int(step) - 1) if step.isdigit() else step for step in one.field.split(".")]
        text = {
            language: f"{_capital(one.rule[language])} {one.remedy[language]}".strip()
            for language in one.rule
        }
        faults.append(Fault(".".join(steps), _label(".".join(steps)), text))
    return faults


def _label(name: str) -> Said:
    """Return what people call a place; parts are counted from 1."""
    path = ".".join(str(int(step) + 1) if step.isdigit() else step for step in name.split("."))
    return {language: label_of(path, language) for language in LANGUAGES}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


Drawn = list[tuple[Group, list[Field]]]


def groups(raw: Mapping[str, Any], profiles: Iterable[str] = (), more: str = "") -> Drawn:
    """Return the form.

    Parameters
    ----------
    raw : the document's JSON
    profiles : that a description must satisfy to be published
    more : name of a list in the form that gets one more, empty part
    """
    info, asking = DatasetDescription.model_fields, set(profiles)
    drawn: dict[str, list[Field]] = {name: [] for name in form_groups()}
    for name, known in form_fields().items():
        field = _Drawer(more).draw(_bare(info[name].annotation), name, known, raw.get(name))
        field.needed, field.engine = bool(asking & set(known.required)), known.engine
        drawn[known.group].append(field)
    return [(Group(name, title), drawn[name]) for name, title in form_groups().items()]


def place(faults: Iterable[Fault], drawn: Drawn) -> list[Fault]:
    """Return faults with the names of fields that are drawn: of the part, where a field of it is not."""
    names = _by_name(drawn)
    placed = []
    for fault in faults:
        name = fault.name
        while name not in names and "." in name:
            name = name.rpartition(".")[0]
        placed.append(dataclasses.replace(fault, name=name))
    return placed


def attach(faults: Iterable[Fault], drawn: Drawn) -> None:
    """Put placed faults beside their fields."""
    names = _by_name(drawn)
    for fault in faults:
        if fault.name in names and fault.text not in names[fault.name].faults:
            names[fault.name].faults.append(fault.text)


def _by_name(drawn: Drawn) -> dict[str, Field]:
    return {one.name: one for _, fields in drawn for field in fields for one in (field, *field.below)}


class _Drawer:
    """Makes fields from types and values."""

    def __init__(self, more: str) -> None:
        self._more = more

    def draw(self, kind: Any, name: str, known: Known, value: Any) -> Field:
        """Return the field of one input or part."""
        label = {language: _capital(text) for language, text in known.label.items()}
        field = Field(name, label, known.help, long=known.name in _LONG)
        if _is_part(kind):
            field.widget, field.within = "part", self._part(kind, name, value or {})
        elif kind in (_TEXT, _KEYWORDS):
            _texts(field, kind, value or {})
        elif typing.get_origin(kind) is list:
            self._list(field, kind, known, value or [])
        elif kind is bool:
            field.widget, field.value = "yes_no", {True: "yes", False: "no"}.get(value, "")
        elif known.vocabulary and known.vocabulary not in _FREE:
            usual = "NON_PUBLIC" if known.name == "access_rights" else ""
            field.value = value or usual
            _choose(field, known.vocabulary, "choice" if usual else "list")
        else:
            field.widget = {int: "number", float: "number", date: "date"}.get(kind, "line")
            field.value = "" if value is None else str(value)
        return field

    def _part(self, part: type[BaseModel], name: str, value: Any) -> list[Field]:
        return [
            self.draw(_bare(info.annotation), f"{name}.{one}", part_fields()[one], value.get(one))
            for one, info in part.model_fields.items()
        ]

    def _list(self, field: Field, kind: Any, known: Known, value: list[Any]) -> None:
        item = _bare(typing.get_args(kind)[0])
        if _is_part(item) or item == _TEXT:
            field.widget = "many"
            shown = [*value, {}] if not value or self._more == field.name else value
            for number, one in enumerate(shown):
                name = f"{field.name}.{number}"
                within = self._part(item, name, one) if _is_part(item) else [_text(name, field, one)]
                field.within.append(within)
        elif known.vocabulary:
            field.value = [str(one) for one in value]
            many = len(options_of(known.vocabulary)) > MOST_CHECKS
            _choose(field, known.vocabulary, "list" if many else "checks")
        else:
            field.widget, field.value = "lines", "\n".join(str(one) for one in value)


def _texts(field: Field, kind: Any, value: Mapping[str, Any]) -> None:
    field.widget = "texts" if kind == _TEXT else "words"
    written: Callable[[Any], str] = str if kind == _TEXT else ", ".join
    field.value = {key: written(value[key]) if value.get(key) else "" for key in [*LANGUAGES, *value]}


def _text(name: str, of: Field, value: Mapping[str, Any]) -> Field:
    field = Field(name, of.label, {}, long=of.long)
    _texts(field, _TEXT, value)
    return field


def _choose(field: Field, name: str, widget: str) -> None:
    """Offer a vocabulary, and what was written of none."""
    field.widget, field.options = widget, dict(options_of(name))
    for one in field.value if field.several else [field.value]:
        if one and one not in field.options:
            field.options[one] = {"en": one}


@functools.cache
def options_of(name: str) -> Mapping[str, Said]:
    """Return the values that the document takes of a vocabulary, with their labels."""
    concepts = vocabulary(name).concepts
    if name == "languages":
        return {short: concepts[code].label for short, code in CODES_OF_LANGUAGES.items()}
    if name in _BY_CODE:
        return {_BY_CODE[name] + code: one.label for code, one in concepts.items()}
    return {one.iri: one.label for one in concepts.values()}


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _bare(annotation: Any) -> Any:
    """Return a type without ``| None`` and ``Annotated``."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        annotation = next(one for one in typing.get_args(annotation) if one is not types.NoneType)
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    return annotation


_TEXT = _bare(document.Text)
_KEYWORDS = _bare(DatasetDescription.model_fields["keywords"].annotation)

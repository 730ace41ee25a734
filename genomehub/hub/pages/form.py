"""The form of a data set: made from the model of its description, read back into it, faults beside the
fields.

``read`` turns what a browser sends into the document's JSON; ``fields`` turns JSON into what the template
draws. Both
walk the model, so a field that the document gains is asked by the form. Names of inputs are paths in the
JSON:
``hdab.name.en``, ``tables.0.variables.1.name``.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel, ValidationError

from genomehub.hub.description import document
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.pages import vocabularies
from genomehub.hub.pages.form_fields import ANY_FAULT, FAULTS, FIELDS, GROUPS, LONG, Asked, Group
from genomehub.hub.pages.texts import LANGUAGES

#: Parts of one kind, and languages, that a form may hold.
MOST_PARTS = 500
_LANGUAGES_OF_KEYWORDS = dict[document.Language, list[document.Words]]

#: Fields whose values are chosen from a list: value -> what it is called.
CHOICES: dict[str, dict[str, str]] = {
    "duo": {code: meaning.name for code, meaning in vocabularies.DUO.items()},
    "health_categories": {
        vocabularies.CATEGORY_BASE + code: name for code, name in vocabularies.CATEGORIES.items()
    },
    "access_rights": {code: meaning.name for code, meaning in vocabularies.ACCESS.items()},
}


@dataclasses.dataclass
class Field:
    """One field as the template draws it.

    name : of the input, a path in the document's JSON
    widget : "texts" (by language), "words" (by language, with commas), "line", "lines", "number", "date",
    "choice",
        "checks", "yes_no", "part" (fields within), "many" (parts within)
    value : text, by language for "texts" and "words", list for "checks"
    """

    name: str
    asked: Asked
    widget: str
    value: Any = ""
    long: bool = False
    options: dict[str, str] = dataclasses.field(default_factory=dict)
    within: list[Any] = dataclasses.field(default_factory=list)
    faults: list[str] = dataclasses.field(default_factory=list)

    @property
    def id(self) -> str:
        """For labels and links."""
        return "f-" + self.name.replace(".", "-")

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
    def troubled(self) -> bool:
        """True if there is a fault in it or below, so that it is shown open."""
        below = [
            field for fields in self.within for field in (fields if isinstance(fields, list) else [fields])
        ]
        return bool(self.faults) or any(field.troubled for field in below)


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
    if kind == document.Text:
        return {key: text for key in _languages(posted, name) if (text := _line(posted, f"{name}.{key}"))}
    if kind == _LANGUAGES_OF_KEYWORDS:
        split = {key: _line(posted, f"{name}.{key}").split(",") for key in _languages(posted, name)}
        kept = {key: [word.strip() for word in words if word.strip()] for key, words in split.items()}
        return {key: words for key, words in kept.items() if words}
    if typing.get_origin(kind) is list:
        item = _bare(typing.get_args(kind)[0])
        if _is_part(item) or item == document.Text:
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
    return [key[len(start) :] for key in posted if key.startswith(start) and len(key) == len(start) + 2]


def _numbers(posted: Posted, name: str) -> list[int]:
    start = name + "."
    found = {key[len(start) :].partition(".")[0] for key in posted if key.startswith(start)}
    return sorted(int(number) for number in found if number.isdecimal() and len(number) < 6)[:MOST_PARTS]


def check(raw: dict[str, Any]) -> tuple[DatasetDescription | None, dict[str, list[str]]]:
    """Return the description, or what is wrong by the names of inputs."""
    try:
        return DatasetDescription.model_validate(raw), {}
    except ValidationError as error:
        faults: dict[str, list[str]] = {}
        for one in error.errors(include_url=False, include_context=False, include_input=False):
            name = ".".join(str(part) for part in one["loc"])
            faults.setdefault(name, []).append(FAULTS.get(one["type"], ANY_FAULT))
        return None, faults


def groups(
    raw: Mapping[str, Any], faults: Mapping[str, list[str]], more: str = ""
) -> list[tuple[Group, list[Field]]]:
    """Return the form.

    Parameters
    ----------
    raw : the document's JSON
    faults : by names of inputs
    more : name of a list in the form that gets one more, empty part
    """
    info = DatasetDescription.model_fields
    draw = _Drawer(faults, more).draw
    return [
        (group, [draw(_bare(info[name].annotation), name, name, raw.get(name)) for name in group.fields])
        for group in GROUPS
    ]


def missing_for_publication(description: DatasetDescription) -> list[str]:
    """Return the fields that publication needs and that are empty."""
    values = description.model_dump(mode="json")
    names = [name for group in GROUPS for name in group.fields if FIELDS[name].needed]
    return [name for name in names if values[name] in (None, {}, [], "")]


class _Drawer:
    """Makes fields from types and values."""

    def __init__(self, faults: Mapping[str, list[str]], more: str) -> None:
        self._faults, self._more = faults, more

    def draw(self, kind: Any, name: str, key: str, value: Any) -> Field:
        """Return the field of one input or part; ``key`` is its key in FIELDS."""
        field = Field(name, FIELDS[key], "line", faults=list(self._faults.get(name, [])), long=key in LONG)
        if _is_part(kind):
            field.widget, field.within = "part", self._part(kind, name, value or {})
        elif kind in (document.Text, _LANGUAGES_OF_KEYWORDS):
            self._texts(field, kind, value or {})
        elif typing.get_origin(kind) is list:
            self._list(field, kind, key, value or [])
        elif key in CHOICES:
            field.widget, field.options, field.value = "choice", CHOICES[key], value or "NON_PUBLIC"
        elif kind is bool:
            field.widget, field.value = "yes_no", {True: "yes", False: "no"}.get(value, "")
        else:
            field.widget = {int: "number", float: "number", date: "date"}.get(kind, "line")
            field.value = "" if value is None else str(value)
        return field

    def _part(self, part: type[BaseModel], name: str, value: Any) -> list[Field]:
        return [
            self.draw(_bare(info.annotation), f"{name}.{one}", f"{part.__name__}.{one}", value.get(one))
            for one, info in part.model_fields.items()
        ]

    def _texts(self, field: Field, kind: Any, value: Mapping[str, Any]) -> None:
        field.widget = "texts" if kind == document.Text else "words"
        written: Callable[[Any], str] = str if kind == document.Text else ", ".join
        field.value = {key: written(value[key]) if value.get(key) else "" for key in [*LANGUAGES, *value]}
        field.faults += self._below(field.name)

    def _list(self, field: Field, kind: Any, key: str, value: list[Any]) -> None:
        item = _bare(typing.get_args(kind)[0])
        if _is_part(item) or item == document.Text:
            field.widget = "many"
            shown = [*value, {}] if not value or self._more == field.name else value
            draw = self._part if _is_part(item) else self._only_texts
            field.within = [draw(item, f"{field.name}.{number}", one) for number, one in enumerate(shown)]
        elif key in CHOICES:
            field.widget, field.options = "checks", dict(CHOICES[key])
            field.options |= {str(one): str(one) for one in value if str(one) not in field.options}
            field.value = [str(one) for one in value]
            field.faults += self._below(field.name)
        else:
            field.widget, field.value = "lines", "\n".join(str(one) for one in value)
            field.faults += self._below(field.name)

    def _only_texts(self, kind: Any, name: str, value: Any) -> list[Field]:
        key = name.rpartition(".")[0]
        field = Field(name, FIELDS[key]._replace(explanation=""), "texts", long=key in LONG)
        self._texts(field, kind, value)
        return [field]

    def _below(self, name: str) -> list[str]:
        """Return faults of the values within one input."""
        found = [text for key, texts in self._faults.items() if key.startswith(name + ".") for text in texts]
        return list(dict.fromkeys(found))


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _bare(annotation: Any) -> Any:
    """Return a type without ``| None`` and ``Annotated``."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        annotation = next(one for one in typing.get_args(annotation) if one is not types.NoneType)
    if typing.get_origin(annotation) is typing.Annotated and annotation is not document.Words:
        annotation = typing.get_args(annotation)[0]
    return annotation

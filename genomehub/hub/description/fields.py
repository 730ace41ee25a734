"""The fields of a description for people: what a form shows, and how a finding names a field."""

import dataclasses
import functools
from importlib import resources
from typing import Any, Literal

import yaml

Profile = Literal["dcat-ap", "healthdcat-ap", "hdh"]
PROFILES: dict[Profile, str] = {
    "dcat-ap": "DCAT-AP 3.0.1",
    "healthdcat-ap": "HealthDCAT-AP Release 8",
    "hdh": "Health Data Hub (FR)",
}


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of the form.

    label, help : by language; control : see ``fields.yaml``; vocabulary : whose concepts are offered
    required : by these profiles; engine : filled from what was registered where nobody wrote anything
    """

    name: str
    group: str
    label: dict[str, str]
    help: dict[str, str]
    control: str
    vocabulary: str | None
    required: tuple[Profile, ...]
    engine: bool


@functools.cache
def _content() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("fields.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return content


@functools.cache
def form_groups() -> dict[str, dict[str, str]]:
    """Return the groups of fields, in order, with their titles by language."""
    groups: dict[str, dict[str, str]] = _content()["groups"]
    return groups


@functools.cache
def form_fields() -> dict[str, Field]:
    """Return the fields by name, in the order of the form."""
    return {name: _field(name, said) for name, said in _content()["fields"].items()}


@functools.cache
def part_fields() -> dict[str, Field]:
    """Return the fields of parts (an agent's name, a distribution's size) by name."""
    return {name: _field(name, said) for name, said in _content()["parts"].items()}


def _field(name: str, said: dict[str, Any]) -> Field:
    return Field(
        name,
        said.get("group", ""),
        said["label"],
        said["help"],
        said.get("control", ""),
        said.get("vocabulary"),
        tuple(said.get("required", ())),
        said.get("engine", False),
    )


def label_of(path: str, language: str) -> str:
    """Return a place in the document as people read it.

    >>> label_of("distributions.2.format", "en")
    'Distributions 2, format'
    """
    first, *rest = path.split(".")
    known = form_fields().get(first)
    label = known.label[language] if known else first
    for step in rest:
        part = part_fields().get(step)
        label += f" {step}" if step.isdigit() else f", {part.label[language] if part else step}"
    return label


def help_of(path: str, language: str) -> str:
    """Return what to do at a place in the document."""
    steps = [step for step in path.split(".") if not step.isdigit()]
    known = part_fields().get(steps[-1]) if len(steps) > 1 else form_fields().get(steps[0])
    return known.help[language] if known else ""

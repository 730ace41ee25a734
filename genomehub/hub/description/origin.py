"""Where the data of a data set came from, as far as the reader may be told: the run, what went in and out.

Files are told by what they are, never by name or place. Who may read the data learns size and checksum of
each file that went in; others learn of what kinds these were, since files can be counted, and people by them.
Of a configuration, which names files and folders, only choices of a few words are told.
"""

import dataclasses
import functools
from datetime import datetime
from typing import Any

import yaml

import genomehub
from genomehub.files import workflow_directory
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.delivery.objects import result_files
from genomehub.hub.records import ReferenceRecord


@dataclasses.dataclass(frozen=True)
class Item:
    """A file or folder: what it is.

    id : by which DRS gives it out; "" for what went in, which is not given out
    size_bytes, sha256 : None where only the kind may be told
    """

    kind: str
    folder: bool
    size_bytes: int | None = None
    sha256: str | None = None
    id: str = ""


@dataclasses.dataclass(frozen=True)
class Setting:
    """A setting of the workflow: a choice of a few words, or yes or no."""

    name: str
    value: str | bool
    description: str


@dataclasses.dataclass(frozen=True)
class Origin:
    """A version of the data, and the run that made it.

    run : identifier of the version
    parents : addresses of the data sets that it was made from
    settings : None if it was not made by our workflow in the version that is installed here
    """

    run: str
    registered_at: datetime
    files: tuple[Item, ...]
    inputs: tuple[Item, ...]
    parents: tuple[str, ...]
    reference: ReferenceRecord | None
    software: dict[str, str]
    settings: tuple[Setting, ...] | None


def origin_of(entry: models.Entry, gate: Gate, base: str) -> Origin:
    """Return what may be told of a version; the gate has let its data set be seen.

    Parameters
    ----------
    base : address of the hub
    """
    seen = (one.dataset for one in entry.parents if gate.decide(Action.SEE, one.dataset).allowed)
    reference = entry.reference
    return Origin(
        run=entry.digest,
        registered_at=entry.registered_at,
        files=tuple(
            _item(file, f"{entry.digest}.{number}") for number, file in enumerate(result_files(entry), 1)
        ),
        inputs=_inputs(entry, gate.decide(Action.READ, entry.dataset).allowed),
        parents=tuple(dict.fromkeys(f"{base}/datasets/{dataset.uuid}" for dataset in seen)),
        reference=None if reference is None else ReferenceRecord(reference.digest, reference.name),
        software=entry.software,
        settings=_settings(entry.software, entry.configuration),
    )


def _inputs(entry: models.Entry, reads: bool) -> tuple[Item, ...]:
    files = [file for file in entry.files if file.role == "input"]
    if reads:
        return tuple(_item(file, "") for file in files)
    return tuple(Item(kind, folder=True) for kind in sorted({file.kind for file in files}))


def _item(file: models.File, id: str) -> Item:
    return Item(file.kind, file.n_files is not None, file.size_bytes, file.sha256, id)


def _settings(software: dict[str, str], configuration: Any) -> tuple[Setting, ...] | None:
    schema = _schema()
    ours = software.get("genomehub") == genomehub.__version__ and "snakemake" in software
    # The workflow writes down every setting, also those that were not given.
    if not ours or not isinstance(configuration, dict) or configuration.keys() != schema.keys():
        return None
    return tuple(
        Setting(name, configuration[name], said["description"])
        for name, said in schema.items()
        if configuration[name] in said.get("enum", ())
        or (said["type"] == "boolean" and isinstance(configuration[name], bool))
    )


@functools.cache
def _schema() -> dict[str, dict[str, Any]]:
    """Return the workflow's settings by name."""
    text = (workflow_directory() / "schemas" / "config.schema.yaml").read_text(encoding="utf-8")
    properties: dict[str, dict[str, Any]] = yaml.safe_load(text)["properties"]
    return properties

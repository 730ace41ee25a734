"""Identity: which content is the same content.

An entry's identifier is the SHA-256 of a canonical JSON text of what it *is*: project, data set, samples,
reference, files (kind, size, checksum), QC and evaluation. Where it came from (software, configuration,
parents, inputs) has a digest of its own: another run that gives the same content is the same entry, made
twice. In neither are paths, times, costs, who registered it, and the title and description, which belong
to the data set and may be corrected.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from genomehub.hub.records import FileRecord

#: Part of every hashed text: another rule of identity would be another format.
ENTRY_FORMAT = "genomehub-entry/1"
PROVENANCE_FORMAT = "genomehub-provenance/1"
DATA_FORMAT = "genomehub-data/1"
EVENT_FORMAT = "genomehub-event/1"


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: keys sorted, no white space, no NaN.

    >>> canonical_json({"b": 1, "a": [2.50, None]})
    '{"a":[2.5,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """Return the SHA-256, hexadecimal, of a JSON value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def data_digest(files: Iterable[FileRecord]) -> str:
    """Return the digest over a result's files alone, whatever their order, names and places."""
    return digest({"format": DATA_FORMAT, "files": _contents(files)})


def entry_digest(
    *,
    project: str,
    dataset: str,
    samples: Iterable[str],
    reference: str | None,
    files: Iterable[FileRecord],
    qc: Mapping[str, Any] | None,
    evaluation: Mapping[str, Any] | None,
) -> str:
    """Return the identifier of an entry; ``reference`` is a digest."""
    return digest(
        {
            "format": ENTRY_FORMAT,
            "project": project,
            "dataset": dataset,
            "samples": sorted(samples),
            "reference": reference,
            "files": _contents(files),
            "qc": qc,
            "evaluation": evaluation,
        }
    )


def provenance_digest(
    *,
    software: Mapping[str, str],
    configuration: Any | None,
    configuration_text: str | None,
    parents: Iterable[str],
    inputs: Iterable[FileRecord],
) -> str:
    """Return the digest over where a result came from; ``parents`` are identifiers."""
    return digest(
        {
            "format": PROVENANCE_FORMAT,
            "software": dict(software),
            "configuration": configuration,
            "configuration_text": configuration_text,
            "parents": sorted(set(parents)),
            "inputs": _contents(inputs),
        }
    )


def event_digest(previous: str, time: str, actor: str, action: str, about: str, detail: Any) -> str:
    """Return the digest that chains an event to the one before; ``about`` names its data set and entry."""
    return digest([EVENT_FORMAT, previous, time, actor, action, about, detail])


def _contents(files: Iterable[FileRecord]) -> list[list[Any]]:
    return sorted([file.kind, file.size_bytes, file.sha256] for file in files)

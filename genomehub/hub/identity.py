"""Identity: which content is the same content.

An entry's identifier is the SHA-256 of a canonical JSON text of what it *is*: project, data set, samples,
reference, files and inputs (kind, size, checksum), parents, software, configuration, QC and evaluation.
Left out is what may differ for the same content: paths, times, costs, who registered it, and the title
and description, which belong to the data set and may be corrected.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from genomehub.hub.records import FileRecord

#: Part of every hashed text: another rule of identity would be another format.
ENTRY_FORMAT = "genomehub-entry/1"
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
    inputs: Iterable[FileRecord],
    parents: Iterable[str],
    software: Mapping[str, str],
    configuration: Any | None,
    qc: Mapping[str, Any] | None,
    evaluation: Mapping[str, Any] | None,
) -> str:
    """Return the identifier of an entry; ``parents`` are identifiers, ``reference`` a digest."""
    return digest(
        {
            "format": ENTRY_FORMAT,
            "project": project,
            "dataset": dataset,
            "samples": sorted(samples),
            "reference": reference,
            "files": _contents(files),
            "inputs": _contents(inputs),
            "parents": sorted(set(parents)),
            "software": dict(software),
            "configuration": configuration,
            "qc": qc,
            "evaluation": evaluation,
        }
    )


def event_digest(previous: str, time: str, actor: str, action: str, about: str, detail: Any) -> str:
    """Return the digest that chains an event to the one before; ``about`` names its data set and entry."""
    return digest([EVENT_FORMAT, previous, time, actor, action, about, detail])


def _contents(files: Iterable[FileRecord]) -> list[list[Any]]:
    return sorted([file.kind, file.size_bytes, file.sha256] for file in files)

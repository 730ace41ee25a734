"""Which disease is a kind of which: MONDO's tree, for the DUO match.

The tree comes with the program (``mondo.tsv.gz``, see ``mondo.md``); a hub may name another release, as MONDO
publishes it (``mondo.obo``). Only terms in use are in it.
"""

import dataclasses
import functools
import gzip
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from genomehub.errors import InputError, NotFoundError

OWN = Path(__file__).with_name("mondo.tsv.gz")
_FORMAT = "#genomehub diseases 1"
_CODE = re.compile(r"MONDO:\d{7}")
_LARGEST = 1 << 28  # bytes of text; MONDO has some 50 MB


@dataclasses.dataclass(frozen=True)
class Diseases:
    """MONDO's terms in use.

    release : such as "2026-05-05"; labels : by code; parents : by code, what each is a kind of, next above
    """

    release: str
    labels: Mapping[str, str]
    parents: Mapping[str, tuple[str, ...]]

    def __contains__(self, code: str) -> bool:
        return code in self.labels

    def is_kind(self, narrow: str, broad: str) -> bool:
        """Tell whether a disease is another, or a kind of it."""
        seen, todo = {narrow}, [narrow]
        while todo:
            code = todo.pop()
            if code == broad:
                return True
            new = [parent for parent in self.parents.get(code, ()) if parent not in seen]
            seen.update(new)
            todo += new
        return False

    def called(self, codes: Iterable[str]) -> str:
        """Return diseases by label and code, for people."""
        return ", ".join(f"{self.labels[code]} ({code})" if code in self else code for code in codes)


@functools.lru_cache(maxsize=2)
def read_diseases(file: Path | None = None) -> Diseases:
    """Return the tree of a file, by default that which comes with the program.

    >>> read_diseases().is_kind("MONDO:0005061", "MONDO:0005233")  # lung adenocarcinoma, NSCLC
    True

    Raises
    ------
    NotFoundError
        The file is not there.
    InputError
        It is neither a ``mondo.obo`` nor a table of ours.
    """
    file = file or OWN
    text = _text(file)
    if text.startswith(_FORMAT):
        return _read_table(text)
    if text.startswith("format-version:"):
        return read_obo(text, file.name)
    raise InputError(
        f"{file}: is no mondo.obo. Get it from https://github.com/monarch-initiative/mondo/releases."
    )


def _text(file: Path) -> str:
    try:
        raw = file.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = zlib.decompressobj(31).decompress(raw, _LARGEST)
        return raw.decode("utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(f"{file}: no such file of diseases. Check the setting mondo.") from error
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}). Check its permissions.") from error
    except (zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{file}: is damaged ({error}). Get it anew.") from error


def _read_table(text: str) -> Diseases:
    head, *lines = text.splitlines()
    labels, parents = {}, {}
    for line in lines:
        code, above, label = line.split("\t")
        labels[f"MONDO:{code}"] = label
        parents[f"MONDO:{code}"] = tuple(f"MONDO:{parent}" for parent in above.split())
    return Diseases(head.split("\t")[1], labels, parents)


def read_obo(text: str, name: str) -> Diseases:
    """Return the tree of a ``mondo.obo``.

    Raises
    ------
    InputError
        It has no disease.
    """
    head, *stanzas = re.split(r"^\[", text, flags=re.MULTILINE)
    found = re.search(r"^data-version:.*?(\d{4}-\d\d-\d\d)", head, re.MULTILINE)
    labels, parents = {}, {}
    for stanza in stanzas:
        if not stanza.startswith("Term]"):
            continue
        told = [line.partition(": ")[::2] for line in stanza.splitlines()]
        code = next((value.strip() for key, value in told if key == "id"), "")
        if not _CODE.fullmatch(code) or ("is_obsolete", "true") in told:
            continue
        above = [value.split()[0] for key, value in told if key == "is_a" and value.strip()]
        labels[code] = next((value for key, value in told if key == "name"), code)
        parents[code] = tuple(parent for parent in above if _CODE.fullmatch(parent))
    if not labels:
        raise InputError(f"{name}: names no disease of MONDO. Get mondo.obo of a release of MONDO.")
    return Diseases(found[1] if found else "of unknown release", labels, parents)


def write_table(diseases: Diseases, file: Path) -> None:
    """Write a tree as it comes with the program; equal trees give equal bytes."""
    lines = [f"{_FORMAT}\t{diseases.release}\tMONDO, https://mondo.monarchinitiative.org, CC BY 4.0"]
    for code in sorted(diseases.labels):
        above = " ".join(sorted(parent[6:] for parent in diseases.parents[code]))
        lines.append(f"{code[6:]}\t{above}\t{' '.join(diseases.labels[code].split())}")
    file.write_bytes(gzip.compress("\n".join(lines).encode(), 9, mtime=0))

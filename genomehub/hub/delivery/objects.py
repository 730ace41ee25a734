"""What can be given out, by name: versions of data sets, their files, and files within their folders.

A name is an entry's identifier (a version: a bundle), followed by ``.N`` for its N-th file, followed by
``~part~part`` for a file or folder within a folder such as a VCF Zarr store. Names are looked up in the
database, letter by letter; none is ever made into a path, so none leads out of what was registered.
"""

import dataclasses
import hashlib
import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import ResourceError
from genomehub.hub import models

_NAME = re.compile(r"([0-9a-f]{64})(?:\.([1-9]\d{0,4})((?:~[A-Za-z0-9._-]+)*))?")
_PORTABLE = re.compile(r"[A-Za-z0-9._-]+")
_MEDIA_TYPES = {
    "bam": "application/vnd.ga4gh.bam", "cram": "application/vnd.ga4gh.cram",
    "vcf": "application/vnd.ga4gh.vcf", "gvcf": "application/vnd.ga4gh.vcf",
    "bcf": "application/vnd.ga4gh.bcf", "json": "application/json", "html": "text/html",
}  # fmt: skip
_OTHER = "application/octet-stream"
#: All under which files are given out.
MEDIA_TYPES = (*sorted(set(_MEDIA_TYPES.values())), _OTHER)
#: What can be sliced by htsget, and in which format.
READS = {"bam": "BAM", "cram": "CRAM"}
VARIANTS = {"vcf": "VCF", "gvcf": "VCF", "bcf": "BCF"}


@dataclasses.dataclass(frozen=True)
class Part:
    """An object within another: its name there, and by which it is asked for itself."""

    name: str
    id: str
    size_bytes: int
    sha256: str
    parts: tuple["Part", ...] = ()


@dataclasses.dataclass(frozen=True)
class Object:
    """A thing that can be given out.

    file : None for a version as a whole
    member : name within the folder that ``file`` is; "" for the folder or file itself
    md5 : of a file, if it is known; of a file within a folder it is not made
    parts : of a bundle; None for one with bytes of its own
    """

    id: str
    name: str
    entry: models.Entry
    file: models.File | None
    member: str
    size_bytes: int
    sha256: str
    md5: str | None
    parts: tuple[Part, ...] | None

    @property
    def media_type(self) -> str:
        """Of its bytes."""
        return media_type_of("" if self.file is None or self.member else self.file.kind)


@dataclasses.dataclass(frozen=True)
class Name:
    """A name taken apart."""

    digest: str
    number: int | None
    member: str


def parse_name(name: str) -> Name | None:
    """Return the parts of an object's name, None if it is none.

    >>> parse_name("0" * 64 + ".2~call_genotype~0.0")
    Name(digest='0000000000000000000000000000000000000000000000000000000000000000', number=2, \
member='call_genotype/0.0')
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return Name(found[1], int(found[2]) if found[2] else None, (found[3] or "")[1:].replace("~", "/"))


def media_type_of(kind: str) -> str:
    """Return the media type under which a kind of file is given out."""
    return _MEDIA_TYPES.get(kind, _OTHER)


def uri_of(hub: str, name: str) -> str:
    """Return the DRS URI of an object of the hub at an address.

    >>> uri_of("https://hub.example.org", "0" * 4 + ".2~call_genotype")
    'drs://hub.example.org/0000.2~call_genotype'
    """
    return f"drs://{urlsplit(hub).netloc}/{quote(name, safe='~')}"


def find_entry(session: Session, name: str) -> models.Entry | None:
    """Return the version that an object belongs to, whether or not the object itself exists."""
    parsed = parse_name(name)
    if parsed is None:
        return None
    return session.scalar(select(models.Entry).where(models.Entry.digest == parsed.digest))


def result_files(entry: models.Entry) -> list[models.File]:
    """Return an entry's files in the order of their numbers, 1 first."""
    return [file for file in entry.files if file.role == "result"]


class Objects:
    """Objects of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, name: str) -> Object | None:
        """Return the object of a name, None if there is none.

        Raises
        ------
        ResourceError
            It is a folder whose files are not listed.
        """
        parsed, entry = parse_name(name), find_entry(self._session, name)
        if parsed is None or entry is None:
            return None
        files = result_files(entry)
        if parsed.number is None:
            parts = self._parts_of(entry, files)
            return Object(
                entry.digest, _portable(f"{entry.dataset.name}.v{entry.version}"), entry, None, "",
                sum(part.size_bytes for part in parts), _together(parts), None, parts,
            )  # fmt: skip
        if parsed.number > len(files):
            return None
        file = files[parsed.number - 1]
        if parsed.member:
            row = self._session.get(models.FileMember, (file.id, parsed.member))
            if row is not None:  # the many of a store are asked for one by one: no tree is made for each
                last = PurePosixPath(parsed.member).name
                return Object(name, last, entry, file, parsed.member, row.size_bytes, row.sha256, None, None)
            if not self._lists(file, f"{parsed.member}/"):
                if file.n_files is not None and not self._lists(file):
                    raise _unlisted(file)
                return None
        part = self._file_part(entry, parsed.number, file, PurePosixPath(file.path).name)
        for step in filter(None, parsed.member.split("/")):
            inner = next((one for one in part.parts if one.name == step), None)
            if inner is None:
                return None
            part = inner
        bundle = part.parts if part.parts else None
        return Object(
            part.id, part.name, entry, file, parsed.member, part.size_bytes, part.sha256,
            self._md5(file) if bundle is None else None, bundle,
        )  # fmt: skip

    def _md5(self, file: models.File) -> str | None:
        of_content = models.FileContent.sha256 == file.sha256
        return self._session.scalar(select(models.FileContent.md5).where(of_content))

    def _lists(self, file: models.File, start: str = "") -> bool:
        """Whether files of a folder are noted, whose names start so."""
        noted = models.FileMember
        some = select(noted.file_id).where(
            noted.file_id == file.id, noted.name.startswith(start, autoescape=True)
        )
        return self._session.scalar(some.limit(1)) is not None

    def _parts_of(self, entry: models.Entry, files: list[models.File]) -> tuple[Part, ...]:
        taken: set[str] = set()
        parts = []
        for number, file in enumerate(files, 1):
            name = _portable(PurePosixPath(file.path).name)
            name = f"{number}.{name}" if name in taken else name
            taken.add(name)
            parts.append(self._file_part(entry, number, file, name))
        return tuple(parts)

    def _file_part(self, entry: models.Entry, number: int, file: models.File, name: str) -> Part:
        name_of = f"{entry.digest}.{number}"
        if file.n_files is None:
            return Part(_portable(name), name_of, file.size_bytes, file.sha256)
        members = select(models.FileMember).where(models.FileMember.file_id == file.id)
        rows = [(row.name, row.size_bytes, row.sha256) for row in self._session.scalars(members)]
        if not rows:
            raise _unlisted(file)
        return _tree(_portable(name), name_of, rows)


def _unlisted(file: models.File) -> ResourceError:
    return ResourceError(
        f"{file.path}: an earlier version has registered this folder, and not listed its files. "
        "Have it done: genomehub hub checksums."
    )


def _tree(name: str, name_of: str, rows: list[tuple[str, int, str]]) -> Part:
    """Return a folder as nested parts; files whose names others could not write are left out."""
    files, folders = [], dict[str, list[tuple[str, int, str]]]()
    for path, size, sha256 in sorted(rows):
        first, _, rest = path.partition("/")
        if not _PORTABLE.fullmatch(first):
            continue
        if rest:
            folders.setdefault(first, []).append((rest, size, sha256))
        else:
            files.append(Part(first, f"{name_of}~{first}", size, sha256))
    inner = [_tree(folder, f"{name_of}~{folder}", inside) for folder, inside in folders.items()]
    parts = (*files, *inner)
    return Part(name, name_of, sum(part.size_bytes for part in parts), _together(parts), parts)


def _together(parts: Iterable[Part]) -> str:
    """Return the checksum of a bundle as DRS defines it: over the sorted checksums of what is in it."""
    return hashlib.sha256("".join(sorted(part.sha256 for part in parts)).encode()).hexdigest()


def _portable(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name) or "_"

"""Files of data sets: what they are, and their bytes, resumed where they were cut off and checked.

A download is written to ``NAME.part`` and gets its name when its size and SHA-256 are what the hub tells.
"""

import base64
import dataclasses
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from genomehub.errors import ConflictError, InputError, StoreError
from genomehub.files import os_error, sha256
from genomehub.hub.client.transport import CutOffError, Transport

DRS = "/ga4gh/drs/v1/objects"
#: Called with the bytes that are there and the size of the whole.
Progress = Callable[[int, int], None]
#: Times that a cut-off download is gone on with, although nothing more came.
_TRIES = 5
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")


@dataclasses.dataclass(frozen=True)
class File:
    """A file, or a folder such as a VCF Zarr store.

    id : by which the hub names it (DRS)
    sha256 : of its bytes; None for a folder
    reads, variants : URL of the htsget service for it, None if it cannot be sliced
    """

    id: str
    name: str
    size_bytes: int
    sha256: str | None
    media_type: str | None
    folder: bool
    reads: str | None
    variants: str | None


def file_of(document: dict[str, Any]) -> File:
    """Return the file of a DRS object."""
    sums = {one["type"].replace("-", ""): one["checksum"] for one in document.get("checksums", [])}
    folder = "contents" in document and document["contents"] is not None
    slices = {"reads": None, "variants": None}
    for method in document.get("access_methods") or []:
        url = (method.get("access_url") or {}).get("url", "")
        for kind in slices:
            if method["type"] == "htsget" and f"/{kind}/" in url:
                slices[kind] = url
    return File(
        document["id"], document.get("name") or document["id"], document["size"],
        None if folder else sums.get("sha256"), document.get("mime_type"), folder, **slices,
    )  # fmt: skip


def get_object(transport: Transport, identifier: str, *, expand: bool = False) -> dict[str, Any]:
    """Return a DRS object."""
    options = {"params": {"expand": "true"}} if expand else {}
    document: dict[str, Any] = transport.json("GET", f"{DRS}/{quote(identifier, safe='')}", **options)
    return document


def get_files(transport: Transport, bundle: str) -> list[File]:
    """Return the files of a version of a data set."""
    contents = get_object(transport, bundle).get("contents") or []
    return [file_of(get_object(transport, one["id"])) for one in contents]


def download(
    transport: Transport, identifier: str, to: str | Path | None, progress: Progress | None = None
) -> Path:
    """Fetch a file, or a folder with all that is in it, and return where it is.

    Parameters
    ----------
    to : file or existing folder; by default its name, here. What is there whole is not fetched again.
    progress : called now and then with bytes that are there and bytes of the whole

    Raises
    ------
    ConflictError
        Another file is there under this name.
    StoreError
        What came is not what the hub says.
    """
    document = get_object(transport, identifier, expand=True)
    path = Path(to) if to is not None else Path(_portable(document["name"]))
    if path.is_dir() and not (document.get("contents") is not None and to is None):
        path = path / _portable(document["name"])
    count = _Count(document["size"], progress)
    try:
        if document.get("contents") is not None:
            _fetch_folder(transport, document["contents"], path, count)
        else:
            _fetch(transport, document, path, count)
    except OSError as error:
        raise os_error(error.filename or path, error) from error
    return path


class _Count:
    """Bytes so far, for progress."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress, self._there = total, progress, 0

    def add(self, amount: int) -> None:
        self._there += amount
        if self._progress is not None:
            self._progress(self._there, self._total)


def _fetch_folder(transport: Transport, contents: Iterable[Any], folder: Path, count: _Count) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for one in contents:
        inside = folder / _portable(one["name"])
        if one.get("contents"):
            _fetch_folder(transport, one["contents"], inside, count)
        else:
            _fetch(transport, get_object(transport, one["id"]), inside, count)


def _portable(name: str) -> str:
    """Return a name that stays within its folder."""
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise InputError(
            f"{name[:80]!r}: a name that leads elsewhere; nothing was written. Tell the hub's staff."
        )
    return name


def _fetch(transport: Transport, document: dict[str, Any], path: Path, count: _Count) -> None:
    file = file_of(document)
    if path.exists():
        if path.stat().st_size == file.size_bytes and sha256(path) == file.sha256:
            count.add(file.size_bytes)
            return
        raise ConflictError(f"{path}: another file is there. Move it away, or name another place.")
    part = path.with_name(path.name + ".part")
    if part.exists() and part.stat().st_size > file.size_bytes:
        part.unlink()
    count.add(part.stat().st_size if part.exists() else 0)
    idle = 0
    while True:
        there = part.stat().st_size if part.exists() else 0
        if there >= file.size_bytes:
            break
        try:
            _go_on(transport, document, part, there, count)
        except CutOffError:
            grown = part.exists() and part.stat().st_size > there
            idle = 0 if grown else idle + 1
            if idle == _TRIES:
                raise
    size = part.stat().st_size if part.exists() else 0
    if size != file.size_bytes:
        raise StoreError(f"{path}: {size} bytes came, {file.size_bytes} were expected. Run the same again.")
    if file.sha256 is not None and (seen := sha256(part)) != file.sha256:
        part.unlink()
        raise StoreError(
            f"{path}: has SHA-256 {seen[:16]}..., the hub says {file.sha256[:16]}...; what came was thrown "
            "away. Run the same again, and tell the hub's staff if it stays so."
        )
    part.replace(path)


def _go_on(transport: Transport, document: dict[str, Any], part: Path, there: int, count: _Count) -> None:
    url, headers = _link(transport, document)
    headers = {**headers, "Accept": "*/*", "Accept-Encoding": "identity"}
    if there:
        headers["Range"] = f"bytes={there}-"
    with transport.open("GET", url, headers=headers) as answer:
        # The whole may come, whatever was asked for: then it is begun anew.
        begins = answer.headers.get("content-range", "").startswith(f"bytes {there}-")
        anew = answer.status_code != 206 or not (there and begins)
        if anew:
            count.add(-there)
        with part.open("wb" if anew else "ab") as out:
            for chunk in answer.iter_bytes():
                out.write(chunk)
                count.add(len(chunk))


def _link(transport: Transport, document: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return where the bytes are, and the headers that open it."""
    for method in document.get("access_methods") or []:
        if method["type"] not in ("https", "http"):
            continue
        access = method.get("access_url")
        if access is None:
            path = f"{DRS}/{quote(document['id'], safe='')}/access/{quote(method['access_id'], safe='')}"
            access = transport.json("GET", path)
        headers = dict(line.split(": ", 1) for line in access.get("headers") or [])
        return access["url"], headers
    raise InputError(f"{document['id']}: cannot be fetched whole; the hub offers no way to its bytes.")


def data_of(url: str) -> bytes:
    """Return the bytes of a ``data:`` URL.

    >>> data_of("data:application/vnd.ga4gh.bam;base64,QkFN")
    b'BAM'
    """
    kind, comma, text = url.partition(",")
    if not comma or not kind.endswith(";base64"):
        raise InputError(f"{url[:40]!r}: a data URL in base64 was expected in the ticket.")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise InputError(f"{url[:40]!r}: the ticket's data are no base64.") from error

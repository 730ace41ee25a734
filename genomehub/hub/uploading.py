"""Sending files to a hub: the client's side of tus, which goes on by itself where it was cut off.

Light: httpx and the standard library.
"""

import base64
import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx

from genomehub.errors import ConfigError, GenomehubError, InputError, NotFoundError, ResourceError
from genomehub.files import require_file
from genomehub.types import NoProgress, Progress

_VERSION = {"Tus-Resumable": "1.0.0"}
#: Each piece has its checksum; a piece that is damaged or cut off is sent again.
PIECE_BYTES = 32 * 2**20
_PATIENCE_SECONDS = 600
_MEGABYTE = 1_000_000
_INDEXES = (".bai", ".csi", ".tbi", ".crai")


class RefusedError(InputError):
    """The hub looked at the files and refused them; the text says why."""


@dataclasses.dataclass(frozen=True)
class Source:
    """A file to send; kind None: its name tells."""

    path: Path
    kind: str | None = None


def with_indexes(sources: Iterable[Source]) -> list[Source]:
    """Return the files and, each once, the indexes that lie beside them."""
    given = list(sources)
    there = {source.path for source in given}
    for source in list(given):
        for suffix in _INDEXES:
            for index in (source.path.with_name(source.path.name + suffix), source.path.with_suffix(suffix)):
                if index.is_file() and index not in there and source.path.suffix not in _INDEXES:
                    there.add(index)
                    given.append(Source(index, "index"))
    return given


class Uploader:
    """Sends files to one hub.

    Parameters
    ----------
    url : of the hub
    token : of a person who may register there
    patience : seconds for which a hub that cannot be reached is tried again
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience: float = _PATIENCE_SECONDS,
        piece_bytes: int = PIECE_BYTES,
        progress: Progress | None = None,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"{url}: is no address of a hub; it begins with https://.")
        self._base = url.rstrip("/")
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {token}"}, timeout=httpx.Timeout(60, connect=10)
        )
        self._patience, self._piece = patience, piece_bytes
        self._progress, self._say = progress or NoProgress(), say

    def __enter__(self) -> "Uploader":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def send(
        self, sources: Sequence[Source], dataset: str, project: str, said: dict[str, Any]
    ) -> dict[str, Any]:
        """Send files, have them registered and return the upload as the hub tells it.

        What was sent before, by this or a killed program, is not sent again.

        Raises
        ------
        RefusedError
            The hub refuses the files.
        InputError
            A file is not there, or changes.
        ResourceError
            The hub cannot be reached.
        """
        files = [require_file(source.path) for source in sources]
        total = -(-sum(file.stat().st_size for file in files) // _MEGABYTE)
        self._progress.start("checksums", total, "MB")
        sums = [self._sha256(file) for file in files]
        self._progress.finish()
        upload = self._unfinished(dataset, project)
        self._progress.start("upload", total, "MB")
        for source, sha256 in zip(sources, sums, strict=True):
            upload = self._send(source, sha256, dataset, project, upload)
        self._progress.finish()
        return self._complete(str(upload), said)

    def _sha256(self, path: Path) -> str:
        digest, told = hashlib.sha256(), 0
        with path.open("rb", buffering=0) as handle:
            while chunk := handle.read(1 << 20):
                digest.update(chunk)
                told += len(chunk)
                if told >= _MEGABYTE:
                    self._progress.advance(told // _MEGABYTE)
                    told %= _MEGABYTE
        return digest.hexdigest()

    def _unfinished(self, dataset: str, project: str) -> str | None:
        """Return one's own upload for this data set that can be gone on with."""
        page = self._ask("GET", "/api/uploads?limit=200").json()
        for one in page["uploads"]:
            if (one["project"], one["dataset"]) == (project, dataset) and one["state"] in ("open", "refused"):
                return str(one["id"])
        return None

    def _send(self, source: Source, sha256: str, dataset: str, project: str, upload: str | None) -> str:
        url, upload = self._begun(source, sha256, dataset, project, upload)
        size = source.path.stat().st_size
        self._advance_to(0, offset := self._offset(url))
        with source.path.open("rb") as handle:
            while offset < size:
                handle.seek(offset)
                piece = handle.read(self._piece)
                if not piece:
                    raise InputError(
                        f"{source.path}: became shorter while it was sent. Send it when it is whole."
                    )
                before = offset
                offset = self._patch(url, offset, piece)
                self._advance_to(before, offset)
        return upload

    def _begun(
        self, source: Source, sha256: str, dataset: str, project: str, upload: str | None
    ) -> tuple[str, str]:
        """Return where to send a file, begun now or before."""
        name = source.path.name
        if upload is not None:
            view = self._ask("GET", f"/api/uploads/{upload}").json()
            for file in view["files"]:
                if file["name"] == name:
                    if file["sha256"] == sha256:
                        return self._path(file["url"]), upload
                    self._ask("DELETE", self._path(file["url"]), headers=_VERSION)  # of another content
        told = {"name": name, "dataset": dataset, "project": project, "sha256": sha256}
        told |= {"kind": source.kind} if source.kind else {}
        told |= {"upload": upload} if upload else {}
        pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())
        headers = {
            **_VERSION, "Upload-Length": str(source.path.stat().st_size), "Upload-Metadata": ",".join(pairs),
        }  # fmt: skip
        answer = self._ask("POST", "/api/uploads", headers=headers)
        return self._path(answer.headers["location"]), answer.headers["upload-session"]

    def _path(self, url: str) -> str:
        """Return the path of a link: the hub may be reached by another address than it knows of itself."""
        return "/api/uploads" + url.partition("/api/uploads")[2]

    def _offset(self, url: str) -> int:
        return int(self._ask("HEAD", url, headers=_VERSION).headers["upload-offset"])

    def _patch(self, url: str, offset: int, piece: bytes) -> int:
        checksum = base64.b64encode(hashlib.sha256(piece).digest()).decode()
        headers = {
            **_VERSION, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream",
            "Upload-Checksum": f"sha256 {checksum}",
        }  # fmt: skip
        until = time.monotonic() + self._patience
        pause = 0.5
        while True:
            try:
                answer = self._client.patch(self._base + url, headers=headers, content=piece)
                if answer.status_code == 204:
                    return int(answer.headers["upload-offset"])
                if answer.status_code not in (409, 423, 460) and answer.status_code < 500:
                    raise _error(answer)
                reason = f"status {answer.status_code}"
            except httpx.TransportError as error:
                reason = type(error).__name__
            if time.monotonic() > until:
                raise ResourceError(f"{self._base}: does not take the file ({reason}). Try again later.")
            self._say(f"{reason}; going on in {pause:.0f} s")
            time.sleep(pause)
            pause = min(pause * 2, 30)
            if (have := self._offset(url)) != offset:
                return have

    def _complete(self, upload: str, said: dict[str, Any]) -> dict[str, Any]:
        answer = self._ask("POST", f"/api/uploads/{upload}/complete", json=said)
        step = None
        while True:
            view: dict[str, Any] = answer.json()
            if view["state"] == "registered":
                return view
            if view["state"] != "checking":
                raise RefusedError(
                    f"{self._base}: the upload is {view['state']}: {' '.join(view['problems'])} What was "
                    "sent is kept; correct it and upload again."
                )
            if view["step"] != step:
                step = view["step"]
                self._say(f"the hub is {step}" if step else "the hub works on it")
            time.sleep(1)
            answer = self._ask("GET", f"/api/uploads/{upload}")

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask, again and again while the hub cannot be reached."""
        until = time.monotonic() + self._patience
        pause = 0.5
        while True:
            try:
                answer = self._client.request(method, self._base + path, **more)
                if answer.status_code < 500 and answer.status_code != 423:
                    break
                reason = f"status {answer.status_code}"
            except httpx.TransportError as error:
                reason = type(error).__name__
            if time.monotonic() > until:
                raise ResourceError(f"{self._base}: cannot be reached ({reason}). Check the address.")
            time.sleep(pause)
            pause = min(pause * 2, 30)
        if answer.is_error:
            raise _error(answer)
        return answer

    def _advance_to(self, before: int, after: int) -> None:
        whole = after // _MEGABYTE - before // _MEGABYTE
        if whole > 0:
            self._progress.advance(whole)


def _error(answer: httpx.Response) -> GenomehubError:
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"status {answer.status_code}"
    kind: type[GenomehubError] = NotFoundError if answer.status_code == 404 else InputError
    return kind(f"the hub answers: {detail}")

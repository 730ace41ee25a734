"""Files that appear whole or not at all, and their checksums.

Every output is written beside its final place under a temporary name and renamed when it is complete, so
a reader never meets half a file and a killed run leaves nothing under a final name.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import genomehub
from genomehub.errors import InputError, NotFoundError, ResourceError, StoreError

_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def require_file(path: str | os.PathLike[str], what: str = "input file") -> Path:
    """Return ``path`` if it is a readable file, else raise with a sentence that names it.

    Raises
    ------
    NotFoundError
        Nothing is there.
    InputError
        It is a folder, or it may not be read.
    """
    path = Path(path)
    if not path.exists():
        raise NotFoundError(f"{path}: no such {what}. Check the path and its spelling.")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; a file was expected as {what}.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: may not be read by this user. Check its permissions.")
    return path


def require_writable_parent(path: str | os.PathLike[str]) -> Path:
    """Make the folder that will hold ``path`` and check, before any work, that it can be written.

    Raises
    ------
    ResourceError
        The folder cannot be made or written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.parent / f".{path.name}.{uuid.uuid4().hex}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ResourceError(
            f"{path.parent}: cannot be written ({error.strerror}). Choose another output folder or ask for "
            "permission."
        ) from error
    return path


def os_error(path: str | os.PathLike[str], error: OSError) -> ResourceError:
    """Turn an ``OSError`` met while writing ``path`` into a sentence."""
    if error.errno in _DISK_ERRORS:
        return ResourceError(
            f"{path}: no space left to write it ({error.strerror}). Nothing was left under the final name; "
            "free some space or name another output folder, then run the same command again."
        )
    return ResourceError(
        f"{path}: cannot be written ({error.strerror}). Check the folder and its permissions."
    )


@contextlib.contextmanager
def atomic_output(path: str | os.PathLike[str], *, keep_suffix: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success rename it to ``path``, on failure remove it.

    The body may make a file or a folder under the temporary path. With ``keep_suffix`` the temporary
    name ends like the final one, for writers that read the format from the name. A file or folder of an
    earlier run is replaced only at the end.

    Raises
    ------
    ResourceError
        The disk is full or the folder cannot be written.
    """
    path = require_writable_parent(path)
    suffix = "".join(path.suffixes[-2:]) if keep_suffix else ""
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.part{suffix}"
    try:
        yield temporary
        _publish(temporary, path)
    except OSError as error:
        raise os_error(path, error) from error
    finally:
        remove(temporary)


def _publish(temporary: Path, path: Path) -> None:
    if temporary.is_dir():
        aside = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.old"
        if path.exists():
            path.rename(aside)
        temporary.rename(path)
        remove(aside)
        return
    with temporary.open("rb+") as handle:
        os.fsync(handle.fileno())  # a full disk may only show here
    temporary.replace(path)


def forget_pages(path: str | os.PathLike[str], n_bytes: int = 0) -> None:
    """Put a file on the disk and out of the memory that caches it; where that is not possible, do nothing.

    ``n_bytes`` are forgotten from the beginning; 0 means all.

    Written files are cached in small pages. A mapping that asks for huge ones gets them when it reads anew.
    """
    with Path(path).open("rb") as handle, contextlib.suppress(OSError, AttributeError):
        os.fsync(handle.fileno())
        os.posix_fadvise(handle.fileno(), 0, n_bytes, os.POSIX_FADV_DONTNEED)


def remove(path: Path) -> None:
    """Remove a file or a whole folder; silent if it is not there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the hexadecimal SHA-256 of a file, or of a folder: its files' names and contents, sorted."""
    path = Path(path)
    if not path.is_dir():
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    digest = hashlib.sha256()
    for part in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(f"{part.relative_to(path).as_posix()}\0{sha256(part)}\n".encode())
    return digest.hexdigest()


def size_bytes(path: str | os.PathLike[str]) -> int:
    """Return the size of a file, or of all files in a folder."""
    path = Path(path)
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size


def workflow_directory() -> Path:
    """Return the folder of the Snakefile: inside an installed package, or beside it in a checkout.

    Raises
    ------
    StoreError
        The installation is damaged.
    """
    package = Path(genomehub.__file__).parent
    for folder in (package / "workflows", package.parent / "workflows"):
        if (folder / "Snakefile").is_file():
            return folder
    raise StoreError(
        f"{package / 'workflows'}: the workflow is missing from this installation. Install genomehub again."
    )

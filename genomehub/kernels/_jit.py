"""The one place that names compiler options, and where compiled kernels are kept.

Numba looks at the file of a function, not at the functions it calls, when it decides whether a cached
binary is still good; so each module's kernels have a cache folder whose name carries a hash of that module,
of every module of the package that it imports, however indirectly, of the versions of numba and llvmlite,
and of the CPU target: an edit compiles anew what it can have changed, and nothing else.
``GENOMEHUB_CACHE_DIR`` moves the cache (default: the user's cache folder). Where that cannot be written, a
folder of the user's own in the temporary folder takes its place: left alone, Numba would fall back to
``__pycache__``, whose names carry no such hash.
"""

import functools
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding
import numba

_IMPORT = re.compile(
    rb"^\s*from (genomehub[\w.]*) import (\([^)]*\)|[^\n]*)|^\s*import (genomehub[\w.]*)", re.M
)
_WORD = re.compile(rb"\w+")


def _source(module: str) -> Path | None:
    path = Path(__file__).parents[2].joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


@functools.cache
def _imports(module: str) -> frozenset[str]:
    """Modules of the package that a module names in its import statements."""
    found = set()
    source = _source(module)
    for parent, names, plain in _IMPORT.findall(source.read_bytes() if source else b""):
        found.add((parent or plain).decode())
        found |= {f"{parent.decode()}.{name.decode()}" for name in _WORD.findall(names)}
    return frozenset(name for name in found if _source(name))


def _with_imports(module: str) -> list[Path]:
    """Sources of a module, of this one, and of all that they import."""
    seen: set[str] = set()
    waiting = {module, __name__}
    while waiting:
        seen.add(name := waiting.pop())
        waiting |= _imports(name) - seen
    return sorted(path for name in seen if (path := _source(name)))


@functools.cache
def _cache_directory(module: str) -> Path:
    """The folder of a module's compiled kernels."""
    home = os.environ.get("GENOMEHUB_CACHE_DIR")
    if home is None:
        home = str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "genomehub")
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    digest.update((numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name()).encode())
    for source in _with_imports(module):
        digest.update(source.read_bytes())
    name = f"{module.rpartition('.')[2]}-{digest.hexdigest()[:16]}"
    homes = Path(home), Path(tempfile.gettempdir()) / f"genomehub-{os.getuid()}"
    return next((path for path in (h / "kernels" / name for h in homes) if _is_ours(path)), homes[0] / name)


def _is_ours(path: Path) -> bool:
    """Make the folder; tell whether it is the user's own (cached binaries are run) and can be written."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return False
    return path.stat().st_uid == os.getuid() and os.access(path, os.W_OK | os.X_OK)


#: nogil: Dask threads run kernels side by side. error_model numpy: no branch for a division by zero.
#: fastmath stays off: results must not depend on the compiler's choice of order.
_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}


def kernel(function: Any = None, **options: Any) -> Any:
    """Compile a module-level function in nopython mode with the project's options."""
    if function is None:
        return functools.partial(kernel, **options)
    if "NUMBA_CACHE_DIR" not in os.environ:
        # Numba asks for the folder when a function is decorated, not when it is compiled.
        numba.config.CACHE_DIR = str(_cache_directory(function.__module__))
    return numba.njit(function, **{**_OPTIONS, **options})


#: A helper that LLVM inlines into kernels; never called from Python in production.
inline = kernel

#: A kernel or helper that makes no arrays, takes no slices and returns no array, nor does what it calls.
#: Numba then counts no references: in loops that pass many arrays to helpers the counting, which LLVM cannot
#: always remove, costs more than the work (see kernels.records.encode_records; a sixth of an alignment).
borrowing = kernel(_nrt=False)

"""The one place that names compiler options, and where compiled kernels are kept.

Numba looks at the file of a function, not at the functions it calls, when it decides whether a cached
binary is still good; so the cache folder's name carries a hash of every kernel's source, of the versions
of numba and llvmlite, and of the CPU target. ``GENOMEHUB_CACHE_DIR`` moves it (default: the user's cache
folder). Where that cannot be written, a folder of the user's own in the temporary folder takes its place:
left alone, Numba would fall back to ``__pycache__``, whose names carry no such hash.
"""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding
import numba


def _cache_directory() -> Path:
    home = os.environ.get("GENOMEHUB_CACHE_DIR")
    if home is None:
        home = str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "genomehub")
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    digest.update((numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name()).encode())
    for source in [*sorted(Path(__file__).parent.glob("*.py")), Path(__file__).parents[1] / "types.py"]:
        digest.update(source.read_bytes())
    name = digest.hexdigest()[:16]
    homes = Path(home), Path(tempfile.gettempdir()) / f"genomehub-{os.getuid()}"
    return next((path for path in (h / "kernels" / name for h in homes) if _is_ours(path)), homes[0] / name)


def _is_ours(path: Path) -> bool:
    """Make the folder; tell whether it is the user's own (cached binaries are run) and can be written."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return False
    return path.stat().st_uid == os.getuid() and os.access(path, os.W_OK | os.X_OK)


if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(_cache_directory())

#: nogil: Dask threads run kernels side by side. error_model numpy: no branch for a division by zero.
#: fastmath stays off: results must not depend on the compiler's choice of order.
_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}


def kernel(function: Any = None, **options: Any) -> Any:
    """Compile a module-level function in nopython mode with the project's options."""
    return numba.njit(function, **{**_OPTIONS, **options}) if function is not None else _with(options)


def _with(options: dict[str, Any]) -> Any:
    return numba.njit(**{**_OPTIONS, **options})


#: A helper that LLVM inlines into kernels; never called from Python in production.
inline = kernel

#: A kernel or helper that makes no arrays and takes no slices. Numba then counts no references: in loops that
#: pass many arrays to helpers the counting, which LLVM cannot always remove, costs more than the work
#: (kernels.records.encode_records: see there).
borrowing = kernel(_nrt=False)

"""The one place that names compiler options, and where compiled kernels are kept.

Numba looks at the file of a function, not at the functions it calls, when it decides whether a cached
binary is still good; so the cache folder's name carries a hash of every kernel's source, of the versions
of numba and llvmlite, and of the CPU target. ``GENOMEHUB_CACHE_DIR`` moves it (default: the user's cache
folder).
"""

import hashlib
import os
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
    return Path(home) / "kernels" / digest.hexdigest()[:16]


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

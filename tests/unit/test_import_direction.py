"""Rooms of the package and what each may import: the data's way goes one way only."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genomehub import cli

PACKAGE = Path(__file__).parents[2] / "genomehub"
_BASE = {"types", "errors", "files", "config", "cost"}

#: room -> rooms of ours that it may import, besides itself
MAY_IMPORT = {
    "types": set(),
    "errors": set(),
    "files": {"errors"},
    "config": {"types", "errors"},
    "cost": {"files", "errors"},
    "kernels": {"types"},
    "formats": {"types", "errors", "files", "kernels", "store"},
    "store": {"types", "errors", "files", "config", "kernels", "formats"},
    "align": {"types", "errors", "config", "kernels"},
    "variants": {"types", "errors", "config", "kernels"},
    "quality": {"types", "errors", "files", "config", "kernels", "formats", "store"},
    "pipeline": {*_BASE, "kernels", "formats", "store", "align", "variants", "quality"},
    "hub": {"types", "errors", "files", "config", "store"},
    "cli": {*_BASE, "formats", "store", "quality", "pipeline", "hub"},
    "__main__": {"cli"},
    "__init__": set(),
}

#: Doors for users of the library: they name what lies in higher rooms, and load it when it is asked for.
DOORS = {"align/__init__.py": {"pipeline"}}

#: What kernels may import from elsewhere: arrays and the compiler; _jit.py also looks after the cache folder.
KERNEL_LIBRARIES = {"numpy", "numba", "llvmlite", "typing", "collections", "math", "enum"}
CACHE_LIBRARIES = {"functools", "re", "hashlib", "os", "pathlib", "tempfile", "contextlib", "shutil", "sys"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Every dotted name that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def rooms_imported(path: Path) -> set[str]:
    names = [name.split(".") for name in imports(path)]
    rooms = {parts[1] for parts in names if parts[0] == "genomehub" and len(parts) > 1}
    return {room for room in rooms if room in MAY_IMPORT}  # the rest are names in genomehub/__init__.py


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports__go_down_only(path):
    room = room_of(path)
    assert room in MAY_IMPORT, (
        f"{room}: a new room; say in MAY_IMPORT and docs/way-of-the-data.md where it stands"
    )
    door = DOORS.get(path.relative_to(PACKAGE).as_posix(), set())
    assert rooms_imported(path) <= MAY_IMPORT[room] | {room} | door


@pytest.mark.parametrize("path", sorted((PACKAGE / "kernels").glob("*.py")), ids=lambda path: path.name)
def test_kernels__know_arrays_only(path):
    libraries = {name.split(".")[0] for name in imports(path)} - {"genomehub"}
    assert libraries <= KERNEL_LIBRARIES | (CACHE_LIBRARIES if path.name == "_jit.py" else set())


def test_dask__is_imported_in_one_place():
    users = {
        path.name for path in modules() if {"dask", "distributed"} & {n.split(".")[0] for n in imports(path)}
    }
    assert users <= {"workers.py"}


HEAVY = ("numba", "zarr", "pysam", "dask", "distributed", "matplotlib", "pandas", "snakemake")


@pytest.mark.parametrize(
    "module",
    [
        "genomehub.align",
        "genomehub.cli",
        "genomehub.cli.workflow",
        "genomehub.hub.backup",
        "genomehub.hub.catalogue",
        "genomehub.hub.client",
        "genomehub.hub.service.server",
        "genomehub.hub.uploading",
        "genomehub.pipeline.workflow",
    ],
)
def test_import__stays_light(module):
    """The command line answers at once; the catalogue and the workflow's checks need no engine."""
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_commands__no_module_takes_the_place_of_a_function():
    functions = {name for name, value in vars(cli).items() if callable(value)}
    assert functions.isdisjoint(module for module, _ in cli.COMMANDS.values())

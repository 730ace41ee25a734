"""The kernel cache: one folder per source, compiler and CPU; never a stale binary."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import pytest

from genomehub.kernels import _jit

PACKAGE = Path(_jit.__file__).parents[1]


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """Return the folder of a copy of the package's kernels that `_cache_directory` looks at."""
    monkeypatch.setenv("GENOMEHUB_CACHE_DIR", str(tmp_path / "cache"))
    shutil.copytree(
        PACKAGE / "kernels", tmp_path / "genomehub/kernels", ignore=shutil.ignore_patterns("__*__")
    )
    shutil.copy(PACKAGE / "types.py", tmp_path / "genomehub")
    monkeypatch.setattr(_jit, "__file__", str(tmp_path / "genomehub/kernels/_jit.py"))
    monkeypatch.setattr(_jit, "__name__", "genomehub.kernels._jit")
    return tmp_path / "genomehub"


def directory(module="genomehub.kernels.seeds"):
    """The cache folder of a module, its sources read again."""
    _jit._imports.cache_clear()
    _jit._cache_directory.cache_clear()
    return _jit._cache_directory(module)


def test_cache_directory__is_the_same_for_the_same_source(copy):
    assert directory() == directory()


@pytest.mark.parametrize("source", ["kernels/seeds.py", "kernels/vectors.py", "kernels/_jit.py", "types.py"])
def test_cache_directory__moves_with_any_source_a_kernel_may_call(copy, source):
    before = directory()
    with (copy / source).open("a") as file:
        file.write("# an edit\n")
    assert directory() != before


def test_cache_directory__moves_with_the_compiler(copy, monkeypatch):
    before = directory()
    monkeypatch.setattr(numba, "__version__", "0.0")
    assert directory() != before


def test_cache_directory__moves_with_the_cpu_target(copy, monkeypatch):
    before = directory()
    monkeypatch.setattr(numba.config, "CPU_NAME", "x86-64-v2")
    assert directory() != before


@pytest.mark.parametrize("source", ["config.py", "kernels/pairhmm.py"])
def test_cache_directory__stays_if_what_the_module_does_not_import_changes(copy, source):
    before = directory()
    with (copy / source).open("a") as file:
        file.write("EDITED = True\n")
    assert directory() == before


def test_imports__sees_every_spelling(copy):
    (copy / "kernels/x.py").write_text(
        "from genomehub.kernels import vectors as v\nfrom genomehub.kernels.seeds import (\n    mix,\n)\n"
        "import genomehub.types\n"
    )
    _jit._imports.cache_clear()
    assert _jit._imports("genomehub.kernels.x") >= {
        "genomehub.kernels.vectors",
        "genomehub.kernels.seeds",
        "genomehub.types",
    }


def test_cache_directory__default_is_the_users_cache_folder(copy, tmp_path, monkeypatch):
    monkeypatch.delenv("GENOMEHUB_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert directory().is_relative_to(tmp_path / "xdg/genomehub/kernels")


def test_cache_directory__falls_back_to_the_temporary_folder(copy, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder can be made below a file")
    monkeypatch.setenv("GENOMEHUB_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    assert directory().is_relative_to(tmp_path / f"tmp/genomehub-{os.getuid()}")


def test_cache_directory__never_runs_binaries_of_another_user(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert not _jit._is_ours(tmp_path)


SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from genomehub.kernels._jit import kernel
import {module}
print({module}.outer(np.ones(3)), sum({module}.outer.stats.cache_hits.values()))
"""


def test_kernel__edited_callee_in_another_file_is_compiled_anew(tmp_path):
    """Numba alone would answer with the stale binary of `outer`: its own file did not change."""
    package = tmp_path / "genomehub"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    callee, caller = package / "kernels/callee.py", package / "kernels/caller.py"
    head = "from genomehub.kernels._jit import kernel\n"
    caller.write_text(
        head + "from genomehub.kernels.callee import inner\n@kernel\ndef outer(a):\n    return inner(a)\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    environment |= {"GENOMEHUB_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # it would miss an edit of the same size in the same second

    def run(factor):
        callee.write_text(head + f"@kernel\ndef inner(a):\n    return {factor} * a.sum()\n")
        script = SCRIPT.format(module="genomehub.kernels.caller")
        command = [sys.executable, "-P", "-c", script]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.split()

    assert run(2) == ["6.0", "0"]
    assert run(2) == ["6.0", "1"], "the second process finds the binary"
    assert run(5) == ["15.0", "0"]

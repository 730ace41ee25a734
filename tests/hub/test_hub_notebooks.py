"""docs/notebooks: their blocks run at a served hub and print what stands below them; the same for Jupyter."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from builders.hub_server import serving

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(python|r|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def cells(page):
    """Yield the blocks of code with the text that they print."""
    blocks = FENCE.findall((ROOT / "docs" / "notebooks" / page).read_text("utf-8"))
    assert [kind for kind, _ in blocks[1::2]] == ["text"] * (len(blocks) // 2)
    return [(code, printed) for (_, code), (_, printed) in zip(blocks[::2], blocks[1::2], strict=True)]


def tidy(text):
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def maker():
    """The script that makes notebooks for Jupyter."""
    spec = importlib.util.spec_from_file_location("notebooks", ROOT / ".ci" / "notebooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["hub-python.md", "hub-r.md"])
def test_notebook__for_jupyter_is_the_same(page):
    path = ROOT / "docs" / "notebooks" / page
    kept = path.with_suffix(".ipynb").read_text("utf-8")
    assert kept == maker().written(path.read_text("utf-8")), "make notebooks"
    notebook = nbformat.reads(kept, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [tidy(cell.source) for cell in code] == [tidy(block) for block, _ in cells(page)]
    assert [tidy(cell.outputs[0].text) for cell in code] == [tidy(printed) for _, printed in cells(page)]


@pytest.fixture
def environment(sqlite_world):
    sqlite_world.permit("researcher", "open-door")
    with serving(sqlite_world.hub) as address:
        token = sqlite_world.tokens["researcher"]
        yield {**os.environ, "GENOMEHUB_HUB_URL": address, "GENOMEHUB_HUB_TOKEN": token}


@pytest.mark.parametrize("page", ["hub-python.md", "hub-r.md"])
def test_notebook__prints_what_stands_there(page, environment, tmp_path):
    notebook = cells(page)
    mark = "-- next cell --"
    if page == "hub-r.md":
        package = ROOT / "clients" / "r" / "genomehub"
        install = ["R", "CMD", "INSTALL", "--no-test-load", "-l", str(tmp_path), str(package)]
        subprocess.run(install, capture_output=True, check=True, timeout=300)
        environment["R_LIBS"] = str(tmp_path)
        command, between = ["Rscript", "-"], f'cat("\\n{mark}\\n")\n'
    else:
        command, between = [sys.executable, "-"], f'\nprint("{mark}")\n'
    code = between.join(cell for cell, _ in notebook)
    done = subprocess.run(
        command, input=code, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    for (cell, expected), seen in zip(notebook, done.stdout.split(mark), strict=True):
        assert tidy(seen) == tidy(expected), cell

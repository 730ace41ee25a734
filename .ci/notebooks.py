"""Write the notebooks of docs/notebooks as ``.ipynb``, from the Markdown beside them: ``make notebooks``.

The Markdown is what people edit and what a test runs; each block of code becomes a cell, and the text below
it what that cell printed. The test also compares the ``.ipynb`` files with what this makes.
"""

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
#: Language of a page's blocks -> kernel, as Jupyter names it, and its language.
KERNELS = {
    "python": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "r": {"name": "ir", "display_name": "R", "language": "R"},
}
_FENCE = re.compile(r"^```(python|r|text)\n(.*?)^```$\n?", re.MULTILINE | re.DOTALL)


def notebook(page: str) -> dict[str, Any]:
    """Return a page of Markdown as a notebook (nbformat 4.5).

    >>> [cell["cell_type"] for cell in notebook("Words.\\n\\n```python\\nprint(1)\\n```\\n")["cells"]]
    ['markdown', 'code']
    """
    cells: list[dict[str, Any]] = []
    language, at = "python", 0
    for block in _FENCE.finditer(page):
        _say(cells, page[at : block.start()])
        kind, text = block[1], block[2].rstrip("\n")
        if kind == "text":
            cells[-1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": _lines(text + "\n")}]
        else:
            language = kind
            number = 1 + sum(cell["cell_type"] == "code" for cell in cells)
            cells.append(_cell(cells, "code", text) | {"execution_count": number, "outputs": []})
        at = block.end()
    _say(cells, page[at:])
    metadata = {"kernelspec": KERNELS[language], "language_info": {"name": KERNELS[language]["language"]}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _say(cells: list[dict[str, Any]], words: str) -> None:
    if words.strip():
        cells.append(_cell(cells, "markdown", words.strip()))


def _cell(cells: list[dict[str, Any]], kind: str, text: str) -> dict[str, Any]:
    return {"cell_type": kind, "id": f"cell-{len(cells) + 1}", "metadata": {}, "source": _lines(text)}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def written(page: str) -> str:
    """Return the content of the ``.ipynb`` of a page."""
    return json.dumps(notebook(page), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.md")):
        path.with_suffix(".ipynb").write_text(written(path.read_text("utf-8")), "utf-8")

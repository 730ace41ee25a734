"""docs/python.md and the docstrings of the library's door: their examples run and print what they say."""

import doctest
import re
from pathlib import Path

import pytest

from genomehub import align
from genomehub.align import pairwise
from genomehub.pipeline import aligner

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_page__examples_print_what_stands_there():
    blocks = re.findall(r"^```pycon\n(.*?)^```$", PAGE.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    assert len(examples.examples) > 20
    assert doctest.DocTestRunner().run(examples).failed == 0


@pytest.mark.parametrize("module", [pairwise, aligner], ids=lambda module: module.__name__)
def test_docstrings__examples_print_what_stands_there(module):
    done = doctest.testmod(module)
    assert done.failed == 0
    assert done.attempted > 4


def test_page__names_everything_that_the_door_offers():
    text = PAGE.read_text("utf-8")
    assert [name for name in align.__all__ if name not in text and name != "Alignment"] == []
    fields = {*aligner.Alignment._fields, "cigar_tuples"}
    assert {field for field in fields if f"`{field}`" not in text and f".{field}`" not in text} <= {
        "second_score",
        "score",
    }

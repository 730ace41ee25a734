"""Conditions and dates of a search, from their text."""

from datetime import UTC, datetime

import pytest

from genomehub.errors import ConfigError
from genomehub.hub.search import Condition, parse_condition, parse_since


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("coverage.mean>=30", ("coverage.mean", ">=", 30.0)),
        ("  coverage.mean  <  .5 ", ("coverage.mean", "<", 0.5)),
        ("evaluation.snv.f1 == 1e-3", ("evaluation.snv.f1", "=", 0.001)),
        ("a=-2", ("a", "=", -2.0)),
        ("insert size (bp)!=+4.", ("insert size (bp)", "!=", 4.0)),
    ],
)
def test_parse_condition__names_comparisons_numbers(text, condition):
    assert parse_condition(text) == Condition(*condition)


@pytest.mark.parametrize("text", ["", "coverage", ">=3", "a>=", "a=>3", "a>=b", "a>=1>=2", "a>=nan", "a>=1e"])
def test_parse_condition__nonsense(text):
    with pytest.raises(ConfigError, match="is no condition; a name, one of >= <= > < = != and a number"):
        parse_condition(text)


def test_parse_since__utc_unless_said():
    assert parse_since("2026-11-23") == datetime(2026, 11, 23, tzinfo=UTC)
    assert parse_since("2026-11-23T10:00+02:00") == datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "0001-01-01T00:00+05:00"])
def test_parse_since__nonsense(text):
    with pytest.raises(ConfigError, match=r"is no date; 2026-11-23 or"):
        parse_since(text)

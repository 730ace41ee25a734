"""What holds for the whole suite."""

import logging
from collections.abc import Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the golden files from what the program says now; say why in the commit",
    )


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """Take back how a command of the test has set up the log: its stream is closed when the test ends."""
    logger = logging.getLogger("genomehub")
    before = list(logger.handlers), logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])

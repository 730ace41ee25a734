"""Errors keep their sentence and their exit code on the way to the user."""

import pickle

import pytest

from genomehub import errors


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.ConfigError, 2),
        (errors.InputError, 3),
        (errors.NotFoundError, 3),
        (errors.ResourceError, 4),
        (errors.StoreError, 5),
        (errors.GenomehubError, 1),
        (ValueError, 1),
    ],
)
def test_exit_code__each_class(kind, code):
    assert errors.exit_code(kind("a sentence")) == code


def test_errors__survive_pickling():
    error = pickle.loads(pickle.dumps(errors.InputError("reads.fastq.gz, record 3: cut off")))
    assert type(error) is errors.InputError
    assert str(error) == "reads.fastq.gz, record 3: cut off"

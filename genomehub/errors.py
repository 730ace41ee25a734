"""Errors a person can act on.

A message is one sentence or two: where (path, record number and name, or contig:position, 1-based),
what was seen, what was expected, what to do next. ``EXIT_CODES`` is the one table that binds a class to
the exit code of the command line.
"""


class GenomehubError(Exception):
    """Any failure that genomehub foresaw; its text is shown to the user as it is."""

    def __reduce__(self) -> tuple[type["GenomehubError"], tuple[str]]:
        # Workers send errors to the client by pickle; subclasses may not add constructor arguments.
        return (type(self), (str(self),))


class ConfigError(GenomehubError):
    """A parameter, a configuration file or a sample sheet is wrong."""


class InputError(GenomehubError):
    """An input file is not what it should be: truncated, malformed, of another genome."""


class NotFoundError(InputError):
    """A file, sample, contig or catalogue entry that was named does not exist."""


class ResourceError(GenomehubError):
    """Memory, disk space or permission to write ran out."""


class StoreError(GenomehubError):
    """A store of ours (reference, VCF Zarr, catalogue) is damaged or of another format version."""


#: The most specific class comes first; the first that matches gives the exit code.
EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (ConfigError, 2),
    (InputError, 3),
    (ResourceError, 4),
    (StoreError, 5),
    (GenomehubError, 1),
)


def exit_code(error: BaseException) -> int:
    """Return the exit code of the command line for ``error`` (1 where the class is unknown)."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)

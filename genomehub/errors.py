"""Errors a person can act on.

A message is one sentence or two: where (path, record number and name, or contig:position, 1-based),
what was seen, what was expected, what to do next. ``CODES`` is the one table that binds a class to the exit
code of the command line and to the status of an HTTP answer.
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


class NotAuthenticatedError(GenomehubError):
    """Nobody is logged in, or the token is unknown, expired or revoked."""


class NotAllowedError(GenomehubError):
    """The person is known and may not do this."""


class ConflictError(InputError):
    """What is asked contradicts what is there already."""


class TooLargeError(InputError):
    """A request, upload or answer is larger than the limit."""


class TooOftenError(GenomehubError):
    """Somebody tried more often than the limit allows."""


class ResourceError(GenomehubError):
    """Memory, disk space or permission to write ran out."""


class StoreError(GenomehubError):
    """A store of ours (reference, VCF Zarr, catalogue) is damaged or of another format version."""


#: class, exit code, HTTP status. The most specific class comes first; the first that matches counts.
CODES: tuple[tuple[type[BaseException], int, int], ...] = (
    (ConfigError, 2, 400),
    (NotFoundError, 3, 404),
    (ConflictError, 3, 409),
    (TooLargeError, 3, 413),
    (InputError, 3, 422),
    (NotAuthenticatedError, 6, 401),
    (NotAllowedError, 6, 403),
    (TooOftenError, 4, 429),
    (ResourceError, 4, 503),
    (StoreError, 5, 500),
    (GenomehubError, 1, 500),
)


def exit_code(error: BaseException) -> int:
    """Return the exit code of the command line for ``error`` (1 where the class is unknown)."""
    return next((code for kind, code, _ in CODES if isinstance(error, kind)), 1)


def http_status(error: BaseException) -> int:
    """Return the status of the HTTP answer for ``error`` (500 where the class is unknown)."""
    return next((status for kind, _, status in CODES if isinstance(error, kind)), 500)

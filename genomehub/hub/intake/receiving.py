"""One piece of a file on its way in: written to the disk as it comes."""

import contextlib
import hashlib
import os

from genomehub.errors import ConflictError, InputError, TooLargeError
from genomehub.files import os_error
from genomehub.hub import models
from genomehub.hub.intake.uploads import Uploads, pending


class ChecksumError(InputError):
    """A piece is not what its checksum says; it was thrown away."""


class Receiver:
    """Takes one piece of a file: appended as it comes, so that a cut connection loses nothing.

    With a checksum, the piece counts only when all of it has come and is right.
    """

    def __init__(
        self, uploads: Uploads, file: models.UploadFile, offset: int, checksum: tuple[str, bytes] | None
    ) -> None:
        self._name, self._size = file.name, file.size_bytes
        self._path, self._marker = uploads.path(file), uploads.marker(file)
        self._stack = contextlib.ExitStack()
        self._handle = self._stack.enter_context(uploads.locked(file))
        try:
            have = os.fstat(self._handle).st_size
            counted = min(have, pending(self._marker, have))
            if counted < have:
                os.ftruncate(self._handle, counted)  # a piece whose checksum was never compared
            self._marker.unlink(missing_ok=True)
            if offset != counted:
                raise ConflictError(
                    f"{self._name}: {counted} bytes have come, so the next piece begins there, not at "
                    f"{offset}."
                )
            os.lseek(self._handle, offset, os.SEEK_SET)
            self._checksum = checksum
            self._digest = hashlib.new(checksum[0], usedforsecurity=False) if checksum else None
            if checksum:
                self._marker.write_text(str(offset))
        except BaseException:
            self._stack.close()
            raise
        self._start = self.offset = offset

    def write(self, data: bytes) -> None:
        """Append; TooLargeError if it is more than was announced."""
        if self.offset + len(data) > self._size:
            os.ftruncate(self._handle, self._start)
            self.offset = self._start
            raise TooLargeError(
                f"{self._name}: {self._size} bytes were announced and more come. Nothing of the piece is "
                "kept."
            )
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError as error:
            raise os_error(self._name, error) from error
        self.offset += len(data)
        if self._digest is not None:
            self._digest.update(data)

    def finish(self, *, whole: bool) -> int:
        """End the piece and return the offset from which to go on.

        Parameters
        ----------
        whole : the sender has sent all of it

        Raises
        ------
        ChecksumError
        """
        with self._stack:
            if self._digest is not None and self._checksum is not None:
                right = whole and self._digest.digest() == self._checksum[1]
                if not right:
                    os.ftruncate(self._handle, self._start)
                    self.offset = self._start
                os.fdatasync(self._handle)
                self._marker.unlink(missing_ok=True)
                if whole and not right:
                    raise ChecksumError(
                        f"{self._name}: the piece is not what its {self._checksum[0]} says; it was damaged "
                        "on the way. Send it again."
                    )
            else:
                os.fdatasync(self._handle)
        return self.offset

    def abandon(self) -> None:
        """Give up after an error of ours."""
        self._stack.close()

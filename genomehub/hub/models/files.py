"""Files within folders (a VCF Zarr store) with their checksums, noted when these are registered."""

from sqlalchemy import BigInteger, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from genomehub.hub.models.base import Digest, Model


class FileMember(Model):
    """One file within a folder of the catalogue; together their checksums give that of the folder.

    name : relative to the folder, with slashes
    """

    __tablename__ = "file_member"

    file_id: Mapped[int] = mapped_column(ForeignKey("file.id"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Digest)

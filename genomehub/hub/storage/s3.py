"""Files in an S3-compatible object store.

Where it is and who may write are told by the usual variables: AWS_ENDPOINT_URL, AWS_REGION,
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY. obstore reads, lists, deletes and signs. It cannot go on with a
multipart upload that was cut off, nor find and abort abandoned ones; for that there is boto3.
"""

import contextlib
import functools
import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from genomehub.errors import ConfigError, InputError, NotFoundError, ResourceError
from genomehub.hub.storage.interface import CHUNK_BYTES, Advance, check_key, no_advance

#: S3 allows 10,000 parts of at least 5 MiB; larger files get larger parts.
PART_BYTES = 32 * 2**20
_MAX_PARTS = 10_000
ATTEMPTS = 4  # of a request that fails
_CHECKSUM = "sha256"  # of the whole file, kept as the object's metadata


class RemoteBlob:
    """An object whose size is known; every read is one range request.

    With its tag, a read of an object that was replaced meanwhile fails: bytes of two contents never mix.
    """

    piece_bytes = 4 * 2**20

    def __init__(self, store: Any, key: str, size: int, tag: str | None = None) -> None:
        self._store, self._key, self.size = store, key, size
        self._options = {"if_match": tag} if tag and tag.startswith('"') else {}

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` up to ``end``."""
        end = min(end, self.size)
        if start >= end:
            return b""
        import obstore

        with sentences(self._key):
            asked: Any = {"range": (start, end), **self._options}
            found = obstore.get(self._store, self._key, options=asked)
            return bytes(found.bytes())

    def close(self) -> None:
        """Nothing is held open."""


class S3Storage:
    """Storage in a bucket, below a prefix."""

    def __init__(self, url: str, part_bytes: int = PART_BYTES) -> None:
        self.bucket, prefix = split_url(url)
        self._prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        self._part_bytes = part_bytes

    def _key(self, key: str) -> str:
        return self._prefix + check_key(key)

    @functools.cached_property
    def _store(self) -> Any:
        return bucket_store(self.bucket)

    @functools.cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        config = Config(
            connect_timeout=10,
            read_timeout=60,
            retries={"total_max_attempts": ATTEMPTS},
            s3={"addressing_style": "path"},
        )
        return boto3.client("s3", region_name=region, config=config)

    def location(self, key: str) -> str:
        """Return ``s3://BUCKET/KEY``."""
        return f"s3://{self.bucket}/{self._key(key)}"

    def put(
        self, source: Path, key: str, sha256: str, advance: Advance = no_advance, *, ours: bool = False
    ) -> str:
        """Send a file in parts; the parts of an upload that was cut off are kept and not sent again.

        The store compares the MD5 of each part with what it received; the SHA-256 of the whole is made while
        the parts are read, and compared before the object appears.
        """
        name, total = self._key(key), source.stat().st_size
        with sentences(key):
            if self._is_there(name, total, sha256):
                advance(total)
                return self.location(key)
            upload, kept = self._unfinished(name, sha256)
            size = max(self._part_bytes, -(-total // _MAX_PARTS))
            parts, whole = [], hashlib.sha256()
            with source.open("rb") as handle:
                number = 0
                while chunk := handle.read(size):
                    number += 1
                    whole.update(chunk)
                    parts.append(
                        {"PartNumber": number, "ETag": self._send(name, upload, number, chunk, kept)}
                    )
                    advance(len(chunk))
            if whole.hexdigest() != sha256:
                self._client.abort_multipart_upload(Bucket=self.bucket, Key=name, UploadId=upload)
                raise InputError(
                    f"{source.name}: is not what its checksum {sha256[:12]} says; it changed while it was "
                    "stored. Send it again."
                )
            self._client.complete_multipart_upload(
                Bucket=self.bucket, Key=name, UploadId=upload, MultipartUpload={"Parts": parts}
            )
        return self.location(key)

    def _is_there(self, name: str, size: int, sha256: str) -> bool:
        from botocore.exceptions import ClientError

        try:
            head = self._client.head_object(Bucket=self.bucket, Key=name)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise
        return bool(head["ContentLength"] == size and head["Metadata"].get(_CHECKSUM) == sha256)

    def _unfinished(self, name: str, sha256: str) -> tuple[str, dict[int, tuple[int, str]]]:
        """Return the upload to go on with and its parts (number: size, tag), or a new one."""
        for upload in self._uploads(name):
            if upload["Key"] == name:
                pages = self._client.get_paginator("list_parts")
                listed = pages.paginate(Bucket=self.bucket, Key=name, UploadId=upload["UploadId"])
                parts = [part for page in listed for part in page.get("Parts", ())]
                return upload["UploadId"], {
                    part["PartNumber"]: (part["Size"], part["ETag"]) for part in parts
                }
        made = self._client.create_multipart_upload(
            Bucket=self.bucket, Key=name, Metadata={_CHECKSUM: sha256}
        )
        return made["UploadId"], {}

    def _send(
        self, name: str, upload: str, number: int, chunk: bytes, kept: dict[int, tuple[int, str]]
    ) -> str:
        tag = f'"{hashlib.md5(chunk, usedforsecurity=False).hexdigest()}"'
        if kept.get(number) == (len(chunk), tag):
            return tag
        sent = self._client.upload_part(
            Bucket=self.bucket, Key=name, UploadId=upload, PartNumber=number, Body=chunk
        )
        return str(sent["ETag"])

    def _uploads(self, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
            yield from page.get("Uploads", ())

    def open(self, key: str) -> RemoteBlob:
        """Open an object."""
        return open_object(self._store, self._key(key))

    def size(self, key: str) -> int | None:
        """Return the size of an object, None if there is none."""
        try:
            return self.open(key).size
        except NotFoundError:
            return None

    def checksum(self, key: str, advance: Advance = no_advance) -> str:
        """Read an object whole, a piece at a time, and return its SHA-256."""
        blob, digest = self.open(key), hashlib.sha256()
        for start in range(0, blob.size, CHUNK_BYTES):
            chunk = blob.read(start, start + CHUNK_BYTES)
            digest.update(chunk)
            advance(len(chunk))
        return digest.hexdigest()

    def delete(self, key: str) -> None:
        """Remove an object and unfinished uploads of it."""
        name = self._key(key)
        with sentences(key):
            self._client.delete_object(Bucket=self.bucket, Key=name)
            for upload in list(self._uploads(name)):
                if upload["Key"] == name:
                    self._abort(upload)

    def _abort(self, upload: dict[str, Any]) -> None:
        self._client.abort_multipart_upload(
            Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
        )

    def link(self, key: str, seconds: int) -> str | None:
        """Return a presigned URL."""
        import obstore

        with sentences(key):
            return str(obstore.sign(self._store, "GET", self._key(key), timedelta(seconds=seconds)))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a folder."""
        import obstore

        with sentences(prefix):
            for page in obstore.list(self._store, f"{self._key(prefix)}/"):
                yield from (item["path"][len(self._prefix) :] for item in page)

    def abandoned(self, before: datetime) -> list[str]:
        """Abort multipart uploads that were begun before."""
        with sentences(self.bucket):
            old = [one for one in self._uploads(self._prefix) if one["Initiated"].astimezone(UTC) < before]
            for upload in old:
                self._abort(upload)
        return [upload["Key"][len(self._prefix) :] for upload in old]


def split_url(url: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://BUCKET/KEY``.

    >>> split_url("s3://genomes/hub/files")
    ('genomes', 'hub/files')
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket:
        raise ConfigError(f"{url}: is no location in an object store. Give s3://BUCKET/PREFIX.")
    return bucket, key


def is_remote(location: object) -> bool:
    """Tell whether a location lies in an object store."""
    return isinstance(location, str) and location.startswith("s3://")


@functools.lru_cache(maxsize=64)
def bucket_store(bucket: str, prefix: str | None = None) -> Any:
    """Return obstore's store of a bucket, or of what is below a prefix of it."""
    from obstore.store import S3Store

    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return S3Store(
        bucket,
        prefix=prefix,
        region=region,
        endpoint=endpoint or None,
        virtual_hosted_style_request=False,
        client_options={
            "allow_http": endpoint.startswith("http://"), "connect_timeout": "10s", "timeout": "60s",
        },
        retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=120)},
    )  # fmt: skip


def open_object(store: Any, name: str) -> RemoteBlob:
    """Open an object of a bucket."""
    import obstore

    with sentences(name):
        head = obstore.head(store, name)
        return RemoteBlob(store, name, int(head["size"]), head["e_tag"])


@contextlib.contextmanager
def sentences(name: str) -> Iterator[None]:
    """Turn errors of both libraries into ours; neither keys nor hosts are told."""
    from botocore.exceptions import BotoCoreError, ClientError
    from obstore.exceptions import BaseError, PreconditionError

    what = name.rpartition("/")[2]
    try:
        yield
    except FileNotFoundError as error:  # obstore's
        raise NotFoundError(f"{what}: no such file in the object store.") from error
    except PreconditionError as error:
        raise ResourceError(f"{what}: was replaced in the object store while it was read.") from error
    except (BotoCoreError, ClientError, BaseError) as error:
        raise ResourceError(
            f"{what}: the object store cannot be reached or refuses ({type(error).__name__}). Check "
            "AWS_ENDPOINT_URL, the bucket and the credentials."
        ) from error

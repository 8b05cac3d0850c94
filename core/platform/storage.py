"""The object storage (S3). Opened on first use, so that a process without files does not connect."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from typing import IO, TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from config.settings import Settings
from core.base import errors

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

log = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0
READ_SECONDS = 20.0
CHUNK = 256 * 1024


class Storage:
    """One bucket. Each call raises UNAVAILABLE if the storage is away, or not configured."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bucket = settings.s3_bucket
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._opened: S3Client | None = None

    async def close(self) -> None:
        """Close the connections."""
        await self._stack.aclose()

    async def check(self) -> None:
        """Raise UNAVAILABLE unless the bucket exists and is accessible."""
        async with self._client() as client:
            await client.head_bucket(Bucket=self._bucket)

    async def size_of(self, key: str) -> int | None:
        """Return the size of an object in bytes, None if there is none."""
        async with self._client() as client:
            try:
                return (await client.head_object(Bucket=self._bucket, Key=key))["ContentLength"]
            except ClientError as error:
                if _status(error) != 404:
                    raise
                return None

    async def put(self, key: str, body: IO[bytes] | bytes, mime_type: str) -> None:
        """Store an object."""
        async with self._client() as client:
            await client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=mime_type)

    async def fetch(self, key: str, into: IO[bytes], limit: int) -> bool:
        """Write an object to a file. Return False if it does not exist, or has more than `limit` bytes."""
        async with self._client() as client:
            try:
                answer = await client.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if _status(error) != 404:
                    raise
                return False
            async with answer["Body"] as body:
                if answer["ContentLength"] > limit:
                    return False
                while chunk := await body.read(CHUNK):
                    into.write(chunk)
        return True

    async def copy(self, key: str, to: str) -> None:
        """Copy an object; a missing one is ignored."""
        async with self._client() as client:
            try:
                await client.copy_object(Bucket=self._bucket, Key=to, CopySource={"Bucket": self._bucket, "Key": key})
            except ClientError as error:
                if _status(error) != 404:
                    raise

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; missing ones are ignored."""
        async with self._client() as client:
            for key in keys:
                await client.delete_object(Bucket=self._bucket, Key=key)

    async def link_to_put(self, key: str, size: int, mime_type: str, seconds: int) -> str:
        """Return a temporary upload link for exactly this many bytes of this type ("": any); it can be used repeatedly."""
        params = {"Bucket": self._bucket, "Key": key, "ContentLength": size}
        if mime_type:
            params["ContentType"] = mime_type
        async with self._client() as client:
            return await client.generate_presigned_url("put_object", Params=params, ExpiresIn=seconds)

    async def link_to_get(self, key: str, mime_type: str, disposition: str, seconds: int) -> str:
        """Return a temporary download link for an object with this type and disposition."""
        shown = {"ResponseContentType": mime_type, "ResponseContentDisposition": disposition}
        async with self._client() as client:
            params = {"Bucket": self._bucket, "Key": key, **shown}
            return await client.generate_presigned_url("get_object", Params=params, ExpiresIn=seconds)

    @asynccontextmanager
    async def _client(self) -> "AsyncIterator[S3Client]":
        if not self._settings.s3_url:
            raise errors.UNAVAILABLE.error("This server stores no files")
        with _translated():
            async with self._opening:
                if self._opened is None:
                    self._opened = await self._stack.enter_async_context(_open(self._settings))
            yield self._opened


def _open(settings: Settings) -> "AbstractAsyncContextManager[S3Client]":
    # Slow to import, and most processes and commands do not need it.
    from aiobotocore.config import AioConfig
    from aiobotocore.session import get_session

    config = AioConfig(
        signature_version="s3v4",
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": 2},
        # AWS-specific checksums: other servers refuse or ignore them.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"},
    )
    client: AbstractAsyncContextManager[S3Client] = get_session().create_client(
        "s3",
        endpoint_url=settings.s3_url,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_key,
        aws_secret_access_key=settings.s3_secret,
        config=config,
    )
    return client


def _status(error: ClientError) -> int:
    status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, OSError, TimeoutError) as error:
        log.warning("the storage failed: %r", error)
        raise errors.UNAVAILABLE.error("Files cannot be stored or read right now") from error

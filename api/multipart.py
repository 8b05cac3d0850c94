"""Calls that bring files: multipart/form-data, read piece by piece. Files wait on disk until all of the call is known."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from tempfile import TemporaryFile
from typing import IO

import msgspec
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from core import errors
from core.context import Ctx
from core.errors import AppError
from core.files.names import extension_of
from core.files.table import File
from core.files.uploads import NewUpload, check_upload, count, discard, new_file, store
from core.files.urls import file_url
from core.market import FilePart, Marketplace, Route
from core.validation import as_error

MAX_FILES = 10
MAX_FIELDS = 50
MAX_TEXT = 64 * 1024
CHUNK = 64 * 1024
UNKNOWN_TYPE = "application/octet-stream"
# What aiohttp raises at forms that are none.
MALFORMED = (ValueError, AssertionError, LookupError, RuntimeError, HttpProcessingError, EOFError)


@dataclass
class Form:
    """What a multipart call holds: its texts by name, its files with the parts that they came in, a digest of all."""

    texts: dict[str, str] = field(default_factory=dict)
    files: list[tuple[FilePart, NewUpload, IO[bytes]]] = field(default_factory=list)
    digest: bytes = b""


@asynccontextmanager
async def reading(request: web.Request, ctx: Ctx, market: Marketplace, route: Route) -> AsyncIterator[Form]:
    """Read a call; raises MALFORMED_REQUEST, VALIDATION_ERROR, FILE_TOO_LARGE, PAYLOAD_TOO_LARGE, RATE_LIMITED."""
    with ExitStack() as stack:
        reader = _Reader(ctx, market, route, stack)
        try:
            async for part in await request.multipart():
                await reader.take(part)
        except MALFORMED:
            raise errors.MALFORMED_REQUEST.error("The body is not valid multipart/form-data") from None
        yield reader.form


@asynccontextmanager
async def uploading(ctx: Ctx, form: Form, body: object) -> AsyncIterator[object]:
    """Upload the files of a call and yield its body with their addresses; what is not attached in the block is forgotten."""
    files = [(part, new_file(ctx, new), content) for part, new, content in form.files]
    decoded = _decode(ctx, form, files, body)
    try:
        for _, file, content in files:
            await store(ctx, file, content)
        yield decoded
    finally:
        if files:
            await discard(ctx, [file for _, file, _ in files])


def _decode(ctx: Ctx, form: Form, files: Sequence[tuple[FilePart, File, IO[bytes]]], body: object) -> object:
    values: dict[str, object] = dict(form.texts)
    for part, file, _ in files:
        url = file_url(ctx, file)
        if part.many:
            known = values.get(part.field)
            values[part.field] = [*(known if isinstance(known, list) else ()), url]
        else:
            values[part.field] = url
    try:
        decoded: object = msgspec.convert(values, body, strict=False)
    except msgspec.ValidationError as error:
        raise as_error(error) from None
    return decoded


class _Reader:
    """Takes the parts of a call, one after the other."""

    def __init__(self, ctx: Ctx, market: Marketplace, route: Route, stack: ExitStack) -> None:
        self.form = Form()
        self._ctx = ctx
        self._market = market
        self._parts = {part.name.removesuffix("[]"): part for part in route.uploads}
        self._stack = stack

    async def take(self, part: object) -> None:
        """Take a part; it is a text unless it has a file name and the route knows what for."""
        if not isinstance(part, BodyPartReader) or not part.name:
            raise errors.MALFORMED_REQUEST.error("Each part of a form has a name and no parts of its own")
        if part.headers.get("Content-Transfer-Encoding", "binary").lower() not in ("binary", "8bit", "7bit"):
            raise errors.MALFORMED_REQUEST.error("Parts are sent as they are, without a transfer encoding")
        known = self._parts.get(part.name.removesuffix("[]"))
        if known is None or part.filename is None:
            await self._take_text(part, part.name)
        elif part.filename:  # a form whose field for a file was left empty sends an empty name
            await self._take_file(part, known)

    async def _take_text(self, part: BodyPartReader, name: str) -> None:
        raw = bytearray()
        while chunk := await part.read_chunk(CHUNK):
            raw += chunk
            if len(raw) > MAX_TEXT or len(self.form.texts) >= MAX_FIELDS:
                raise errors.PAYLOAD_TOO_LARGE.error()
        self.form.texts[name] = raw.decode()
        self._digest(name.encode(), bytes(raw))

    async def _take_file(self, part: BodyPartReader, known: FilePart) -> None:
        most = MAX_FILES if known.many else 1
        if sum(1 for other, _, _ in self.form.files if other is known) >= most:
            raise errors.invalid(known.name, f"At most {most}")
        name = PurePosixPath((part.filename or "").replace("\\", "/")).name  # some browsers tell the whole path
        new = NewUpload(name, 1, self._type_of(part, name, known), known.purpose)
        self._check(known, new)
        await count(self._ctx, self._market.uploads)
        content = self._stack.enter_context(TemporaryFile())  # noqa: SIM115 - the stack closes it
        sha, size = hashlib.sha256(), 0
        while chunk := await part.read_chunk(CHUNK):
            size += len(chunk)
            new = msgspec.structs.replace(new, file_size=size)
            self._check(known, new)  # before more of it is read
            sha.update(chunk)
            content.write(chunk)
        self._check(known, msgspec.structs.replace(new, file_size=size))
        content.seek(0)
        self.form.files.append((known, new, content))
        self._digest(known.name.encode(), name.encode(), sha.digest())

    def _check(self, known: FilePart, new: NewUpload) -> None:
        try:
            check_upload(self._market.purposes, new)
        except AppError as error:
            if error.kind is errors.FILE_TOO_LARGE:
                raise known.too_large.error(error.message) from None
            raise

    def _type_of(self, part: BodyPartReader, name: str, known: FilePart) -> str:
        """Return the type that a part says it has; where it says none, that of its extension."""
        said = part.headers.get("Content-Type", UNKNOWN_TYPE).partition(";")[0].strip().lower()
        kinds = [kind for one in self._market.purposes if one.name == known.purpose for kind in one.kinds]
        of_extension = (kind.mime_type for kind in kinds if extension_of(name) in kind.extensions)
        return next(of_extension, said) if said == UNKNOWN_TYPE else said

    def _digest(self, *parts: bytes) -> None:
        sha = hashlib.sha256(self.form.digest)
        for part in parts:
            sha.update(len(part).to_bytes(8))
            sha.update(part)
        self.form.digest = sha.digest()

"""Receives the parts of a form: texts stay in memory, files go to disk."""

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from tempfile import TemporaryFile
from typing import IO

import msgspec
from multipart import MultipartSegment

from api.middleware import check_not_encoded
from core.base import errors
from core.base.errors import AppError
from core.files.uploads import NewUpload, check_upload, count, with_type
from core.market.market import FilePart, Marketplace, Route
from core.work.context import Ctx

MAX_FILES = 10
MAX_TEXT = 128 * 1024  # bytes of all texts of a call together


@dataclass
class Form:
    """The content of a multipart call: texts by name, files with their parts, and a digest of everything."""

    texts: dict[str, str] = field(default_factory=dict)
    files: list[tuple[FilePart, NewUpload, IO[bytes]]] = field(default_factory=list)
    digest: bytes = b""


class FormReader:
    """Receives the parts of a call from the parser, one after the other."""

    def __init__(self, ctx: Ctx, market: Marketplace, route: Route, stack: ExitStack) -> None:
        self.form = Form()
        self._ctx = ctx
        self._market = market
        self._parts = {part.name.removesuffix("[]"): part for part in route.uploads}
        self._stack = stack
        self._part: _TextPart | _FilePart | None = None
        self._texts = 0  # bytes of all

    async def take(self, event: MultipartSegment | bytes | None) -> None:
        """Handle the head of a part, a piece of its content, or its end."""
        if isinstance(event, MultipartSegment):
            self._part = await self._begin(event)
        elif event and self._part:
            self._part.write(event)
            if isinstance(self._part, _TextPart):
                self._count_text(len(event))
        elif self._part:
            self._end(self._part)
            self._part = None

    async def _begin(self, head: MultipartSegment) -> "_TextPart | _FilePart | None":
        """Return the receiver of a part: a text, unless it has a file name and a purpose in the route."""
        _check_plain(head)
        name = head.name or ""
        known = self._parts.get(name.removesuffix("[]"))
        if known is None or head.filename is None:
            self._count_text(len(name))
            return _TextPart(name)
        if not head.filename:
            return None  # browsers send an empty name for a file field that is empty
        return await self._begin_file(known, head.filename, head.content_type or "")

    async def _begin_file(self, known: FilePart, filename: str, said: str) -> "_FilePart":
        most = MAX_FILES if known.many else 1
        if sum(1 for other, _, _ in self.form.files if other is known) >= most:
            raise errors.invalid(known.name, f"At most {most}")
        name = PurePosixPath(filename.replace("\\", "/")).name  # some browsers send the whole path
        new = with_type(NewUpload(name, 1, said, known.purpose))
        self._check(known, new)
        await count(self._ctx)
        content = self._stack.enter_context(TemporaryFile())  # noqa: SIM115 - the stack closes it
        return _FilePart(known, new, content, self._check)

    def _check(self, known: FilePart, new: NewUpload) -> None:
        try:
            check_upload(self._market.policy, new)
        except AppError as error:
            if error.kind is errors.FILE_TOO_LARGE:
                raise known.too_large.error(error.message) from None
            raise

    def _count_text(self, size: int) -> None:
        self._texts += size
        if self._texts > MAX_TEXT:
            raise errors.PAYLOAD_TOO_LARGE.error()

    def _end(self, part: "_TextPart | _FilePart") -> None:
        if isinstance(part, _TextPart):
            self.form.texts[part.name] = part.raw.decode()
            self._digest(part.name.encode(), bytes(part.raw))
        else:
            part.end()
            self.form.files.append((part.known, part.new, part.content))
            self._digest(part.known.name.encode(), part.new.file_name.encode(), part.sha.digest())

    def _digest(self, *parts: bytes) -> None:
        sha = hashlib.sha256(self.form.digest)
        for part in parts:
            sha.update(len(part).to_bytes(8))
            sha.update(part)
        self.form.digest = sha.digest()


class _TextPart:
    """A text that is being received."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.raw = bytearray()

    def write(self, chunk: bytes) -> None:
        """Take some of it."""
        self.raw += chunk


class _FilePart:
    """A file that is being received; `check` raises as soon as it is certain to be refused."""

    def __init__(
        self, known: FilePart, new: NewUpload, content: IO[bytes], check: Callable[[FilePart, NewUpload], None]
    ) -> None:
        self.known = known
        self.new = msgspec.structs.replace(new, file_size=0)
        self.content = content
        self.sha = hashlib.sha256()
        self._check = check

    def write(self, chunk: bytes) -> None:
        """Take some of it."""
        self.new = msgspec.structs.replace(self.new, file_size=self.new.file_size + len(chunk))
        self._check(self.known, self.new)  # before reading more of it
        self.sha.update(chunk)
        self.content.write(chunk)

    def end(self) -> None:
        """Finish the file: all of it has been received."""
        self._check(self.known, self.new)
        self.content.seek(0)


def _check_plain(head: MultipartSegment) -> None:
    """Raise MALFORMED_REQUEST, UNSUPPORTED_MEDIA_TYPE unless a part has a name and no encoding."""
    if not head.name:
        raise errors.MALFORMED_REQUEST.error("Each part of a form has a name and no parts of its own")
    if head.header("Content-Transfer-Encoding", "binary").strip().lower() not in ("binary", "8bit", "7bit"):
        raise errors.MALFORMED_REQUEST.error("Parts are sent as they are, without a transfer encoding")
    check_not_encoded(head.header("Content-Encoding", ""))

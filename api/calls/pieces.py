"""Writes large answers in pieces, as fast as their clients read."""

from collections.abc import Iterator
from typing import Final

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

AT_ONCE: Final = 64 * 1024  # bytes


class Pieces(Payload):
    """A body shared by many answers without copies.

    `held`: the bytes that an unread answer counts as, since it may be the last one that keeps the body in memory.
    """

    _value: bytes

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._size = self.held = len(body)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return it as text."""
        return self._value.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write it."""
        for piece in self._pieces():
            await writer.write(piece)

    def _pieces(self) -> Iterator[memoryview]:
        body = memoryview(self._value)
        return (body[at : at + AT_ONCE] for at in range(0, len(body), AT_ONCE))

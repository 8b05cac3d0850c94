"""Ids: UUIDv7, made in Python because `uuidv7()` exists only in Postgres 18, and UUIDs that hold a bigint.

A marketplace whose clients know ids as bigints has UUIDs like all others, in our tables and on the bus. Their low 64 bits are the
bigint, their high 64 bits follow from the name of the marketplace, so that each becomes the other without a look-up. The first 16
bits are 0: such ids sort before every UUIDv7 of our time. See core/platform/sequences.py for where the bigints come from.
"""

import hashlib
import io
import os
import re
import time
from typing import IO, Final
from uuid import UUID

MOST_BIGINT: Final = 2**63 - 1
ID_LENGTH: Final = 36
PIECE: Final = 64 * 1024  # bytes of a file that are read at once
# Below it are the ids that hold a bigint; 1970 is long ago.
FIRST_UUID7: Final = UUID(int=1 << 112)


class _Randomness:
    """The system's generator, asked for many bytes at once: a call costs more than all the rest of an id."""

    def __init__(self) -> None:
        self.forget()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Throw away what is left: a fork must not use the same."""
        self._pool = io.BytesIO()

    def take(self) -> bytes:
        """Return eight bytes."""
        taken = self._pool.read(8)
        if not taken:
            self._pool = io.BytesIO(os.urandom(8192))
            taken = self._pool.read(8)
        return taken


_randomness = _Randomness()


def uuid7() -> UUID:
    """Return an id that sorts by its time: 48 bits of milliseconds, 12 bits of their fraction, 62 random bits."""
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    random = int.from_bytes(_randomness.take(), "big") & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | random)


def parsed(text: str) -> UUID | None:
    """Return the UUID that a text is, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


class BigintIds:
    """The bigints of one marketplace as UUIDs, and back. The SQL function `bigint_id` does the same."""

    def __init__(self, market: str) -> None:
        self._high = int.from_bytes(hashlib.sha256(market.encode()).digest()[:6]) << 64
        self._beginning = str(UUID(int=self._high))[:19]
        self._in_json = re.compile(rb'"' + self._beginning.encode() + rb"[0-9a-f]{4}-[0-9a-f]{12}")

    def uuid(self, number: int) -> UUID:
        """Return the id that holds a bigint."""
        return UUID(int=self._high | number)

    def shown(self, id: str) -> str:
        """Return an id in its text form as clients see it: in decimal; as it is if it holds none of our bigints."""
        return str(int(id[19:23] + id[24:], 16)) if id.startswith(self._beginning) and len(id) == ID_LENGTH else id

    def shown_in(self, raw: bytes) -> bytes:
        """Return JSON with the ids in it likewise, wherever they stand as texts of their own."""
        return self._in_json.sub(lambda found: b'"' + self.shown(found[0][1:].decode()).encode(), raw)

    def copy_shown(self, source: IO[bytes], target: IO[bytes]) -> None:
        """Copy the rest of a file of JSON likewise, piece by piece."""
        held = b""
        while piece := source.read(PIECE):
            piece = held + piece
            whole = piece.find(b'"', max(len(piece) - ID_LENGTH, 0))  # an id may go on in the next piece
            whole = len(piece) if whole < 0 else whole
            target.write(self.shown_in(piece[:whole]))
            held = piece[whole:]
        target.write(self.shown_in(held))

    def taken(self, text: str) -> str:
        """Return the id that clients name in decimal in its text form; as it is if that is no positive bigint."""
        if not (text.isascii() and text.isdigit() and len(text) <= 19) or text[0] == "0":
            return text
        number = int(text)
        return str(self.uuid(number)) if number <= MOST_BIGINT else text

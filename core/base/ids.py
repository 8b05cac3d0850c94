"""UUIDv7 ids: made in Python because `uuidv7()` exists only in Postgres 18."""

import io
import os
import time
from uuid import UUID


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

"""UUIDv7 ids: made in Python because `uuidv7()` exists only in Postgres 18."""

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """Return an id that sorts by its time: 48 bits of milliseconds, 12 bits of their fraction, 62 random bits."""
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | random)

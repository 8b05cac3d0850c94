"""Passwords: argon2id, off the event loop."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

HASHER = PasswordHasher()
# Verified when the account does not exist, so that the answer takes as long as for a wrong password.
_NOBODY = HASHER.hash("nobody's password")


async def hash_password(password: str) -> str:
    """Hash a password (about 50 ms of one core, in a thread: argon2 releases the interpreter)."""
    return await asyncio.to_thread(HASHER.hash, password)


async def verify_password(stored: str | None, password: str) -> bool:
    """Say whether the password fits; without a stored hash it never does, and takes as long to say so."""
    return await asyncio.to_thread(_verify, stored or _NOBODY, password) and stored is not None


def _verify(stored: str, password: str) -> bool:
    try:
        return HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False

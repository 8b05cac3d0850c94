"""Passwords: argon2id, in dedicated threads with short queues; bcrypt hashes that were made elsewhere are verified, too.

Each hash takes a core for some 50 ms and 32 MiB, so few run at once. Clients take turns, and so do logins and everything
else: neither a client nor a wave of sign-ups prevents others from logging in. When the queue is full, the answer is
UNAVAILABLE at once.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Final, TypeVar

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.platform.fair_queue import FairQueue
from core.platform.observability.metrics import Metrics

# More than OWASP requires (19 MiB, two rounds), in one thread each: the library's default takes four cores and 64 MiB.
HASHER = PasswordHasher(time_cost=2, memory_cost=32 * 1024, parallelism=1)
# Verified when the account does not exist, so that the answer takes as long as for a wrong password.
_NOBODY = HASHER.hash("nobody's password")
# Stored of an account without a password: no hash, so no password fits it. An empty text the version before takes for _NOBODY.
NO_PASSWORD: Final = "!"  # noqa: S105

BCRYPT: Final = ("$2a$", "$2b$", "$2y$")
BCRYPT_BYTES: Final = 72  # that bcrypt looks at, of those that hashed more of them none said so
MOST_BCRYPT_ROUNDS: Final = 15  # as a power of two: some seconds of a core, more than any site has used

# Half of the cores, two at most: the rest is for other requests.
WIDTH: Final = max(1, min(2, (os.cpu_count() or 1) // 2))
# Of each kind: logins, and everything else (sign-ups, new passwords, confirmations). Enough for a school class that logs in
# or signs up at once; the last one waits for two seconds.
MOST_WAITING: Final = 40

Result = TypeVar("Result")


class Passwords:
    """Hashes and verifies for one process; `subject` is the client or user that takes turns."""

    def __init__(self, threads: ThreadPoolExecutor, metrics: Metrics) -> None:
        self._threads = threads
        self._free = WIDTH
        self._logins, self._others = FairQueue(MOST_WAITING), FairQueue(MOST_WAITING)
        self._queues = cycle((self._logins, self._others))
        for kind, queue in (("login", self._logins), ("other", self._others)):
            _measure(metrics, queue, kind)

    async def hash(self, password: str, subject: str) -> str:
        """Hash a new password; raises UNAVAILABLE."""
        return await self._run(self._others, subject, lambda: hash_password(password))

    async def verify(self, stored: str | None, password: str, subject: str) -> bool:
        """Return whether the password of a logged-in user is right; raises UNAVAILABLE."""
        return await self._run(self._others, subject, lambda: verify_password(stored, password))

    async def verify_login(self, stored: str | None, password: str, subject: str) -> bool:
        """Return whether the password of a login is right; raises UNAVAILABLE."""
        return await self._run(self._logins, subject, lambda: verify_password(stored, password))

    async def _run(self, queue: FairQueue, subject: str, run: Callable[[], Result]) -> Result:
        await self._turn(queue, subject)
        running = asyncio.get_running_loop().run_in_executor(self._threads, run)
        # The thread is free when it has finished, not when its caller has given up.
        running.add_done_callback(self._give_back)
        return await asyncio.shield(running)

    async def _turn(self, queue: FairQueue, subject: str) -> None:
        turn = queue.add(subject)
        self._give_turns()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                queue.remove(subject, turn)
            elif not turn.exception():
                self._give_back()
            raise

    def _give_turns(self) -> None:
        while self._free and (turn := next(self._queues).next() or next(self._queues).next()):
            self._free -= 1
            turn.set_result(None)

    def _give_back(self, _: object = None) -> None:
        self._free += 1
        self._give_turns()


def _measure(metrics: Metrics, queue: FairQueue, kind: str) -> None:
    waiting, refused = "Passwords that wait to be hashed", "Passwords that were not hashed because too many waited"
    metrics.watch("greenroom_passwords_waiting", waiting, lambda: len(queue), kind=kind)
    metrics.count("greenroom_passwords_refused", refused, lambda: queue.refused, kind=kind)


def hash_password(password: str) -> str:
    """Hash a password (about 50 ms of one core)."""
    return HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Return whether the password is right; without a stored hash it never is, after the same time."""
    if stored and is_foreign(stored):
        return _fits_bcrypt(stored, password)
    ours = stored if stored != NO_PASSWORD else None
    try:
        return HASHER.verify(ours or _NOBODY, password) and bool(ours)
    except (VerificationError, InvalidHashError):
        return False


def is_foreign(stored: str) -> bool:
    """Say whether a hash was made elsewhere, and is to be replaced by one of ours once its password is known."""
    return stored.startswith(BCRYPT)


def _fits_bcrypt(stored: str, password: str) -> bool:
    # Elsewhere the rest of a long password was cut off without a word, which our version of the library refuses to do.
    try:
        if int(stored[4:6]) > MOST_BCRYPT_ROUNDS:
            return False
        return bcrypt.checkpw(password.encode()[:BCRYPT_BYTES], stored.encode())
    except ValueError:  # it is no hash
        return False


@asynccontextmanager
async def open_passwords(metrics: Metrics) -> AsyncIterator[Passwords]:
    """Open the hashing threads of a process."""
    threads = ThreadPoolExecutor(WIDTH, "passwords")
    try:
        yield Passwords(threads, metrics)
    finally:
        await asyncio.to_thread(threads.shutdown, cancel_futures=True)

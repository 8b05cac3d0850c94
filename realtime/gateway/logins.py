"""The logins of this hub's sockets: looked up on connect, and again where the bus may have lost a logout event."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from uuid import UUID

from core.accounts.logins import LIVE_SESSIONS, Login, refusals
from core.base import errors
from core.platform.db import UNAVAILABLE_ERRORS, Pool
from realtime.concurrency.batch import Batch
from realtime.rooms.client import Client
from realtime.rooms.users import Users

GATHER_SECONDS = 0.008
SWEEP_SECONDS = 60.0
CHUNK = 2000
CHUNK_SECONDS = 1.0  # between two chunks of an ordinary sweep
CHECK_SECONDS = 10.0

log = logging.getLogger(__name__)


class Logins:
    """Looks up logins; `ended` is called with each client whose logout event was missed.

    Each minute all of them are looked up again, a chunk a second, so the sockets of an ended login are closed within minutes even
    if its logout event was lost or never sent. `recheck` looks all of them up at once.
    """

    def __init__(self, db: Pool, users: Users, ended: Callable[[Client], None]) -> None:
        self._db = db
        self._users = users
        self._ended = ended
        self._looking = Batch(self._look_up, gather=GATHER_SECONDS)
        self._recheck = asyncio.Event()
        self._sweeping: asyncio.Task[None] | None = None
        self._is_over = False

    def start(self) -> None:
        """Start sweeping."""
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep(), name="sweep of logins")

    async def stop(self) -> None:
        """Stop sweeping."""
        if self._sweeping:
            self._is_over = True  # a pause or look-up that times out just then may swallow the cancellation
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])

    def look_up(self, session_id: UUID, done: Callable[[Login | errors.AppError], None]) -> None:
        """Look up a login with all others of this turn; `done` may get SESSION_ENDED. Raises UNAVAILABLE when too many wait."""
        self._looking.add(session_id, done)

    def recheck(self) -> None:
        """Look up the logins of all clients now: logout events may have been lost."""
        self._recheck.set()

    async def _look_up(self, session_ids: Sequence[UUID]) -> Sequence[Login | errors.AppError]:
        logins = {login.session_id: login for login in await LIVE_SESSIONS(self._db, session_ids)}
        missing = [session_id for session_id in session_ids if session_id not in logins]
        ended = dict(zip(missing, await refusals(self._db, missing), strict=True)) if missing else {}
        return [logins.get(session_id) or ended[session_id] for session_id in session_ids]

    async def _sweep(self) -> None:
        while not self._is_over:
            await self._pause(SWEEP_SECONDS)
            hurried = self._recheck.is_set()
            self._recheck.clear()
            try:
                await self._check_all(0.0 if hurried else CHUNK_SECONDS)
            except UNAVAILABLE_ERRORS as error:
                log.warning("logins could not be checked: %s", error)
                await asyncio.sleep(CHUNK_SECONDS)
                self._recheck.set()
            except Exception:
                log.exception("a sweep of logins failed")

    async def _check_all(self, pause: float) -> None:
        clients = list(self._users.clients())
        for start in range(0, len(clients), CHUNK):
            if self._is_over:
                return
            await self._check(clients[start : start + CHUNK])
            await self._pause(pause)

    async def _check(self, clients: Sequence[Client]) -> None:
        # A client may switch to another login before the answer comes: that one was not looked up.
        asked = {client: client.user.session_id for client in clients}
        async with asyncio.timeout(CHECK_SECONDS):
            answers = await self._look_up(list(asked.values()))
        for (client, session_id), login in zip(asked.items(), answers, strict=True):
            is_over = isinstance(login, errors.AppError) and client.user.session_id == session_id
            if is_over and not client.gone:
                self._ended(client)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but return at once when `recheck` is called."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._recheck.wait()

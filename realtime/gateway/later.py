"""Events that failed for a temporary reason: the hub retries them before it answers.

The official client's `retries` takes every ack for a success, also one with an error, so it would not repeat a refused event.
Therefore one event of each socket may wait here until the rate allows it, or the database is back; its repeats wait with it. If
it is refused in the end, a client that uses `retries` gets no ack, only the `error` event, and sends it again.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

from core.base import errors
from core.limits.budget import Nested
from realtime import wire
from realtime.engine.limits.guard import Held
from realtime.gateway.repeats import LEAST_TIMEOUT
from realtime.rooms.client import Client, Reply

MOST_WAIT: Final = 1.5  # seconds until the rate allows an event; the messages of a market are allowed again after one
# For so long an event that exceeds the rate is retried, however often: other devices of its user may be faster each time. Waits
# are LEAST_WAIT at least. This and WAITS are longer than the usual `ackTimeout` of 10 s.
MOST_SECONDS: Final = 15.0
LEAST_WAIT: Final = 0.05
WAITS: Final = (1.0, 2.0, 4.0, 8.0)  # seconds between retries while the database is down
# Bytes of the events that wait on a hub, without the first LEAST_HELD of each; beyond, the largest is refused, so one client
# cannot crowd out others whose events have the usual size. Those of an address count in its MAX_HELD, too.
MOST_HELD: Final = 16 * 1024 * 1024
LARGEST: Final = 128 * 1024  # bytes of one; the longest message there may be, with each character escaped, has 120,000
EVERYBODY: Final[Nested] = (("", 1),)
MOST_REPEATS: Final = 8  # acks of one event; the client no longer waits for earlier ones
# When the database fails, it is unknown whether the event took effect. These are safe to do twice.
REPEATABLE: Final = frozenset(
    event.name
    for event in (
        wire.SendMessage,
        wire.EditMessage,
        wire.DeleteMessage,
        wire.ReactToMessage,
        wire.MarkRead,
        wire.JoinConversation,
        wire.Sync,
    )
)


class Later:
    """The events that wait on one hub; `again` does one."""

    def __init__(self, again: Callable[[Client, Reply], None]) -> None:
        self._again = again
        self._held = Held(MOST_HELD)

    def joins(self, client: Client, reply: Reply) -> bool:
        """Let a repeat wait with the event that it repeats; refuse others of the same name, which must not overtake it."""
        held = client.held
        if held is None or held.name != reply.name:
            return False
        if reply.acks and held.args == reply.args:
            client.retries = client.retries or monotonic() - held.held_at >= LEAST_TIMEOUT
            held.acks = [*held.acks, *reply.acks][-MOST_REPEATS:]
        else:
            reply.refuse(held.error)
        return True

    def hold(self, client: Client, reply: Reply, error: errors.AppError) -> bool:
        """Retry an event later, if that is worthwhile; if not, send no ack to a client that repeats it by itself."""
        if client.held is not None and client.held is not reply:
            if client.held.args == reply.args:
                return self.joins(client, reply)
            return False
        wait = _wait(reply, error)
        if wait is None or client.gone:
            if client.retries:
                reply.acks = []
            return False
        reply.error = error
        reply.tries += 1
        if client.held is None:
            client.held, reply.held_at = reply, monotonic()
            self._count(client, reply, len(reply.args))
        if client.held is reply:  # else it was the largest and was refused just now
            asyncio.get_running_loop().call_later(wait, self._try, client, reply)
        return True

    def release(self, client: Client) -> None:
        """Forget the waiting event of a client."""
        if client.held is not None:
            held, client.held = client.held, None
            self._count(client, held, 0)

    def _count(self, client: Client, reply: Reply, size: int) -> None:
        guard, remote = client.session.engine.guard, client.session.remote
        for held, subjects in ((self._held, EVERYBODY), (guard.held, guard.subjects(remote))):
            if not size or client.held is reply:
                held.put(subjects, reply, size)

    def _try(self, client: Client, reply: Reply) -> None:
        if client.held is reply:
            self._again(client, reply)


def _wait(reply: Reply, error: errors.AppError) -> float | None:
    """Return the seconds after which an event may succeed; None if it is not worthwhile."""
    if reply.is_refused or len(reply.args) > LARGEST:
        return None
    if error.kind is errors.RATE_LIMITED:
        is_in_time = not reply.tries or monotonic() - reply.held_at < MOST_SECONDS
        return max(error.retry_after, LEAST_WAIT) if is_in_time and 0.0 < error.retry_after <= MOST_WAIT else None
    entry = reply.space.entries.get(reply.name)
    if error.kind is errors.UNAVAILABLE and entry and entry.name in REPEATABLE:
        return WAITS[reply.tries] if reply.tries < len(WAITS) else None
    return None

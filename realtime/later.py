"""Events that were refused for a reason that passes: they are tried again before the client is told.

With the official client's `retries` every ack is a success, also one that carries an error: what was refused would be lost. So
one event of each socket may wait until it is allowed, or the database is back; its repeats wait with it, and its ack comes late.
If it is refused in the end, a client that repeats gets no ack, only the `error` event: then it tries again by itself.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Final

from core import errors
from core.budget import Nested
from realtime import wire
from realtime.engine.guard import Held
from realtime.repeats import LEAST_TIMEOUT

if TYPE_CHECKING:
    from realtime.client import Client, Reply

MOST_WAIT: Final = 1.5  # seconds until there is enough budget; the messages of a market are allowed again after one
# Seconds between tries while the database is away: together longer than the usual `ackTimeout` of 10.
WAITS: Final = (1.0, 2.0, 4.0, 8.0)
# Bytes of the events that wait on a hub, beyond LEAST_HELD of each: then the largest is refused. So what waits for others is not
# what a client can take from those whose events are of the usual size. Those of an address count in its MAX_HELD, too.
MOST_HELD: Final = 16 * 1024 * 1024
LARGEST: Final = 128 * 1024  # bytes of one; the longest message there may be, with each character escaped, has 120,000
EVERYBODY: Final[Nested] = (("", 1),)
MOST_REPEATS: Final = 8  # acks of one event; of more the client has given up the first ones
# It is not known whether what failed was done. These may be done twice.
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

    def __init__(self, again: Callable[["Client", "Reply"], None]) -> None:
        self._again = again
        self._held = Held(MOST_HELD)

    def joins(self, client: "Client", reply: "Reply") -> bool:
        """Have a repeat wait with what waits of its client; another event of that kind must not overtake it, so it is refused."""
        held = client.held
        if held is None or held.name != reply.name:
            return False
        if reply.acks and held.args == reply.args:
            client.retries = client.retries or monotonic() - held.held_at >= LEAST_TIMEOUT
            held.acks = [*held.acks, *reply.acks][-MOST_REPEATS:]
        else:
            reply.refuse(held.error)
        return True

    def hold(self, client: "Client", reply: "Reply", error: errors.AppError) -> bool:
        """Try an event again later, if that is worth while; else forget the acks of a client that asks again by itself."""
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
        if client.held is reply:  # else it was the largest, and is refused already
            asyncio.get_running_loop().call_later(wait, self._try, client, reply)
        return True

    def release(self, client: "Client") -> None:
        """What waited of a client waits no more."""
        if client.held is not None:
            held, client.held = client.held, None
            self._count(client, held, 0)

    def _count(self, client: "Client", reply: "Reply", size: int) -> None:
        guard, remote = client.session.engine.guard, client.session.remote
        for held, subjects in ((self._held, EVERYBODY), (guard.held, guard.subjects(remote))):
            if not size or client.held is reply:
                held.put(subjects, reply, size)

    def _try(self, client: "Client", reply: "Reply") -> None:
        if client.held is reply:
            self._again(client, reply)


def _wait(reply: "Reply", error: errors.AppError) -> float | None:
    """Return the seconds after which an event may succeed; None if it is not worth while."""
    if reply.tries >= len(WAITS) or len(reply.args) > LARGEST:
        return None
    if error.kind is errors.RATE_LIMITED:
        return error.retry_after if 0.0 < error.retry_after <= MOST_WAIT else None
    return WAITS[reply.tries] if error.kind is errors.UNAVAILABLE and reply.name in REPEATABLE else None

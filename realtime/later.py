"""Events that were refused for a reason that passes: the hub tries them again before it answers.

The official client's `retries` takes every ack for a success, also one with an error, so it would not send a refused event again.
Therefore one event of each socket may wait here until the rate allows it, or the database is back; its repeats wait with it.
If it is refused in the end, a client that has repeated an event gets no ack, only the `error` event: then it sends it again.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Final

from core import errors
from realtime import wire
from realtime.repeats import LEAST_TIMEOUT

if TYPE_CHECKING:
    from realtime.client import Client, Reply

MOST_WAIT: Final = 1.5  # seconds until the rate allows an event; the messages of a market are allowed again after one
# Over the rate an event is tried for so long, however often: other devices of its user may be faster each time. Not more often
# than each LEAST_WAIT. This and WAITS are longer than the usual `ackTimeout` of 10.
MOST_SECONDS: Final = 15.0
LEAST_WAIT: Final = 0.05
WAITS: Final = (1.0, 2.0, 4.0, 8.0)  # seconds between tries while the database is away
MOST_HELD: Final = 16 * 1024 * 1024  # bytes of the events that wait on a hub
MOST_REPEATS: Final = 8  # acks of one event; if there are more, the client no longer waits for the first ones
# When the database fails, it is not known whether the event was done. These may be done twice.
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
        self._held = 0

    def joins(self, client: "Client", reply: "Reply") -> bool:
        """Let a repeat wait with the event that it repeats; refuse others of the same name, which must not overtake that."""
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
        """Try an event again later, if that is worthwhile; if not, send no ack to a client that sends it again by itself."""
        if client.held is not None and client.held is not reply:
            if client.held.args == reply.args:
                return self.joins(client, reply)
            return False
        wait = _wait(reply, error)
        if wait is None or client.gone or (client.held is None and self._held + len(reply.args) > MOST_HELD):
            if client.retries:
                reply.acks = []
            return False
        if client.held is None:
            client.held, reply.held_at = reply, monotonic()
            self._held += len(reply.args)
        reply.error = error
        reply.tries += 1
        asyncio.get_running_loop().call_later(wait, self._try, client, reply)
        return True

    def release(self, client: "Client") -> None:
        """Forget the event of a client that waits."""
        if client.held is not None:
            self._held -= len(client.held.args)
            client.held = None

    def _try(self, client: "Client", reply: "Reply") -> None:
        if client.held is reply:
            self._again(client, reply)


def _wait(reply: "Reply", error: errors.AppError) -> float | None:
    """Return the seconds after which an event may succeed; None if it is not worthwhile."""
    if error.kind is errors.RATE_LIMITED:
        is_in_time = not reply.tries or monotonic() - reply.held_at < MOST_SECONDS
        return max(error.retry_after, LEAST_WAIT) if is_in_time and 0.0 < error.retry_after <= MOST_WAIT else None
    if error.kind is errors.UNAVAILABLE and reply.name in REPEATABLE:
        return WAITS[reply.tries] if reply.tries < len(WAITS) else None
    return None

"""Connection state recovery as stock Socket.IO clients know it: who comes back is in her rooms again and gets what she missed.

The official clients give back the `pid` that CONNECT was answered with, and as `offset` the last string that came last in
an event's arguments: that is the `offset` event, which a room adds to what it says at most once a second. An offset is a
moment. Which rooms a socket had joined is kept in Redis for a day; what it missed is in the log, for ever. Without an offset
(nothing was heard yet) a room is recovered from when it was joined. A little is told twice, nothing is left out.
"""

import secrets
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from core.away import REDIS_AWAY
from core.clock import now
from realtime.bus import Bus
from realtime.engine import packets

KEPT_SECONDS = b"%d" % (24 * 3600)
# More than a frame waits anywhere between its commit and a client: a hub that is deaf reads the log every two seconds.
OVERLAP = timedelta(seconds=6)
USER = b"user"


class Recovery:
    """What is remembered of sockets, so that any hub can go on where another one stopped."""

    def __init__(self, redis: Redis, bus: Bus) -> None:
        self._redis = redis
        self._bus = bus

    def new_pid(self) -> str:
        """Return a name for a socket that nobody can guess."""
        return secrets.token_urlsafe(15)

    def joined(self, pid: str, user: bytes, room: bytes) -> None:
        """Remember that a socket has joined a conversation. Nobody waits for it: who loses it takes fresh pages."""
        key, moment = _key(pid), b"%d" % (now().timestamp() * 1000)
        self._bus.store((b"HSET", key, USER, user, room, moment), (b"EXPIRE", key, KEPT_SECONDS))

    def left(self, pid: str, room: bytes) -> None:
        """Forget it again."""
        self._bus.store((b"HDEL", _key(pid), room))

    async def recall(self, pid: str, user: bytes, offset: str | None) -> dict[bytes, datetime] | None:
        """Return from when to recover each conversation that a user's socket had joined; None if it is not remembered."""
        try:
            kept = await self._redis.hgetall(_key(pid).decode())  # type: ignore[misc] # redis-py types the sync client too
        except REDIS_AWAY:
            return None
        if kept.pop(USER, None) != user:
            return None
        last = _moment(offset)
        return {room: last or _moment(joined.decode()) or now() for room, joined in kept.items()}


def offset_frame() -> bytes:
    """Return the event by which official clients know up to when they have heard everything."""
    return packets.event("offset", str(int(now().timestamp() * 1000)))


def _key(pid: str) -> bytes:
    return f"socket:{pid}".encode()


def _moment(offset: str | None) -> datetime | None:
    """Return the moment to recover from; None for what is no offset of ours."""
    if offset is None or not offset.isascii() or not offset.isdigit() or len(offset) > 14:
        return None
    return datetime.fromtimestamp(int(offset) / 1000, UTC) - OVERLAP

"""Socket.IO's connection state recovery: a client that reconnects is in its rooms again and gets what it missed.

An official client sends back the `pid` that the answer to its CONNECT named, and an `offset`: the last argument of the last
event, if that is a string. Here that is the stamp of the `offset` event, sent after whatever a room has sent in one loop turn. It
names the hub and the moment. A socket receives everything in order, so it has received what has this stamp or a lower one, in
all of its rooms, and nothing that has a higher one.

Redis keeps for a day:
- from where each socket receives each of its rooms: where it joined, or was recovered to (`came`, `joined`);
- once its connection is gone, the latest stamps of each room with their seq and version (`gone`).
With both, a recovered socket receives exactly what it missed, on any hub. The second is missing if the hub was killed, or has
not noticed yet that the connection is gone: then a room is recovered from a second before the client's last stamp, however old
that is, but never from before the client joined.
"""

import asyncio
import secrets
from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import time
from typing import Final, TypeAlias

import msgspec
from redis.asyncio import Redis

from core.limits.outage import REDIS_ERRORS
from core.messages.catchup import Place
from realtime.bus.bus import Bus
from realtime.gateway import repeats
from realtime.rooms.client import Client
from realtime.rooms.room import Room, Stamp
from realtime.rooms.stamps import HUB_DIGITS, MICRO, MOST_STAMPS, OFFSET, Stamps

KEPT_SECONDS: Final = b"%d" % (24 * 3600)
# Longer than a hub takes from a commit to its sockets. While it hears nothing from Redis, its stamps say since when.
OVERLAP: Final = timedelta(seconds=1)
# How often, and how many times, to look whether the previous hub has handed over a socket.
HANDED_OVER_SECONDS: Final = 0.1
LOOKS: Final = 3
USER, HUB = b"user", b"hub"
MOST_SOCKETS: Final = 200  # of a user; those that joined last: a day of reconnects would fill Redis
# Notes that a user's socket (ARGV[2]) joined at a moment (ARGV[1]), and forgets those beyond the newest ARGV[4].
_NOTE: Final = b"""
redis.call('zadd', KEYS[1], ARGV[1], ARGV[2])
redis.call('expire', KEYS[1], ARGV[3])
local old = redis.call('zrange', KEYS[1], 0, -1 - ARGV[4])
for _, pid in ipairs(old) do
    local key = 'recover:' .. pid
    local socket = string.match(redis.call('hget', key, 'hub') or '', '[.](.*)')
    redis.call('del', key, 'recover:gone:' .. (socket or ''))
    redis.call('zrem', KEYS[1], pid)
end"""
_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)

# From where to recover a room; if there is a moment, from where it stood then, if that is later.
Known: TypeAlias = tuple[Place, datetime | None]


class Recalled(msgspec.Struct, frozen=True):
    """From where to recover a socket's rooms, and the client id of the message whose ack it may not have received (`unheard`).

    `heard` is set if its hub did not hand that over: then it may be any message sent after this moment.
    """

    rooms: dict[bytes, Known]
    unheard: str | None = None
    heard: datetime | None = None


class _Gone(msgspec.Struct, frozen=True):
    """What a hub hands over: how far a slow socket got (seq and version by conversation), and which message it may repeat."""

    lagging: dict[str, tuple[int, int]] = msgspec.field(name="away")  # as previous versions call it in Redis
    unheard: str | None = None


_decode_stamps = msgspec.json.Decoder(list[Stamp]).decode
_decode_gone = msgspec.json.Decoder(_Gone).decode
_encode = msgspec.json.Encoder().encode


class Recovery:
    """The state of sockets in Redis, by which any hub can resume where another one stopped."""

    def __init__(self, redis: Redis, bus: Bus, stamps: Stamps) -> None:
        self._redis = redis
        self._bus = bus
        self._hub = bus.origin.hex()
        self._exporting: dict[Room, None] = {}
        self.stamps = stamps

    def new_pid(self) -> str:
        """Return an unguessable name for a socket."""
        return secrets.token_urlsafe(15)

    def came(self, client: Client, places: Mapping[bytes, Place]) -> None:
        """Store from where a recovered socket receives its rooms. Not awaited: if it is lost, the client joins again."""
        key = _key(client.pid)
        fields = [field for room, place in places.items() for field in (room, _place(place.seq, place.version))]
        self._bus.store((b"DEL", key), (b"HSET", key, *self._owner(client), *fields), (b"EXPIRE", key, KEPT_SECONDS))

    def joined(self, client: Client, room: bytes, seq: int, version: int) -> None:
        """Store from where a socket receives a conversation."""
        key = _key(client.pid)
        self._bus.store(
            (b"HSET", key, *self._owner(client), room, _place(seq, version)), (b"EXPIRE", key, KEPT_SECONDS)
        )
        if not client.rooms:
            self._bus.store(_note(client.user_key, client.pid))

    def _owner(self, client: Client) -> tuple[bytes, ...]:
        return USER, client.user_key, HUB, f"{self._hub}.{client.id}".encode()

    def left(self, pid: str, room: bytes) -> None:
        """Remove it."""
        self._bus.store((b"HDEL", _key(pid), room))

    def gone(self, client: Client) -> None:
        """Hand over the state of a socket whose connection is gone: the stamps of its rooms, and where it was slow."""
        if not client.rooms:
            return
        lagging = {room.key.hex(): room.lagging[client.session] for room in client.lagging_rooms()}
        if not self._exporting:
            asyncio.get_running_loop().call_soon(self._export)  # once for all that go in this turn
        self._exporting.update(dict.fromkeys(client.rooms.values()))
        gone = _Gone(lagging, repeats.unheard(client))
        self._bus.store((b"SET", _gone_key(client.id), _encode(gone), b"EX", KEPT_SECONDS))

    def _export(self) -> None:
        rooms, self._exporting = self._exporting, {}
        for room in rooms:
            self._bus.store((b"SET", _stamps_key(self._hub, room.key), _encode(room.stamps), b"EX", KEPT_SECONDS))

    async def recall(self, pid: str, user: bytes, offset: str | None) -> Recalled | None:
        """Return from where to recover each conversation that a user's socket had joined; None if nothing is stored of it."""
        try:
            kept = await self._redis.hgetall(_key(pid).decode())  # type: ignore[misc] # redis-py types the sync client too
            if kept.pop(USER, None) != user:
                return None
            hub, _, socket = kept.pop(HUB, b"").decode().partition(".")
            joined = {room: _read_place(place) for room, place in kept.items()}
            return await self._known(hub, socket, joined, offset)
        except REDIS_ERRORS:
            return None

    async def _known(self, hub: str, socket: str, joined: dict[bytes, Place], offset: str | None) -> Recalled:
        match = OFFSET.fullmatch(offset or "")
        gone = await self._handed_over(socket)
        unheard = gone.unheard if gone else None
        if match is None or match[1] != hub[:HUB_DIGITS]:  # it has received no event of that hub
            since = None if gone else _LONG_AGO
            return Recalled({room: (place, None) for room, place in joined.items()}, unheard, since)
        stamp, heard = int(match[2], 16), datetime.fromtimestamp(int(match[3] or match[2], 16) / MICRO, UTC)
        moment = heard - OVERLAP
        if gone is None or not joined:
            return Recalled({room: (place, moment) for room, place in joined.items()}, unheard, heard)
        rooms = list(joined)
        exported = await self._redis.mget([_stamps_key(hub, room) for room in rooms])
        known: dict[bytes, Known] = {}
        for room, stamps in zip(rooms, exported, strict=True):
            known[room] = _from(joined[room], _decode_stamps(stamps) if stamps else None, stamp, moment)
            if place := gone.lagging.get(room.hex()):
                known[room] = (_later(joined[room], Place(*place)), None)
        return Recalled(known, unheard)

    async def _handed_over(self, socket: str) -> _Gone | None:
        """Return what the previous hub hands over; None if it does not do so in time."""
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(HANDED_OVER_SECONDS)
            if (gone := await self._redis.get(_gone_key(socket))) is not None:
                return _decode_gone(gone)
        return None


def _from(joined: Place, stamps: list[Stamp] | None, stamp: int, moment: datetime) -> Known:
    """Return from where to recover a room: after what it had delivered up to the socket's last stamp, not before `joined`."""
    if stamps is None:
        return joined, moment
    if not stamps:  # nothing was delivered for as long as a dead connection goes unnoticed
        return joined, None
    at = bisect_right(stamps, stamp, key=lambda one: one[0])
    if at:
        _, seq, version = stamps[at - 1]
        return _later(joined, Place(seq, version)), None
    return joined, moment if len(stamps) >= MOST_STAMPS // 2 else None


def _later(one: Place, other: Place) -> Place:
    return other if other.version > one.version else one


def _place(seq: int, version: int) -> bytes:
    return b"%d %d" % (seq, version)


def _read_place(text: bytes) -> Place:
    return Place(*map(int, text.split()))


def _note(user: bytes, pid: str) -> tuple[bytes, ...]:
    key = f"recover:of:{user.hex()}".encode()
    return b"EVAL", _NOTE, b"1", key, b"%f" % time(), pid.encode(), KEPT_SECONDS, b"%d" % MOST_SOCKETS


# Not the names of an earlier release, which keeps other values under them.
def _key(pid: str) -> bytes:
    return f"recover:{pid}".encode()


def _gone_key(socket: str) -> bytes:
    return f"recover:gone:{socket}".encode()


def _stamps_key(hub: str, room: bytes) -> bytes:
    return f"recover:told:{hub}:".encode() + room

"""Socket.IO's connection state recovery: a client that reconnects is in its rooms again and gets what it missed.

An official client sends back the `pid` that the answer to its CONNECT named, and an `offset`: it takes for that the last argument
of each event, if that is a string. Here that is the `offset` event, sent after whatever a room has sent in one turn of the loop.
Its stamp names the hub and the moment. A socket gets everything in order, so it has received what has this stamp or a lower one,
in all of its rooms, and nothing that has a higher one.

Redis keeps for a day:
- from where each socket receives each of its rooms: where it joined, or was recovered to (`came`, `joined`);
- once its connection is gone, which stamp each room had at which seq and version lately (`gone`).
With both, a recovered socket receives exactly what it missed, on any hub. The second is missing if the hub was killed, or has
not noticed yet that the connection is gone: then a room is recovered from a second before the last stamp that the client has had,
however long ago that was, but never from before it was joined.
"""

import asyncio
import re
import secrets
from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import time
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec
from redis.asyncio import Redis

from core.limits.away import REDIS_AWAY
from core.messages.catchup import Place
from realtime import repeats
from realtime.bus import Bus
from realtime.engine.frames import text_frame
from realtime.room import Room, Told

if TYPE_CHECKING:
    from realtime.client import Client

KEPT_SECONDS: Final = b"%d" % (24 * 3600)
# More than a hub takes from a commit to its sockets. While it gets nothing from Redis, its stamps say since when.
OVERLAP: Final = timedelta(seconds=1)
TOLD_SECONDS: Final = 60.0  # longer than a connection can be dead without the heartbeat noticing
MOST_TOLD: Final = 256  # stamps of a room; a socket whose last stamp is older is recovered from a second before it
# How long between looks whether the hub before has handed over a socket, and how many of them.
HANDED_OVER_SECONDS: Final = 0.1
LOOKS: Final = 3
USER, HUB = b"user", b"hub"
_MICRO: Final = 1_000_000
# Sent very often, so it is short: the beginning of the hub's id, the stamp and, if the hub gets nothing from Redis, since when.
_OFFSET: Final = re.compile(r"([0-9a-f]{8})\.([0-9a-f]{1,14})(?:\.([0-9a-f]{1,14}))?", re.ASCII)
_HUB_DIGITS: Final = 8
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

    away: dict[str, tuple[int, int]]
    unheard: str | None = None


_decode_told = msgspec.json.Decoder(list[Told]).decode
_decode_gone = msgspec.json.Decoder(_Gone).decode
_encode = msgspec.json.Encoder().encode


class Stamps:
    """The stamps of one hub: microseconds, each later than the one before."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._hub = bus.origin.hex()[:_HUB_DIGITS].encode()
        self._last = 0

    def frame(self, room: Room, moment: float) -> bytes:
        """Return the event that follows what a room tells in this turn, and note how far that is."""
        stamp = self._next(moment)
        if len(room.told) >= MOST_TOLD:
            del room.told[: MOST_TOLD // 2]
        room.told.append((stamp, room.seq, room.version))
        return self._frame(stamp, moment)

    def alone(self) -> bytes:
        """Return the event for a socket that has had all that its rooms have told."""
        return self._frame(self._next(time()), time())

    def _next(self, moment: float) -> int:
        self._last = max(self._last + 1, int(moment * _MICRO))
        return self._last

    def _frame(self, stamp: int, moment: float) -> bytes:
        if not self._bus.unheard:
            return text_frame(b'42["offset","%b.%x"]' % (self._hub, stamp))
        # Up to then nothing that was committed is still on its way to the sockets here, but for OVERLAP.
        heard = int((moment - self._bus.deaf_seconds()) * _MICRO)
        return text_frame(b'42["offset","%b.%x.%x"]' % (self._hub, stamp, heard))


def forget_old(room: Room, moment: float) -> None:
    """Forget stamps that are so old that each socket has received them, or is gone."""
    told = room.told
    if not told or told[0][0] >= (moment - TOLD_SECONDS) * _MICRO:
        return
    old = bisect_right(told, ((moment - TOLD_SECONDS) * _MICRO, 0, 0))
    _, seq, version = told[old - 1]
    told[:old] = [(0, seq, version)]  # any stamp that a socket may still come back with is higher


class Recovery:
    """What Redis keeps of sockets, so that any hub can go on where another one stopped."""

    def __init__(self, redis: Redis, bus: Bus, stamps: Stamps) -> None:
        self._redis = redis
        self._bus = bus
        self._hub = bus.origin.hex()
        self._exporting: dict[Room, None] = {}
        self.stamps = stamps

    def new_pid(self) -> str:
        """Return a name for a socket that nobody can guess."""
        return secrets.token_urlsafe(15)

    def came(self, client: "Client", places: Mapping[bytes, Place]) -> None:
        """Remember from where a recovered socket receives its rooms. Not waited for: if it is lost, the client joins again."""
        key = _key(client.pid)
        fields = [field for room, place in places.items() for field in (room, _place(place.seq, place.version))]
        self._bus.store((b"DEL", key), (b"HSET", key, *self._owner(client), *fields), (b"EXPIRE", key, KEPT_SECONDS))

    def joined(self, client: "Client", room: bytes, seq: int, version: int) -> None:
        """Remember that a socket hears a conversation from there on."""
        key = _key(client.pid)
        self._bus.store(
            (b"HSET", key, *self._owner(client), room, _place(seq, version)), (b"EXPIRE", key, KEPT_SECONDS)
        )

    def _owner(self, client: "Client") -> tuple[bytes, ...]:
        return USER, client.user_key, HUB, f"{self._hub}.{client.id}".encode()

    def left(self, pid: str, room: bytes) -> None:
        """Forget it again."""
        self._bus.store((b"HDEL", _key(pid), room))

    def gone(self, client: "Client") -> None:
        """Hand over what is known of a socket whose connection is gone: what its rooms have told, and where it was slow."""
        if not client.rooms:
            return
        away = {room.key.hex(): room.away[client.session] for room in client.away()}
        if not self._exporting:
            asyncio.get_running_loop().call_soon(self._export)  # once for all that go in this turn
        self._exporting.update(dict.fromkeys(client.rooms.values()))
        gone = _Gone(away, repeats.unheard(client))
        self._bus.store((b"SET", _gone_key(client.id), _encode(gone), b"EX", KEPT_SECONDS))

    def _export(self) -> None:
        rooms, self._exporting = self._exporting, {}
        for room in rooms:
            self._bus.store((b"SET", _told_key(self._hub, room.key), _encode(room.told), b"EX", KEPT_SECONDS))

    async def recall(self, pid: str, user: bytes, offset: str | None) -> Recalled | None:
        """Return from where to recover each conversation that a user's socket had joined; None if it is not remembered."""
        try:
            kept = await self._redis.hgetall(_key(pid).decode())  # type: ignore[misc] # redis-py types the sync client too
            if kept.pop(USER, None) != user:
                return None
            hub, _, socket = kept.pop(HUB, b"").decode().partition(".")
            joined = {room: _read_place(place) for room, place in kept.items()}
            return await self._known(hub, socket, joined, offset)
        except REDIS_AWAY:
            return None

    async def _known(self, hub: str, socket: str, joined: dict[bytes, Place], offset: str | None) -> Recalled:
        match = _OFFSET.fullmatch(offset or "")
        gone = await self._handed_over(socket)
        unheard = gone.unheard if gone else None
        if match is None or match[1] != hub[:_HUB_DIGITS]:  # it has heard nothing since it was there
            since = None if gone else _LONG_AGO
            return Recalled({room: (place, None) for room, place in joined.items()}, unheard, since)
        stamp, heard = int(match[2], 16), datetime.fromtimestamp(int(match[3] or match[2], 16) / _MICRO, UTC)
        moment = heard - OVERLAP
        if gone is None or not joined:
            return Recalled({room: (place, moment) for room, place in joined.items()}, unheard, heard)
        rooms = list(joined)
        exported = await self._redis.mget([_told_key(hub, room) for room in rooms])
        known: dict[bytes, Known] = {}
        for room, told in zip(rooms, exported, strict=True):
            known[room] = _from(joined[room], _decode_told(told) if told else None, stamp, moment)
            if away := gone.away.get(room.hex()):
                known[room] = (_later(joined[room], Place(*away)), None)
        return Recalled(known, unheard)

    async def _handed_over(self, socket: str) -> _Gone | None:
        """Return what the hub before hands over; None if it does not do so in time."""
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(HANDED_OVER_SECONDS)
            if (gone := await self._redis.get(_gone_key(socket))) is not None:
                return _decode_gone(gone)
        return None


def _from(joined: Place, told: list[Told] | None, stamp: int, moment: datetime) -> Known:
    """Return from where to recover a room: after what it had told up to the socket's last stamp, not before `joined`."""
    if told is None:
        return joined, moment
    if not told:  # nothing for as long as a connection lives without a sign of life
        return joined, None
    at = bisect_right(told, stamp, key=lambda one: one[0])
    if at:
        _, seq, version = told[at - 1]
        return _later(joined, Place(seq, version)), None
    return joined, moment if len(told) >= MOST_TOLD // 2 else None


def _later(one: Place, other: Place) -> Place:
    return other if other.version > one.version else one


def _place(seq: int, version: int) -> bytes:
    return b"%d %d" % (seq, version)


def _read_place(text: bytes) -> Place:
    return Place(*map(int, text.split()))


# Not the names of the release before, which keeps other values under them.
def _key(pid: str) -> bytes:
    return f"recover:{pid}".encode()


def _gone_key(socket: str) -> bytes:
    return f"recover:gone:{socket}".encode()


def _told_key(hub: str, room: bytes) -> bytes:
    return f"recover:told:{hub}:".encode() + room

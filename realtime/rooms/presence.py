"""Presence: who is online on any hub. Changes are sent, several at once, to those who share a conversation with the user.

In Redis: `hubs`, a sorted set of hub ids by their last heartbeat, and `hub:{id}`, the set of users connected there. A user is
online while a live hub lists them. A hub without heartbeats is removed by the first other hub that notices, which then announces
its users as offline. While Redis is down there is no presence; nothing else depends on it.
"""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from uuid import UUID

from redis.asyncio import Redis

from core.base.clock import now
from core.base.events import Event, UserOffline, UserOnline
from core.chat.blocks import OF_USERS
from core.chat.rooms import CIRCLES, SEEN
from core.limits.outage import REDIS_ERRORS
from core.platform.db import UNAVAILABLE_ERRORS, Pool
from realtime.concurrency.batch import Batch
from realtime.concurrency.periodic import Periodic
from realtime.dialect.encoders import Encoders

log = logging.getLogger(__name__)

AWAY: tuple[type[Exception], ...] = (*REDIS_ERRORS, *UNAVAILABLE_ERRORS)

TICK_SECONDS = 0.25
CROWD = 100  # users who come within a tick: a crowd is announced together, when it is over or after CROWD_SECONDS
CROWD_SECONDS = 2.0
LINGER_SECONDS = 3.0  # so that reloading a page is not announced
BEAT_SECONDS = 2.0
ASK_SECONDS = 0.4  # a join waits for this, and perhaps for the query before it
DEAD_SECONDS = 8.0


def _unless_away(work: Callable[["Presence"], Awaitable[None]]) -> Callable[["Presence"], Awaitable[None]]:
    """Skip a tick when Redis or Postgres does not answer; the next one comes soon."""

    @functools.wraps(work)
    async def tick(presence: "Presence") -> None:
        try:
            await work(presence)
        except AWAY as error:
            log.warning("presence waits: %s", error)

    return tick


class Presence:
    """The presence of one hub's users; it also watches the heartbeats of the other hubs.

    `here` holds the users of this hub; `emit` writes frames to a user (by key) on any hub; `store` runs a Redis command without
    waiting for it.
    """

    def __init__(
        self,
        hub_id: str,
        redis: Redis,
        db: Pool,
        here: Collection[bytes],
        emit: Callable[[bytes, bytes], None],
        store: Callable[[tuple[bytes, ...]], None],
        encoders: Encoders,
    ) -> None:
        self._hub = hub_id
        self._key = f"hub:{hub_id}"
        self._redis = redis
        self._db = db
        self._here = here
        self._emit = emit
        self._store = store
        self._encoders = encoders
        self._came: set[bytes] = set()
        self._unannounced: set[bytes] = set()
        self._announced_at = 0.0
        self._left: dict[bytes, float] = {}
        self._asking = Batch(self._online_to)
        self._ticks = (Periodic(self._announce, TICK_SECONDS), Periodic(self._beat, BEAT_SECONDS))

    async def start(self) -> None:
        """Start heartbeats and announcements."""
        await self._beat()
        for tick in self._ticks:
            tick.start()

    async def stop(self) -> None:
        """Stop. Users who do not reconnect elsewhere are announced as offline by the hub that notices."""
        for tick in self._ticks:
            await tick.stop()

    def came(self, user: bytes) -> None:
        """Note that a user (by key) has a first socket here."""
        if self._left.pop(user, None) is None:
            self._came.add(user)
            # At once, not with the next tick: of two users who connect to two hubs at the same moment each must find the other
            # in Redis, either in an announcement or when joining.
            self._store((b"SADD", self._key.encode(), user))

    def left(self, user: bytes) -> None:
        """Note that a user's last socket here is gone; announced unless the user is back in three seconds."""
        self._came.discard(user)
        self._left[user] = asyncio.get_running_loop().time() + LINGER_SECONDS

    async def online(self, asker: bytes, users: frozenset[bytes]) -> set[bytes]:
        """Return which of these users are online, as far as `asker` may see; without Redis, those on this hub."""
        return await self._asking.ask((asker, users))

    async def _online_to(self, queries: list[tuple[bytes, frozenset[bytes]]]) -> list[set[bytes]]:
        blocked = await self._blocked({asker for asker, _ in queries})
        return await self._online_among([users - blocked.get(asker, set()) for asker, users in queries])

    async def _blocked(self, users: Iterable[bytes]) -> dict[bytes, set[bytes]]:
        """Return for each of these users the users that they have blocked or are blocked by, if there are any."""
        blocked: dict[bytes, set[bytes]] = {}
        for block in await OF_USERS(self._db, [UUID(bytes=user) for user in users]):
            one, other = block.user_id.bytes, block.blocked_id.bytes
            blocked.setdefault(one, set()).add(other)
            blocked.setdefault(other, set()).add(one)
        return blocked

    async def _online_among(self, queries: list[frozenset[bytes]]) -> list[set[bytes]]:
        everybody = frozenset[bytes]().union(*queries)
        online = {user for user in everybody if user in self._here}
        with contextlib.suppress(*REDIS_ERRORS):
            async with asyncio.timeout(ASK_SECONDS):
                online |= await self._elsewhere(everybody - online)
        return [online & query for query in queries]

    async def _elsewhere(self, users: Iterable[bytes]) -> set[bytes]:
        asked = list(users)
        hubs = [hub.decode() for hub in await self._redis.zrange("hubs", 0, -1) if hub.decode() != self._hub]
        if not asked or not hubs:
            return set()
        async with self._redis.pipeline(transaction=False) as pipe:
            for hub in hubs:
                pipe.smismember(f"hub:{hub}", asked)
            answers = await pipe.execute()
        return {user for answer in answers for user, there in zip(asked, answer, strict=True) if there}

    @_unless_away
    async def _announce(self) -> None:
        moment = asyncio.get_running_loop().time()
        came, self._came = self._came, set()
        gone = self._gone(moment)
        self._unannounced |= came
        if self._unannounced and (len(came) < CROWD or moment - self._announced_at > CROWD_SECONDS):
            self._announced_at = moment
            await self._announce_online()
        if gone:
            await self._redis.srem(self._key, *gone)  # type: ignore[misc] # redis-py types the sync client too
            await self._announce_offline(gone)

    async def _announce_online(self) -> None:
        unannounced, self._unannounced = self._unannounced, set()
        come = {user for user in unannounced if user in self._here}
        await self._notify_contacts(come - await self._elsewhere(come), UserOnline)

    def _gone(self, moment: float) -> set[bytes]:
        gone = {user for user, due in self._left.items() if due <= moment}
        for user in gone:
            del self._left[user]
        return gone

    async def _announce_offline(self, gone: set[bytes]) -> None:
        offline = {user for user in gone - await self._elsewhere(gone) if user not in self._here}
        moment = now()
        await SEEN(self._db, [UUID(bytes=user) for user in offline], moment)
        await self._notify_contacts(offline, lambda user_id: UserOffline(user_id, moment))

    async def _notify_contacts(self, users: set[bytes], event: Callable[[UUID], Event]) -> None:
        """Notify those who share a conversation with these users; news of many is sent as one event."""
        if not users:
            return
        frames: dict[bytes, bytes] = {}  # those that have a conversation
        news: dict[bytes, set[bytes]] = {}
        for circle in await CIRCLES(self._db, [UUID(bytes=user) for user in users]):
            members = {member.bytes for member in circle.members}
            about = members & users
            encode = self._encoders.of(circle.market).event
            frames |= {user: encode(event(UUID(bytes=user))) for user in about - frames.keys()}
            for member in members:  # members without another shared conversation share one set
                news[member] = news[member] | about if member in news else about
        (listening,) = await self._online_among([frozenset(news)])
        blocked = await self._blocked(users)
        for member in listening:
            if about := news[member] - {member} - blocked.get(member, set()):
                self._emit(member, b"".join(frames[user] for user in about))

    @_unless_away
    async def _beat(self) -> None:
        moment = now().timestamp()
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zadd("hubs", {self._hub: moment})
            if users := list(self._here):
                pipe.sadd(self._key, *users)  # each time: a restarted Redis may have lost them
            pipe.zrangebyscore("hubs", "-inf", moment - DEAD_SECONDS)
            is_new, *_, dead = await pipe.execute()
        if is_new:  # the first heartbeat, or after so long a pause that others have announced our users as offline
            self._came.update(self._here)
        for hub in dead:
            await self._clear(hub.decode())

    async def _clear(self, hub: str) -> None:
        if await self._redis.zrem("hubs", hub):
            users = await self._redis.smembers(f"hub:{hub}")  # type: ignore[misc]
            await self._redis.delete(f"hub:{hub}")
            if users:
                await self._announce_offline(users)

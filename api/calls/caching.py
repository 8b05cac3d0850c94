"""Answers that many callers share, kept in Redis for a while: see `cached` in core/market/market.py.

An answer is kept with the values that its tags had before it was made, and is used as long as they are the same. So one that was
made while something changed is never used after the change. One caller makes it, the others wait for that or get the one before.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from hashlib import blake2b
from typing import Final, TypeAlias, TypeVar
from zlib import crc32

import msgspec

from core.base.answers import Answer
from core.base.errors import AppError
from core.limits.outage import REDIS_ERRORS
from core.market.market import Cache, Marketplace, Route
from core.platform.cache_tags import PEOPLE, key_of
from core.work.context import Ctx, Resources

# The places of a route: what does not fit into one is not kept, what is kept later overwrites what had the same place.
MOST_BYTES: Final = 64 * 1024
PLACES: Final = 2048
STALE_SECONDS: Final = 30  # after its time, while somebody makes the next one
LOCK_SECONDS: Final = 5  # an answer that takes longer to make may be made twice
WAIT_SECONDS: Final = 2.0  # for somebody else
POLL_SECONDS: Final = 0.05
AWAY_SECONDS: Final = 5.0  # without a look, after Redis did not answer

T = TypeVar("T")
Make: TypeAlias = Callable[[], Awaitable[Answer[bytes]]]


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """An answer as Redis has it. Without a body it cannot be kept, and each caller makes his own."""

    name: str
    tags: list[bytes | None]
    made_at: float
    body: bytes | None
    etag: str
    media_type: str

    @property
    def age(self) -> float:
        """Seconds since it was made."""
        return max(time.time() - self.made_at, 0.0)

    def answer(self) -> Answer[bytes]:
        """Return it as the handler's."""
        return Answer(200, self.body or b"", self.etag, self.media_type)


class Found(msgspec.Struct, frozen=True):
    """What Redis has, if that can still be used, and the present values of the tags."""

    kept: Kept | None
    tags: list[bytes | None]


_decode = msgspec.msgpack.Decoder(Kept).decode


class Caching:
    """The kept answers of one route."""

    def __init__(self, market: Marketplace, route: Route, cache: Cache, resources: Resources) -> None:
        self._cache = cache
        self._prefix = f"cache:{market.name}:{route.path}"
        self._tags = [key_of(market.name, tag) for tag in (PEOPLE, *cache.tags)]
        self._redis = resources.redis
        self._sealing = resources.sealing
        self._pack = resources.sealing.pack if market.policy.seals else bytes
        self._count = resources.metrics.cached_calls.labels
        self._path = route.path
        self._under_way: dict[str, asyncio.Future[None]] = {}
        self._away_until = 0.0

    def ctx(self, ctx: Ctx, accepted: str) -> Ctx:
        """Return the context of a call whose answer is shared: nothing in it is the caller's but what the answer is kept by."""
        role = ctx.caller.role if ctx.caller and self._cache.by_role else ""
        language = preferred(accepted, self._cache.languages)
        return Ctx(ctx.resources, ctx.publisher, ctx.policy, ctx.request_id, role=role, language=language)

    async def answer(self, ctx: Ctx, arguments: Mapping[str, object], make: Make) -> tuple[Answer[bytes], int]:
        """Return the answer to a call, and its age in seconds; `ctx` is the shared one."""
        name = "\n".join((ctx.role, ctx.language, msgspec.json.encode(arguments, order="sorted").decode()))
        deadline = time.monotonic() + WAIT_SECONDS
        while (found := await self._look(name)) and time.monotonic() < deadline:
            if found.kept and (found.kept.age <= self._cache.seconds or name in self._under_way):
                return await self._use(found.kept, make)
            if name not in self._under_way:
                return await self._lead(name, found, make)
            await asyncio.wait([self._under_way[name]], timeout=deadline - time.monotonic())
        return await make(), 0

    async def _use(self, kept: Kept, make: Make) -> tuple[Answer[bytes], int]:
        self._count(self._path, "hit").inc()
        return (await make(), 0) if kept.body is None else (kept.answer(), int(kept.age))

    async def _lead(self, name: str, found: Found, make: Make) -> tuple[Answer[bytes], int]:
        """Make the answer for all callers of this process, unless another process does it."""
        done = self._under_way[name] = asyncio.get_running_loop().create_future()
        lock = f"{self._prefix}:lock:{blake2b(name.encode(), digest_size=12).hexdigest()}"
        has_lock = False
        try:
            has_lock = await self._claim(lock)
            if not has_lock and (kept := found.kept or await self._made_elsewhere(name)):
                return await self._use(kept, make)
            self._count(self._path, "miss").inc()
            answer = await make()
            await self._keep(name, found, answer)
            return answer, 0
        finally:
            del self._under_way[name]
            done.set_result(None)
            if has_lock:
                await self._ask(lambda: self._redis.delete(lock))

    async def _made_elsewhere(self, name: str) -> Kept | None:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline and (found := await self._look(name)):
            if found.kept:
                return found.kept
            await asyncio.sleep(POLL_SECONDS)
        return None

    async def _look(self, name: str) -> Found | None:
        """Return what is kept; None if Redis is away."""
        values = await self._ask(lambda: self._redis.mget([self._place(name), *self._tags]))
        if values is None:
            return None
        raw, *tags = values
        with suppress(msgspec.DecodeError, AppError):  # of another version, or sealed with a key that is gone
            kept = _decode(self._sealing.unpack(raw)) if raw else None
            return Found(kept if kept and kept.name == name and kept.tags == tags else None, tags)
        return Found(None, tags)

    async def _keep(self, name: str, found: Found, answer: Answer[bytes]) -> None:
        fits = answer.status == 200 and len(answer.body) <= MOST_BYTES
        body = answer.body if fits else None
        kept = msgspec.msgpack.encode(Kept(name, found.tags, time.time(), body, answer.etag, answer.media_type))
        await self._ask(
            lambda: self._redis.set(self._place(name), self._pack(kept), ex=self._cache.seconds + STALE_SECONDS)
        )

    async def _claim(self, lock: str) -> bool:
        return bool(await self._ask(lambda: self._redis.set(lock, b"", nx=True, ex=LOCK_SECONDS)))

    async def _ask(self, command: Callable[[], Awaitable[T]]) -> T | None:
        """Return what Redis answers; None if it does not."""
        if time.monotonic() < self._away_until:
            return None
        try:
            return await command()
        except REDIS_ERRORS:
            self._count(self._path, "away").inc()
            self._away_until = time.monotonic() + AWAY_SECONDS
            return None

    def _place(self, name: str) -> str:
        return f"{self._prefix}:{crc32(name.encode()) % PLACES}"


def preferred(accepted: str, languages: tuple[str, ...]) -> str:
    """Return which of a route's languages an Accept-Language prefers: the first one if it names none, "" if there are none."""
    choices: dict[str, float] = {}
    for item in accepted.lower().split(",")[:20]:
        tag, _, quality = item.partition(";q=")
        known = next((one for one in languages if one in (tag.strip(), tag.strip().partition("-")[0])), "")
        try:
            choices[known] = max(choices.get(known, 0.0), float(quality or 1))
        except ValueError:
            continue
    choices.pop("", None)
    best = max(choices, key=choices.__getitem__, default="")
    return best if choices.get(best) else next(iter(languages), "")

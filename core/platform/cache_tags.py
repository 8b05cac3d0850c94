"""Tags of cached answers: what they depend on. With the value of a tag, which Redis has, they change."""

from collections.abc import Iterable
from typing import Final

from redis.asyncio import Redis

from core.base.ids import uuid7

LONGEST: Final = 86_400  # seconds that an answer is kept
KEPT: Final = 2 * LONGEST  # a value outlives all answers with the one before
PEOPLE: Final = "people"  # of all answers: dropped when an account is erased, whose name may be in any


def key_of(market: str, tag: str) -> str:
    """Return where the value of a tag is."""
    return f"cache-tag:{market}:{tag}"


async def drop(redis: Redis, market: str, tags: Iterable[str]) -> None:
    """Drop all answers with these tags; raises redis.RedisError."""
    for tag in tags:
        await redis.set(key_of(market, tag), uuid7().bytes, ex=KEPT)

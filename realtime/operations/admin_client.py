"""The asking side: how all hubs do, and what they answer to an operator's questions. For the api process."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import msgspec
from redis.asyncio import Redis

from config.settings import Settings
from core.limits.away import REDIS_AWAY
from core.platform.metrics import Metrics
from core.work.context import Resources
from realtime.bus.bus import QUESTIONS, Bus, Delivery, Kind, answers_channel
from realtime.operations.admin_protocol import Answer, Question, Seen
from realtime.operations.process_status import Vitals, read_vitals

GATHER_SECONDS = 0.5

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Answer).decode


class Gathering:
    """The answers to one question."""

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        self._news = asyncio.Event()

    def add(self, answer: Answer) -> None:
        """Note what a hub has answered."""
        self.seen[answer.hub] = answer.seen
        self._news.set()

    async def until(self, expected: set[str] | None) -> None:
        """Return when these hubs have answered; never if it is not known which should."""
        while expected is None or not expected <= self.seen.keys():
            self._news.clear()
            await self._news.wait()


class Roll(msgspec.Struct, frozen=True):
    """The ids of all hubs, and of those whose pulse was felt lately."""

    everybody: set[str]
    alive: set[str]


class Answers(msgspec.Struct, frozen=True):
    """What hubs have answered, by their ids, and those that should have and did not.

    `heard_all`: no hub is missing; without it nobody can be called offline. It may be unknown which hubs there are.
    """

    seen: Mapping[str, Seen]
    unheard: list[str]
    heard_all: bool


class Hubs:
    """All hubs, as far as they can be heard over this bus."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._roll: Roll | None = None
        self._bus: Bus
        self._gatherings: dict[bytes, Gathering] = {}

    async def start(self, settings: Settings) -> None:
        """Begin to listen for answers."""
        # Metrics of its own: this bus would count as a second one of the process.
        self._bus = Bus(settings.redis_urls, Metrics(), self._heard, restored=lambda: None)
        await self._bus.start()
        self._bus.listen_everywhere(answers_channel(self._bus.origin))

    async def stop(self) -> None:
        """Disconnect."""
        await self._bus.stop()

    async def vitals(self) -> list[Vitals]:
        """Return how each hub does, also those that fell silent within the last minute; raises what Redis raises."""
        vitals = await read_vitals(self._redis)
        # None at all: that is a Redis which has just started, and will be told within two seconds.
        alive = {one.id for one in vitals if not one.is_silent}
        self._roll = Roll({one.id for one in vitals}, alive) if vitals else None
        return vitals

    async def ask(self, question: Question, *hubs: str) -> Answers:
        """Return what hubs answer within half a second; `hubs`: whom it is for, else all: those alive are waited for."""
        number = self._bus.origin + os.urandom(8)
        gathering = self._gatherings[number] = Gathering()
        self._bus.publish_everywhere(QUESTIONS, Kind.ASK, _encode(question), number)
        try:
            roll = Roll(set(hubs), set(hubs)) if hubs else await self._call_roll()
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_SECONDS):
                    await gathering.until(roll.alive if roll else None)
        finally:
            del self._gatherings[number]
        unheard = sorted(roll.everybody - gathering.seen.keys()) if roll else []
        return Answers(gathering.seen, unheard, heard_all=roll is not None and not unheard)

    async def _call_roll(self) -> Roll | None:
        """Return which hubs there are; while Redis is away as it was before, None if that is not known."""
        with suppress(*REDIS_AWAY):
            await self.vitals()
        return self._roll

    def _heard(self, delivery: Delivery) -> None:
        if delivery.kind == Kind.ANSWER and (gathering := self._gatherings.get(delivery.subject)):
            gathering.add(_decode(delivery.frame))


@asynccontextmanager
async def open_hubs(settings: Settings, resources: Resources) -> AsyncIterator[Hubs | None]:
    """Open what the console asks through; None when there are no operators."""
    if not settings.operator_tokens:
        yield None
        return
    hubs = Hubs(resources.redis)
    await hubs.start(settings)
    try:
        yield hubs
    finally:
        await hubs.stop()

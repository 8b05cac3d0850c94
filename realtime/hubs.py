"""The asking side: how all hubs do, and what they answer to an operator's questions. For the api process."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import msgspec
from redis.asyncio import Redis

from config.settings import Settings
from core.away import REDIS_AWAY
from core.context import Resources
from core.metrics import Metrics
from realtime.bus import QUESTIONS, Bus, Delivery, Kind, answers_channel
from realtime.pulse import Vitals, read_vitals
from realtime.questions import Answer, Question, Seen

GATHER_SECONDS = 0.5

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Answer).decode


class Gathering:
    """The answers to one question, until all hubs that should have answered."""

    def __init__(self, expected: set[str]) -> None:
        self.seen: dict[str, Seen] = {}
        self.complete = asyncio.Event()
        self._expected = expected
        self._check()

    def add(self, answer: Answer) -> None:
        """Note what a hub has answered."""
        self.seen[answer.hub] = answer.seen
        self._check()

    def _check(self) -> None:
        if self._expected <= self.seen.keys():
            self.complete.set()


class Answers(msgspec.Struct, frozen=True):
    """What hubs have answered, by their ids, and those that should have and did not."""

    seen: Mapping[str, Seen]
    unheard: list[str]


class Hubs:
    """All hubs, as far as they can be heard over this bus."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._alive: set[str] | None = None
        self._bus: Bus
        self._gatherings: dict[bytes, Gathering] = {}

    async def start(self, settings: Settings) -> None:
        """Begin to listen for answers."""
        # Metrics of its own: this bus would count as a second one of the process.
        self._bus = Bus(settings.redis_urls, Metrics(), self._heard, restored=lambda: None)
        await self._bus.start()
        self._bus.listen(answers_channel(self._bus.origin))

    async def stop(self) -> None:
        """Disconnect."""
        await self._bus.stop()

    async def vitals(self) -> list[Vitals]:
        """Return how each hub does, also those that fell silent within the last minute; raises what Redis raises."""
        vitals = await read_vitals(self._redis)
        self._alive = {one.id for one in vitals if not one.is_silent}
        return vitals

    async def ask(self, question: Question, *hubs: str) -> Answers:
        """Return what hubs answer within half a second; `hubs`: whom to wait for, else all that live."""
        expected = set(hubs) or await self._living()
        number = self._bus.origin + os.urandom(8)
        gathering = self._gatherings[number] = Gathering(expected)
        self._bus.publish(QUESTIONS, Kind.ASK, _encode(question), subject=number)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(gathering.complete.wait(), GATHER_SECONDS)
        finally:
            del self._gatherings[number]
        return Answers(gathering.seen, sorted(expected - gathering.seen.keys()))

    async def _living(self) -> set[str]:
        """Return the hubs that live; while Redis is away those that lived, so that nobody is called offline on no grounds."""
        try:
            await self.vitals()
        except REDIS_AWAY:
            if self._alive is None:
                raise
        return self._alive or set()

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

"""Sending the clients of a hub away: when it stops, or when an operator wants it empty."""

import asyncio

from realtime import wire
from realtime.engine.engine import Engine
from realtime.engine.session import SHUTTING_DOWN
from realtime.engine.transports.frames import GOING_AWAY
from realtime.log.message_log import encode

LEAVING_PER_SECOND = 2000  # what the other hubs take in beside their work
LONGEST_FAREWELL = 2.0  # seconds; a supervisor does not wait for ever
SENT_AWAY_AT_ONCE = 50


class Drain:
    """Whether a hub takes clients. It forgets that with its process: a hub that was restarted takes them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._leaving: asyncio.Task[None] | None = None

    @property
    def is_on(self) -> bool:
        """Whether an operator wants this hub empty."""
        return self._engine.refusing

    def set(self, on: bool) -> None:
        """Take no new clients and send those that are here away, or take them again; twice is once."""
        if on == self._engine.refusing:
            return
        self._engine.refusing = on
        if on:
            self._leaving = asyncio.get_running_loop().create_task(self.send_away(), name="drain")
        elif self._leaving:
            self._leaving.cancel()

    async def stop(self) -> None:
        """End what an operator began, and send all clients away."""
        if self._leaving:
            self._leaving.cancel()
            await asyncio.wait([self._leaving])
        await self.send_away()

    async def send_away(self) -> None:
        """Close the sessions one by one, so that they do not all come back to the other hubs in the same moment."""
        sessions = list(self._engine.sessions.values())
        pace = max(LEAVING_PER_SECOND, len(sessions) / LONGEST_FAREWELL)
        for place, session in enumerate(sessions):
            restarting = wire.ServerRestarting(round(place / pace * 1000))
            self._engine.outbox.add(session, encode(restarting))
        for place, session in enumerate(sessions):
            if place % SENT_AWAY_AT_ONCE == SENT_AWAY_AT_ONCE - 1:
                await asyncio.sleep(SENT_AWAY_AT_ONCE / pace)
            session.close(SHUTTING_DOWN, GOING_AWAY)

"""Draining a hub: its clients are disconnected when it stops, or when an operator wants it empty."""

import asyncio
from collections.abc import Callable, Iterator

from realtime import wire
from realtime.engine.engine import Engine
from realtime.engine.session import SHUTTING_DOWN
from realtime.engine.transports.frames import GOING_AWAY
from realtime.rooms.client import Client

LEAVING_PER_SECOND = 2000  # clients that the other hubs can accept beside their work
LONGEST_DRAIN = 2.0  # seconds; a supervisor does not wait for ever
CLOSED_AT_ONCE = 50


class Drain:
    """Whether a hub accepts clients. Not stored: a hub that was restarted accepts them."""

    def __init__(self, engine: Engine, clients: Callable[[], Iterator[Client]]) -> None:
        self._engine = engine
        self._clients = clients
        self._leaving: asyncio.Task[None] | None = None

    @property
    def is_on(self) -> bool:
        """Whether an operator wants this hub empty."""
        return self._engine.refusing

    def set(self, on: bool) -> None:
        """Accept no new clients and disconnect those that are here, or accept them again; idempotent."""
        if on == self._engine.refusing:
            return
        self._engine.refusing = on
        if on:
            self._leaving = asyncio.get_running_loop().create_task(self.disconnect_all(), name="drain")
        elif self._leaving:
            self._leaving.cancel()

    async def stop(self) -> None:
        """End a drain that an operator began, and disconnect all clients."""
        if self._leaving:
            self._leaving.cancel()
            await asyncio.wait([self._leaving])
        await self.disconnect_all()

    async def disconnect_all(self) -> None:
        """Close the sessions one by one, so that not all of them reconnect to the other hubs at the same moment."""
        sessions = list(self._engine.sessions.values())
        pace = max(LEAVING_PER_SECOND, len(sessions) / LONGEST_DRAIN)
        places = {session: place for place, session in enumerate(sessions)}
        for client in self._clients():
            client.send_event(wire.ServerRestarting(round(places.get(client.session, 0) / pace * 1000)))
        for place, session in enumerate(sessions):
            if place % CLOSED_AT_ONCE == CLOSED_AT_ONCE - 1:
                await asyncio.sleep(CLOSED_AT_ONCE / pace)
            session.close(SHUTTING_DOWN, GOING_AWAY)

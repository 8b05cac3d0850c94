"""All sessions of one process, and what they share: configuration, limits, timers, write buffers."""

import asyncio
from contextlib import suppress
from typing import Final

from realtime.engine.config import Config
from realtime.engine.limits.guard import Guard
from realtime.engine.outbox import Outbox
from realtime.engine.session import SHUTTING_DOWN, Session
from realtime.engine.transports.frames import CLOSE_CODES, GOING_AWAY

STOP_TIME: Final = 2.0  # seconds that peers have to hang up when the process stops


class Engine:
    """The shared state of all sessions of a process; `Acceptor` opens them."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.sessions: dict[str, Session] = {}
        self.unfetched: dict[str, Session] = {}  # closed sessions whose clients have not fetched the last packets
        self.slow: set[Session] = set()  # those that are behind
        self.closes = dict.fromkeys(CLOSE_CODES, 0)  # how often we have closed a WebSocket, by code
        self.refusing = False  # refuses new sessions; existing ones continue
        self.outbox = Outbox()
        self.guard = Guard(config)
        self.turns = self.guard.turns
        self.wheel = self.guard.wheel
        self._leaving: set[asyncio.BaseProtocol] = set()
        self._all_left: asyncio.Event | None = None  # exists from `stop` on

    def start(self) -> None:
        """Start the timing wheel, on the running loop."""
        self.wheel.start()

    async def stop(self) -> None:
        """Refuse new sessions, close all others, and return when the peers have disconnected or after STOP_TIME."""
        self._all_left = asyncio.Event()
        for session in list(self.sessions.values()):
            session.close(SHUTTING_DOWN, GOING_AWAY)
        if self._leaving:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_left.wait(), STOP_TIME)
        self.wheel.finish()

    @property
    def refuses_new(self) -> bool:
        """Whether new sessions are refused: an operator drains it, or it stops."""
        return self.refusing or self._all_left is not None

    def count_close(self, code: int) -> None:
        """Count a WebSocket that is closed by us, not by its client."""
        self.closes[code] = self.closes.get(code, 0) + 1

    def leaving(self, websocket: asyncio.BaseProtocol) -> None:
        """Note that a WebSocket waits for its peer to hang up."""
        self._leaving.add(websocket)

    def left(self, websocket: asyncio.BaseProtocol) -> None:
        """Note that a WebSocket's connection is gone."""
        self._leaving.discard(websocket)
        if self._all_left is not None and not self._leaving:
            self._all_left.set()

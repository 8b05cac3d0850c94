"""Who types. Typing expires by itself, on each hub, so it ends even if the hub of the one who typed crashes.

The order that clients see: typing ends before the message comes, and the next typing comes after it.
"""

import asyncio
from typing import Final
from uuid import UUID

from core.base.events import ConversationTyping
from realtime.engine.outbox import Outbox
from realtime.rooms.room import Room

LASTS_SECONDS: Final = 6.0
TICK_SECONDS: Final = 0.25
MOST_AT_ONCE: Final = 500  # that expire in one turn; the others in the next


class Typists:
    """Who types in the rooms of this hub, in the order of expiry, which is that of the signals: all last equally long.

    So a signal costs two dict operations, and one timer serves all.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._until: dict[tuple[Room, bytes], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._until)

    def types(self, room: Room, user_key: bytes) -> None:
        """Note that a user types; a repeated signal extends it."""
        loop = asyncio.get_running_loop()
        self._until.pop((room, user_key), None)
        self._until[room, user_key] = loop.time() + LASTS_SECONDS
        room.typing.add(user_key)
        if self._timer is None:
            self._timer = loop.call_later(TICK_SECONDS, self._tick)

    def stops(self, room: Room, user_key: bytes) -> None:
        """Note that a user has stopped typing."""
        room.typing.discard(user_key)
        self._until.pop((room, user_key), None)

    def end(self, room: Room, user_key: bytes) -> None:
        """Notify a room that a user has stopped typing."""
        self.stops(room, user_key)
        room.signals.pop((user_key, False), None)
        frame = room.encoder.event(ConversationTyping(room.id, UUID(bytes=user_key), is_typing=False))
        self._outbox.broadcast(room.others(user_key), frame)

    def recheck(self, room: Room) -> None:
        """End the typing of former members, or of all in a room that is closed or blocked."""
        for user_key in [user_key for user_key in room.typing if not room.is_open or user_key not in room.members]:
            self.end(room, user_key)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        over = list[tuple[Room, bytes]]()
        for typist, until in self._until.items():
            if until > loop.time() or len(over) == MOST_AT_ONCE:
                break
            over.append(typist)
        for room, user_key in over:
            self.end(room, user_key)
        delay = 0.0 if len(over) == MOST_AT_ONCE else TICK_SECONDS
        self._timer = loop.call_later(delay, self._tick) if self._until else None

"""Who types. It is told at once and ends by itself: each hub that has told it ends it, also if the hub that said so is dead.

The order that clients see: it ends before the message that was typed comes, and what is typed next is told after that message.
"""

import asyncio
from typing import Final
from uuid import UUID

from core.base.events import ConversationTyping
from realtime.engine.outbox import Outbox
from realtime.log.message_log import encode
from realtime.rooms.room import Room

LASTS_SECONDS: Final = 6.0
TICK_SECONDS: Final = 0.25
MOST_AT_ONCE: Final = 500  # that end in one turn; the others in the next


class Typists:
    """Who types in the rooms of this hub, in the order in which it ends: all lasts equally long, so that is the order of signals.

    So a keystroke costs two steps in a dict, and one timer serves all.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._until: dict[tuple[Room, bytes], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._until)

    def types(self, room: Room, user_key: bytes) -> None:
        """Note that a user types; said again, it lasts anew."""
        loop = asyncio.get_running_loop()
        self._until.pop((room, user_key), None)
        self._until[room, user_key] = loop.time() + LASTS_SECONDS
        room.typing.add(user_key)
        if self._timer is None:
            self._timer = loop.call_later(TICK_SECONDS, self._tick)

    def stops(self, room: Room, user_key: bytes) -> None:
        """Note that a user has said that he types no more."""
        room.typing.discard(user_key)
        self._until.pop((room, user_key), None)

    def end(self, room: Room, user_key: bytes) -> None:
        """Tell a room that a user types no more."""
        self.stops(room, user_key)
        room.signals.pop((user_key, False), None)
        frame = encode(ConversationTyping(room.id, UUID(bytes=user_key), is_typing=False))
        self._outbox.broadcast(room.others(user_key), frame)

    def recheck(self, room: Room) -> None:
        """End the typing of those who are no members any more, or of all where nothing is said any more."""
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

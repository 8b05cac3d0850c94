"""What the sockets of this hub say of their typing. Its end, if they do not say it: rooms/typing.py."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from core.base.events import ConversationTyping
from realtime.rooms.client import Client

MOST_ROOMS: Final = 20  # in which one socket types at a time


class Typing:
    """What the sockets of this hub say of their typing; `signal` tells all hubs, this one too."""

    def __init__(self, signal: Callable[[UUID, ConversationTyping], None]) -> None:
        self._signal = signal

    def said(self, client: Client, id: UUID, *, is_typing: bool) -> None:
        """Tell that a client types or not; while a message of his is not stored yet, after it: that is what he typed before."""
        if client.unstored:
            if len(client.typing_next) < MOST_ROOMS or id in client.typing_next:
                client.typing_next[id] = is_typing
        else:
            self._tell(client, id, is_typing=is_typing)

    def stored(self, client: Client) -> None:
        """A message of a client is stored, or refused: go on with what he types next."""
        client.unstored -= 1
        if client.typing_next and not client.unstored:
            waiting, client.typing_next = client.typing_next, {}
            for id, is_typing in waiting.items():
                self._tell(client, id, is_typing=is_typing)

    def stop(self, client: Client, id: UUID) -> None:
        """Tell that a client types no more where he leaves, if he did."""
        client.typing_next.pop(id, None)
        if id in client.typing:
            self._tell(client, id, is_typing=False)

    def gone(self, client: Client) -> None:
        """Tell likewise of a client that is gone."""
        client.typing_next.clear()
        for id in list(client.typing):
            self._tell(client, id, is_typing=False)

    def _tell(self, client: Client, id: UUID, *, is_typing: bool) -> None:
        client.typing.pop(id, None)
        if is_typing:
            client.typing[id] = None
            if len(client.typing) > MOST_ROOMS:  # there it ends by itself
                del client.typing[next(iter(client.typing))]
        self._signal(id, ConversationTyping(id, client.user.id, is_typing))

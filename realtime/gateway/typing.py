"""The typing signals of this hub's sockets. Those that are not ended by their socket expire: see rooms/typing.py."""

from typing import Final
from uuid import UUID

from core.base.events import ConversationTyping
from realtime.rooms.client import Client

MOST_ROOMS: Final = 20  # in which one socket may type at a time


class Typing:
    """Publishes the typing of this hub's sockets to all hubs, including this one."""

    def said(self, client: Client, id: UUID, *, is_typing: bool) -> None:
        """Publish that a client types or not; while one of its messages is not stored yet, wait for that, to keep the order."""
        if client.unstored:
            if len(client.typing_next) < MOST_ROOMS or id in client.typing_next:
                client.typing_next[id] = is_typing
        else:
            self._publish(client, id, is_typing=is_typing)

    def stored(self, client: Client) -> None:
        """A message of a client is stored or refused: publish what waited for it."""
        client.unstored -= 1
        if client.typing_next and not client.unstored:
            waiting, client.typing_next = client.typing_next, {}
            for id, is_typing in waiting.items():
                self._publish(client, id, is_typing=is_typing)

    def stop(self, client: Client, id: UUID) -> None:
        """Publish that a client no longer types in a conversation that it leaves."""
        client.typing_next.pop(id, None)
        if id in client.typing:
            self._publish(client, id, is_typing=False)

    def gone(self, client: Client) -> None:
        """Publish likewise for a client that has disconnected."""
        client.typing_next.clear()
        for id in list(client.typing):
            self._publish(client, id, is_typing=False)

    def _publish(self, client: Client, id: UUID, *, is_typing: bool) -> None:
        client.typing.pop(id, None)
        if is_typing:
            client.typing[id] = None
            if len(client.typing) > MOST_ROOMS:  # the oldest expires by itself
                del client.typing[next(iter(client.typing))]
        client.space.publisher.signal(id, ConversationTyping(id, client.user.id, is_typing))

"""Who is connected to this hub: a user's sockets are one room, which nobody else can enter."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from realtime.bus import NOBODY, Bus, user_channel
from realtime.engine.outbox import Outbox

if TYPE_CHECKING:
    from realtime.client import Client


class Users:
    """The users of one hub and their sockets; `came` and `left` are called with a user's first and last."""

    def __init__(self, bus: Bus, outbox: Outbox, came: Callable[[bytes], None], left: Callable[[bytes], None]) -> None:
        self._bus = bus
        self._outbox = outbox
        self._came = came
        self._left = left
        self._sockets: dict[bytes, list[Client]] = {}

    def __len__(self) -> int:
        return len(self._sockets)

    def __contains__(self, user: object) -> bool:
        return user in self._sockets

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._sockets)

    def add(self, client: "Client") -> None:
        """Note a socket."""
        sockets = self._sockets.get(client.user_key)
        if sockets is None:
            self._sockets[client.user_key] = [client]
            self._bus.listen(user_channel(client.user_key))
            self._came(client.user_key)
        else:
            sockets.append(client)

    def remove(self, client: "Client") -> None:
        """Forget a socket."""
        sockets = self._sockets.get(client.user_key, [])
        if client in sockets:
            sockets.remove(client)
            if not sockets:
                del self._sockets[client.user_key]
                self._bus.unsubscribe(user_channel(client.user_key))
                self._left(client.user_key)

    def emit(self, user_key: bytes, frame: bytes, unless_joined: bytes = NOBODY) -> None:
        """Write to all sockets of a user, but not to those that have joined that conversation."""
        for client in self._sockets.get(user_key, ()):
            if unless_joined not in client.rooms:
                self._outbox.add(client.session, frame)

    def clients(self) -> "Iterator[Client]":
        """Return all sockets."""
        return (client for sockets in self._sockets.values() for client in sockets)

    def of(self, user_key: bytes) -> "list[Client]":
        """Return the sockets of a user."""
        return list(self._sockets.get(user_key, ()))

    def count(self, user_key: bytes) -> int:
        """Return how many sockets a user has."""
        return len(self._sockets.get(user_key, ()))

    def of_session(self, session_key: bytes) -> "list[Client]":
        """Return the sockets of one login."""
        return [client for client in self.clients() if client.user.session_id.bytes == session_key]

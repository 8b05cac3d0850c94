"""The users connected to this hub, with their sockets by user and by login."""

from collections.abc import Callable, Iterator

from core.work.context import User
from realtime.bus.bus import Bus
from realtime.bus.deliveries import NOBODY, user_channel
from realtime.engine.outbox import Outbox
from realtime.engine.socketio.packets import namespace_of
from realtime.rooms.client import Client


class Users:
    """The users of one hub and their sockets, by user and by login; `came` and `left` are called with a user's first and last.

    The cost of each operation depends only on the sockets of that user or login.
    """

    def __init__(self, bus: Bus, outbox: Outbox, came: Callable[[bytes], None], left: Callable[[bytes], None]) -> None:
        self._bus = bus
        self._outbox = outbox
        self._came = came
        self._left = left
        self._sockets: dict[bytes, dict[Client, None]] = {}  # sets that keep their order
        self._logins: dict[bytes, dict[Client, None]] = {}
        self._split: set[bytes] = set()  # those whose sockets may be in some namespaces and not in others

    def __len__(self) -> int:
        return len(self._sockets)

    def __contains__(self, user: object) -> bool:
        return user in self._sockets

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._sockets)

    def add(self, client: Client) -> None:
        """Add a socket."""
        self._logins.setdefault(client.user.session_id.bytes, {})[client] = None
        if sockets := self._sockets.get(client.user_key):
            sockets[client] = None
        else:
            self._sockets[client.user_key] = {client: None}
            if client.is_split:
                self._split.add(client.user_key)
            self._bus.listen(user_channel(client.user_key))
            self._came(client.user_key)

    def remove(self, client: Client) -> None:
        """Remove a socket."""
        if client not in self._sockets.get(client.user_key, ()):
            return
        _discard(self._logins, client.user.session_id.bytes, client)
        if _discard(self._sockets, client.user_key, client):
            self._split.discard(client.user_key)
            self._bus.unsubscribe(user_channel(client.user_key))
            self._left(client.user_key)

    def go_on(self, client: Client, user: User) -> None:
        """Update the user of a socket, perhaps with another login of the same user."""
        _discard(self._logins, client.user.session_id.bytes, client)
        client.user = user
        self._logins.setdefault(user.session_id.bytes, {})[client] = None

    def emit(self, user_key: bytes, frame: bytes, unless_joined: bytes = NOBODY) -> None:
        """Write to all sockets of a user but those that have joined `unless_joined`."""
        if user_key in self._split:
            self._emit_split(user_key, frame, unless_joined)
            return
        for client in self._sockets.get(user_key, ()):
            if unless_joined not in client.rooms:
                self._outbox.add(client.session, frame)

    def _emit_split(self, user_key: bytes, frame: bytes, unless_joined: bytes) -> None:
        namespace = namespace_of(frame)
        for client in self._sockets[user_key]:
            if unless_joined not in client.rooms and client.hears(namespace):
                self._outbox.add(client.session, frame)

    def clients(self) -> Iterator[Client]:
        """Return all sockets."""
        return (client for sockets in self._sockets.values() for client in sockets)

    def of(self, user_key: bytes) -> list[Client]:
        """Return the sockets of a user."""
        return list(self._sockets.get(user_key, ()))

    def count(self, user_key: bytes) -> int:
        """Return how many sockets a user has."""
        return len(self._sockets.get(user_key, ()))

    def of_session(self, session_key: bytes) -> list[Client]:
        """Return the sockets of one login."""
        return list(self._logins.get(session_key, ()))


def _discard(index: dict[bytes, dict[Client, None]], key: bytes, client: Client) -> bool:
    """Remove a socket from an index; return whether it was the last of its key."""
    del index[key][client]
    if index[key]:
        return False
    del index[key]
    return True

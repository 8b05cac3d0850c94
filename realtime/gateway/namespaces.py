"""Clients of marketplaces with several namespaces: one client for each session, and a thin socket on it in each namespace.

The first CONNECT of a session authenticates; its token and login are those of the client. Another CONNECT may come without a
token, as it comes over the same connection; one that brings a token must name the same user, so that a page that has changed
the account notices. Namespaces may be joined in any order, and each is left by itself. Rooms, `pid` and `offset` belong to the
main namespace: who leaves it leaves the conversations.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from core.base import errors
from core.base.errors import AppError
from core.base.events import Event
from core.work.context import User
from realtime.dialect.space import Space
from realtime.engine.session import Session
from realtime.engine.socketio.sockets import Socket, SocketIO
from realtime.rooms.client import Client, ClientGateway, Reply


class NamespaceGateway(ClientGateway, Protocol):
    """What the sockets in namespaces need of the gateway."""

    def join(self, socket: "NamespaceSocket", auth: bytes) -> None:
        """Check who asks to join a namespace."""

    def left_rooms(self, client: Client) -> None:
        """Forget the conversations of a client that has left the main namespace."""


class NamespaceSocket(Socket):
    """A client in one of its namespaces."""

    __slots__ = ("_gateway", "client", "space")

    def __init__(self, gateway: NamespaceGateway, session: Session, space: Space) -> None:
        super().__init__(session)
        self._gateway = gateway
        self.space = space  # of some marketplace until it is known which is the client's
        self.client: SplitClient | None = None

    def on_connect(self, auth: bytes) -> None:
        self._gateway.join(self, auth)

    def on_event(self, name: str, args: bytes, attachments: Sequence[bytes], ack: int | None) -> None:
        if self.client:
            self._gateway.dispatch(
                self.client, Reply(self.client, name, ack, args, is_binary=bool(attachments), space=self.space)
            )

    def on_disconnect(self, reason: str) -> None:
        if self.client:
            self.client.left(self, reason)

    def on_behind(self) -> None:
        if self.client:
            self.client.on_behind()

    def on_caught_up(self) -> None:
        if self.client:
            self.client.on_caught_up()

    def turn_away(self, error: AppError) -> None:
        """Refuse to let the client into this namespace."""
        self._gateway.count_error(error.kind.code)
        if self.client:
            self.client.sockets.pop(self.namespace, None)
        data = msgspec.Raw(self.space.encoder.error(error, self.id))
        self.refuse(error.message, data, is_counted=error.kind is not errors.UNAVAILABLE)


class SplitClient(Client):
    """A client that is in its namespaces by a socket in each, and in none of them itself.

    `sockets`: those that have joined or ask to; the first one's token is being checked until there is a user, `waiting` are
    the others with what they sent.
    """

    __slots__ = ("_first", "_splitting", "sockets", "waiting")
    is_split = True

    def __init__(self, gateway: NamespaceGateway, first: NamespaceSocket) -> None:
        super().__init__(gateway, first.session, first.space)
        self._splitting = gateway
        self.layer: SocketIO = first.layer
        self.namespace: str = first.namespace  # the main one as soon as it is this user
        self._first = first
        self.sockets: dict[str, NamespaceSocket] = {}
        self.waiting: list[tuple[NamespaceSocket, bytes]] = []
        self.attach(first)

    def attach(self, socket: NamespaceSocket) -> None:
        """Note that a socket of this client asks to join."""
        socket.client = self
        self.sockets[socket.namespace] = socket

    def enter(self, user: User, space: Space) -> NamespaceSocket:
        """Be this user from now on; `space` is the main namespace. Returns the socket that has authenticated."""
        self._first.space = self.space
        self.space, self.namespace = space, space.namespace
        self.become(user, "")
        return self._first

    def left(self, socket: NamespaceSocket, reason: str) -> None:
        """Note that a namespace was left; with the last one the client is gone."""
        if self.sockets.get(socket.namespace) is not socket:
            return
        del self.sockets[socket.namespace]
        if not self.sockets:
            self.on_disconnect(reason)
        elif self.user_key and socket.namespace == self.namespace:
            self._splitting.left_rooms(self)

    def turn_away(self, error: AppError) -> None:
        """Refuse the socket that wanted to authenticate; those that waited for it try by themselves."""
        self.gone = True
        self._first.space = self.space
        self._first.turn_away(error)
        for socket, auth in self.waiting:
            if self.sockets.pop(socket.namespace, None) is socket:
                socket.client = None
                self._splitting.join(socket, auth)

    def become(self, user: User, pid: str) -> None:
        if self.user_key:  # it may have a newer token or name already
            self.pid = pid
        else:
            super().become(user, pid)

    def hears(self, namespace: str) -> bool:
        socket = self.sockets.get(namespace)
        return socket is not None and socket.is_joined

    def accept(self, **extra: object) -> None:
        """Admit it to the main namespace."""
        if socket := self.sockets.get(self.namespace):
            socket.accept(**extra)

    def emit_raw(self, frames: bytes) -> None:
        """Send whole frames, which name their namespace."""
        if not self.gone:
            self.session.engine.outbox.add(self.session, frames)

    def send_event(self, event: Event) -> None:
        """Send one of the server's own events, in one namespace: the main one if the client is there."""
        joined = [self.namespace, *self.sockets]
        if namespace := next(filter(self.hears, joined), None):
            self.emit_raw(self.space.encoder.event_in(namespace, event))

"""One namespace of one marketplace: which events its clients may send there, and how they are answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from core.base.errors import AppError
from core.base.publisher import Draft, Publisher, Stored
from realtime.dialect.encoder import Encoder
from realtime.engine.socketio import packets


class HubPublisher(Publisher, Protocol):
    """What the hub needs of the publisher of a marketplace."""

    def post(self, draft: Draft, done: Callable[[Stored | AppError], None]) -> None:
        """Store a message and publish it; calls `done` instead of being awaited."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What an event from a client does; `name` is core's. `handle` takes the client, the arguments as JSON and the reply."""

    name: str
    handle: Callable[..., None]


class Space:
    """A namespace of a marketplace; `entries` by the names that clients use."""

    __slots__ = ("ack_head", "encoder", "entries", "is_main", "namespace", "publisher")

    def __init__(self, encoder: Encoder, publisher: HubPublisher, namespace: str, entries: Mapping[str, Entry]) -> None:
        self.encoder = encoder
        self.publisher = publisher
        self.namespace = namespace
        self.entries = entries
        self.is_main = namespace == encoder.main
        self.ack_head = packets.ack_head(namespace)

"""The namespaces that a hub serves, and the events that clients of each marketplace send there, by their own names."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

from core.base.events import ClientEvent
from core.market.market import Marketplace
from core.market.socket_dialect import Spelling
from core.market.translation import Translation, Turn, on_bytes
from core.text.validation import EventShape
from realtime.dialect.encoders import Encoders
from realtime.dialect.space import Entry, Space
from realtime.gateway.limits import WEIGHTS
from realtime.publishing.publisher import Publisher
from realtime.rooms.client import Client, Reply

E = TypeVar("E", bound=ClientEvent)
Handler: TypeAlias = Callable[[Client, E, Reply], None]
Entries: TypeAlias = Mapping[type[ClientEvent], Callable[..., None]]  # handlers by their event


class Spaces:
    """The namespaces of the marketplaces of one hub; `entries_of` gives what handles the events of a marketplace."""

    def __init__(
        self,
        markets: Sequence[Marketplace],
        encoders: Encoders,
        publisher: Publisher,
        entries_of: Callable[[Marketplace], Entries],
    ) -> None:
        self._of = {
            (market.name, namespace): Space(encoders.of(market.name), publisher.of(market.name), namespace, entries)
            for market in markets
            for namespace, entries in _tables(market, entries_of(market)).items()
        }
        split = [market.dialect.sockets.namespaces for market in markets if len(market.dialect.sockets.namespaces) > 1]
        self._split = frozenset(namespace for namespaces in split for namespace in namespaces)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(namespace for _, namespace in self._of))

    def is_split(self, namespace: str) -> bool:
        """Whether those who join a namespace may be in others, too."""
        return namespace in self._split

    def of(self, market: str, namespace: str) -> Space | None:
        """Return a namespace of a marketplace, if it has it."""
        return self._of.get((market, namespace))

    def main(self, market: str) -> Space:
        """Return the main namespace of a marketplace."""
        return next(space for (name, _), space in self._of.items() if name == market and space.is_main)

    def any(self, namespace: str) -> Space:
        """Return a namespace of some marketplace, in whose form clients get errors before it is known which is theirs."""
        return next(space for (_, name), space in self._of.items() if name == namespace)


def _tables(market: Marketplace, handlers: Entries) -> dict[str, dict[str, Entry]]:
    sockets = market.dialect.sockets
    translation = Translation(market.dialect, market.name, incoming=True)
    tables: dict[str, dict[str, Entry]] = {namespace: {} for namespace in sockets.namespaces}
    for kind, handler in handlers.items():
        for spelling in sockets.taken(kind.name):
            turn = _arguments(translation.of(kind), spelling)
            tables[sockets.namespace(kind.name)][spelling.name] = entry(kind, handler, turn)
    return tables


def entry(kind: type[E], handler: Handler[E], turn: Turn | None = None) -> Entry:
    """Return what decodes an event and handles it; `turn` translates its arguments."""
    decode = EventShape(kind).decode
    weight = WEIGHTS.get(kind.name)

    def handle(client: Client, args: bytes, reply: Reply) -> None:
        handler(client, decode(args), reply)

    def weigh_and_handle(client: Client, args: bytes, reply: Reply) -> None:
        event = decode(args)
        client.charge(weight.rest(event) if weight else 0.0)
        handler(client, event, reply)

    done = weigh_and_handle if weight and weight.items else handle
    return Entry(kind.name, partial(_translated, turn, done) if turn else done)


def _translated(
    turn: Turn, handle: Callable[[Client, bytes, Reply], None], client: Client, args: bytes, reply: Reply
) -> None:
    handle(client, on_bytes(turn, args), reply)


def _arguments(turn: Turn | None, spelling: Spelling) -> Turn | None:
    """Return what translates the arguments of an event: its name, and one object to which belongs what the name says."""
    if turn is None and not spelling.fixed:
        return None

    def translated(args: object) -> object:
        if not isinstance(args, list):
            return args
        name, body, *more = [*args, None] if len(args) == 1 else args
        ours = turn(body) if turn else body
        if spelling.fixed and (ours is None or isinstance(ours, dict)):
            ours = {**(ours or {}), **spelling.fixed}
        return [name, ours, *more]

    return translated

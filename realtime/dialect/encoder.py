"""What the server sends to the clients of one marketplace, encoded once for all of them: its names, namespaces and shapes.

Where a dialect changes nothing, `event`, `raw`, `answer` and `message` are the functions that encode core's structs.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from msgspec import structs

from core.base import errors
from core.base.errors import AppError
from core.base.events import Event, Message, MessageReceived
from core.market.dialect import DEFAULT, Dialect
from core.market.socket_dialect import SocketDialect, Spelling
from core.market.translation import ErrorWriter, Translation, Turn
from realtime.engine.socketio import packets
from realtime.wire import Refused

OFFSET: Final = "offset"
_EVENT: Final = len("42")  # in front of the JSON of an event in the namespace /

_encode = msgspec.json.Encoder().encode
_decode_received = msgspec.json.Decoder(tuple[str, MessageReceived]).decode


def encode(event: Event) -> bytes:
    """Return an event of core as a finished frame."""
    return packets.event_raw(event.name, _encode(event))


def _message(payload: bytes) -> Message:
    return _decode_received(payload[_EVENT:])[1].message


class Encoder:
    """Encodes events and answers for one marketplace.

    `event`, `raw`: the frame of an event, given as a struct, or as its name and JSON by core. `answer`: an answer as JSON.
    `message`: the message in the payload of a frame with a new one. All raise nothing that a caller could mend.
    """

    def __init__(self, market: str = "", dialect: Dialect = DEFAULT) -> None:
        sockets = self._sockets = dialect.sockets
        self.is_default = not dialect.translates and sockets == SocketDialect()
        self._writer = ErrorWriter(dialect, market)
        self._forms = _Forms(dialect, market)
        self.main = sockets.main
        self.offset_head = packets.event_head(OFFSET, sockets.main) + b","
        self.event: Callable[[Event], bytes] = encode if self.is_default else self._event
        self.raw: Callable[[str, bytes], bytes] = packets.event_raw if self.is_default else self._raw
        self.answer: Callable[[msgspec.Struct], bytes] = _encode if self.is_default else self._forms.answer
        self.message: Callable[[bytes], Message] = _message if self.is_default else _MessageReader(dialect, market)

    def event_in(self, namespace: str, event: Event) -> bytes:
        """Return the frame of an event in a namespace of the caller's choice: of one about the connection itself."""
        name, body = self._forms.body(event.name, msgspec.to_builtins(event))
        return packets.event_raw(name, _encode(body), namespace)

    def error(self, error: AppError, request_id: str) -> bytes:
        """Return an error as JSON."""
        return _encode(errors.answer(error)) if self.is_default else self._writer.write(error, request_id)[1]

    def refused(self, event: str, error: bytes, namespace: str) -> bytes:
        """Return the frame that tells of an event, by the name that came, which could not be done: beside its error."""
        payload = b'{"event":%b,%b' % (_encode(event), error[1:])
        return packets.event_raw(self._sockets.given(Refused.name)[0].name, payload, namespace)

    def _event(self, event: Event) -> bytes:
        return self._framed(event.name, msgspec.to_builtins(event))

    def _raw(self, name: str, payload: bytes) -> bytes:
        return self._framed(name, msgspec.json.decode(payload))

    def _framed(self, name: str, value: Mapping[str, object]) -> bytes:
        shown, body = self._forms.body(name, value)
        return packets.event_raw(shown, _encode(body), self._sockets.namespace(name))


class _Forms:
    """How events and answers look, made when one is first sent."""

    def __init__(self, dialect: Dialect, market: str) -> None:
        self._sockets = dialect.sockets
        self._market = market
        self._translation = Translation(dialect, market, incoming=False)
        self._spelled: dict[str, tuple[tuple[Spelling, Turn | None], ...]] = {}
        self._answers: dict[type[msgspec.Struct], Turn | None] = {}

    def answer(self, answer: msgspec.Struct) -> bytes:
        """Return an answer as JSON."""
        kind = type(answer)
        if kind not in self._answers:
            self._answers[kind] = self._translation.of(kind)
        turn = self._answers[kind]
        return _encode(turn(msgspec.to_builtins(answer)) if turn else answer)

    def body(self, name: str, value: Mapping[str, object]) -> tuple[str, object]:
        """Return what clients call an event of core, and what it carries."""
        spelled = self._spelled.get(name) or self._spell(name)
        spelling, turn = next((one for one in spelled if _fits(one[0], value)), spelled[0])
        carried = value[spelling.only] if spelling.only else _without(spelling.fixed, value)
        return spelling.name, turn(carried) if turn else carried

    def _spell(self, name: str) -> tuple[tuple[Spelling, Turn | None], ...]:
        kind = _kind_of(name, self._market)
        spelled = tuple((one, self._turn(kind, one)) for one in self._sockets.given(name))
        self._spelled[name] = spelled
        return spelled

    def _turn(self, kind: type[Event] | None, spelling: Spelling) -> Turn | None:
        if kind is None:
            return None
        return self._translation.of(_type_of(kind, spelling.only) if spelling.only else kind)


class _MessageReader:
    """Reads the message out of the frame of a new one, as a marketplace's clients get it."""

    def __init__(self, dialect: Dialect, market: str) -> None:
        name = MessageReceived.name
        self._only = {one.name: one.only for one in dialect.sockets.given(name)}
        translation = Translation(dialect, market, incoming=True)
        self._turns = {True: translation.of(Message), False: translation.of(MessageReceived)}

    def __call__(self, payload: bytes) -> Message:
        name, carried = msgspec.json.decode(payload[payload.index(b"[") :], type=tuple[str, object])
        is_bare = bool(self._only.get(name))
        turn = self._turns[is_bare]
        ours = turn(carried) if turn else carried
        return msgspec.convert(ours, Message) if is_bare else msgspec.convert(ours, MessageReceived).message


def _fits(spelling: Spelling, value: Mapping[str, object]) -> bool:
    return all(value.get(name) == fixed for name, fixed in spelling.fixed.items())


def _without(fixed: Mapping[str, object], value: Mapping[str, object]) -> Mapping[str, object]:
    return {name: one for name, one in value.items() if name not in fixed} if fixed else value


def _type_of(kind: type[Event], encoded: str) -> object:
    return next(field.type for field in structs.fields(kind) if field.encode_name == encoded)


def _kind_of(name: str, market: str) -> type[Event] | None:
    """Return the event of core or of a marketplace that has a name."""
    others = ("marketplaces.", f"marketplaces.{market}.")
    found = (kind for kind in _kinds(Event) if getattr(kind, "name", "") == name)
    return next(
        (one for one in found if one.__module__.startswith(others[0]) <= one.__module__.startswith(others[1])), None
    )


def _kinds(base: type[Event]) -> Iterable[type[Event]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


CORE: Final = Encoder()

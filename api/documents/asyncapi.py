"""Builds the AsyncAPI 3.0 document of a marketplace: events from clients, their acks, and events from the server."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from api.documents.dialect_schemas import translated
from api.documents.schemas import Json, schemas_of
from core.base.errors import ErrorAnswer
from core.base.events import Event
from core.market.dialect import Dialect
from core.market.market import Marketplace
from core.market.socket_dialect import SocketDialect, Spelling
from realtime.wire import ANSWERS, Refused

Payload = type[msgspec.Struct]
MAIN: Final = "socket"  # the channel of the main namespace
ABOUT = (
    "Socket.IO 5 over Engine.IO 4, in the namespace `{main}`; WebSocket or long-polling. The name of a message is the name of\n"
    "the event, its payload is the first and only argument. A refused connection gets a CONNECT_ERROR whose `data` is {error}."
)
OTHERS = """
Namespaces may be joined in any order on one connection: the first CONNECT needs a token, another one that of the same user
or none."""
# The one message whose payload is no object: the official clients look for a string.
OFFSET = {
    "name": "offset",
    "payload": {"type": "string"},
    "summary": "Where to go on after a reconnect; clients do so themselves.",
}


@dataclass(frozen=True)
class Said:
    """One event as clients know it: its `key` in the document, and in which channel it is."""

    key: str
    kind: Payload
    spelling: Spelling
    channel: str


def document(market: Marketplace) -> Json:
    """Describe every event of the core and of a marketplace, in both directions, as its clients know them."""
    dialect = market.dialect
    sockets, error = dialect.sockets, dialect.errors.kind
    answers: dict[Payload, Payload] = dict(ANSWERS.items())
    answers |= {one.event: one.answer for one in market.events}
    events = server_events(market)
    taken = [*ANSWERS, *(one.event for one in market.events)]
    sent = [said for kind in taken for said in _said(sockets, kind, kind.name, sockets.taken(kind.name))]
    emitted = [said for kind in events for said in _said(sockets, kind, kind.name, sockets.given(kind.name))]
    acks: list[Payload] = list(dict.fromkeys([*answers.values(), error]))
    _, schemas = schemas_of([*answers, *events, *acks])
    shown = {name: translated(dialect, schema) for name, schema in schemas.items()}
    a_or_an = "an" if error.__name__[0] in "AEIOU" else "a"
    about = ABOUT.format(main=sockets.main, error=f"{a_or_an}\n{error.__name__}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"{market.title} events",
            "version": "1.0",
            "description": about + (OTHERS if sockets.elsewhere else ""),
        },
        "defaultContentType": "application/json",
        "servers": {name: _server(path) for name, path in (("socketio", "/socket.io/"), ("ws", "/ws"))},
        "channels": {
            **{
                _channel(sockets, namespace): {
                    "address": namespace,
                    "description": "The namespace.",
                    "messages": {
                        key: _reference("messages", key)
                        for key in [
                            *(said.key for said in [*sent, *emitted] if said.channel == _channel(sockets, namespace)),
                            *(["Offset"] if namespace == sockets.main else []),
                        ]
                    },
                }
                for namespace in sockets.namespaces
            },
            "acks": {
                "address": None,
                "description": "Answers to events that asked for one.",
                "messages": {_ack(kind): _reference("messages", _ack(kind)) for kind in acks},
            },
        },
        "operations": {
            **{said.key: _receive(said, answers[said.kind], error) for said in sent},
            **{said.key: _operation("send", said.key, said.channel) for said in emitted},
            "Offset": _operation("send", "Offset", MAIN),
        },
        "components": {
            "messages": {
                **{said.key: _spelled(said, dialect, schemas) for said in [*sent, *emitted]},
                **{_ack(kind): _message(kind, "ack") for kind in acks},
                "Offset": OFFSET,
            },
            "schemas": shown,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token as `auth: {token}` of the CONNECT packet.",
                }
            },
        },
    }


def _channel(sockets: SocketDialect, namespace: str) -> str:
    return MAIN if namespace == sockets.main else namespace.strip("/")


def _said(sockets: SocketDialect, kind: Payload, name: str, spellings: tuple[Spelling, ...]) -> list[Said]:
    channel = _channel(sockets, sockets.namespace(name))
    # An event with several names has as many messages: TypingStart, TypingStop.
    ends = [one.name.rpartition(":")[2].title() if len(spellings) > 1 else "" for one in spellings]
    return [Said(kind.__name__ + end, kind, one, channel) for end, one in zip(ends, spellings, strict=True)]


def _spelled(said: Said, dialect: Dialect, schemas: Mapping[str, Json]) -> Json:
    """Return the message of an event; its payload is a schema of its own if it is not core's struct."""
    message, spelling = _message(said.kind, said.spelling.name), said.spelling
    schema = schemas[said.kind.__name__]
    properties, required = schema["properties"], schema.get("required", [])
    assert isinstance(properties, dict)  # noqa: S101
    assert isinstance(required, list)  # noqa: S101
    if said.kind is Refused and dialect.errors.kind is not ErrorAnswer:
        error = schemas[dialect.errors.kind.__name__]
        return message | {"payload": translated(dialect, _beside(properties["event"], error))}
    if spelling.only:
        return message | {"payload": translated(dialect, properties[spelling.only])}
    if spelling.fixed:
        left = {name: one for name, one in properties.items() if name not in spelling.fixed}
        needed = [name for name in required if name in left]
        return message | {"payload": translated(dialect, schema | {"properties": left, "required": needed})}
    return message


def _beside(event: object, error: Json) -> Json:
    """Return the schema of an error that names the event which it refuses."""
    properties, required = error["properties"], error.get("required", [])
    assert isinstance(properties, dict)  # noqa: S101
    assert isinstance(required, list)  # noqa: S101
    return {"type": "object", "properties": {"event": event, **properties}, "required": ["event", *required]}


def server_events(market: Marketplace) -> list[type[Event]]:
    """Return the events that a server of this marketplace sends: the core's, the hub's and its own."""
    packages = ("core.", "realtime.", f"marketplaces.{market.name}.")
    kinds = (kind for kind in _kinds(Event) if kind.__module__.startswith(packages))
    return sorted(
        (kind for kind in kinds if not kind.needs or getattr(market.policy, kind.needs)), key=lambda kind: kind.name
    )


def _kinds(base: type[Event]) -> Iterable[type[Event]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


def _server(path: str) -> Json:
    return {
        "host": "{host}",
        "pathname": path,
        "protocol": "wss",
        "variables": {"host": {"default": "localhost:8000", "description": "Where the hub is reached."}},
        "security": [_reference("securitySchemes", "token")],
    }


def _receive(said: Said, answer: Payload, error: Payload) -> Json:
    replies = [f"#/channels/acks/messages/{_ack(one)}" for one in (answer, error)]
    return {
        **_operation("receive", said.key, said.channel),
        "reply": {"channel": {"$ref": "#/channels/acks"}, "messages": [{"$ref": reply} for reply in replies]},
    }


def _operation(action: str, message: str, channel: str) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
    }


def _message(kind: Payload, name: str) -> Json:
    return {"name": name, "payload": _reference("schemas", kind.__name__), **_said_of(kind)}


def _ack(kind: Payload) -> str:
    return f"{kind.__name__}Ack"


def _said_of(kind: Payload) -> Mapping[str, str]:
    # A struct without a docstring inherits that of its base.
    said = kind.__doc__ if kind.__doc__ != kind.__base__.__doc__ else None
    return {"summary": said.partition("\n")[0]} if said else {}


def _reference(section: str, name: str) -> Json:
    return {"$ref": f"#/components/{section}/{name}"}

"""Builds the AsyncAPI 3.0 document of a marketplace: events from clients, their acks, and events from the server."""

from collections.abc import Iterable, Mapping

import msgspec

from api.documents.schemas import Json, schemas_of
from core.base.errors import ErrorAnswer
from core.base.events import Event
from core.market.market import Marketplace
from realtime.wire import ANSWERS, ClientEvent

Payload = type[msgspec.Struct]
ABOUT = """Socket.IO 5 over Engine.IO 4, in the namespace `/`; WebSocket or long-polling. The name of a message is the name of
the event, its payload is the first and only argument. A refused connection gets a CONNECT_ERROR whose `data` is an
ErrorAnswer."""
# The only message whose payload is not an object: the official clients expect a string.
OFFSET = {
    "name": "offset",
    "payload": {"type": "string"},
    "summary": "Where to go on after a reconnect; clients do so themselves.",
}


def document(market: Marketplace) -> Json:
    """Describe every event of the core and of a marketplace, in both directions."""
    sent = ANSWERS | {one.event: one.answer for one in market.events}
    served = server_events(market)
    acks: list[Payload] = list(dict.fromkeys([*sent.values(), ErrorAnswer]))
    _, schemas = schemas_of([*sent, *served, *acks])
    return {
        "asyncapi": "3.0.0",
        "info": {"title": f"{market.title} events", "version": "1.0", "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": {name: _server(path) for name, path in (("socketio", "/socket.io/"), ("ws", "/ws"))},
        "channels": {
            "socket": {
                "address": "/",
                "description": "The namespace.",
                "messages": {name: _reference("messages", name) for name in [*_names(sent), *_names(served), "Offset"]},
            },
            "acks": {
                "address": None,
                "description": "Answers to events that asked for one.",
                "messages": {_ack(kind): _reference("messages", _ack(kind)) for kind in acks},
            },
        },
        "operations": {
            **{kind.__name__: _receive(kind, answer) for kind, answer in sent.items()},
            **{kind.__name__: _operation("send", kind.__name__) for kind in served},
            "Offset": _operation("send", "Offset"),
        },
        "components": {
            "messages": {
                **{kind.__name__: _message(kind, kind.name) for kind in sent},
                **{kind.__name__: _message(kind, kind.name) for kind in served},
                **{_ack(kind): _message(kind, "ack") for kind in acks},
                "Offset": OFFSET,
            },
            "schemas": schemas,
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


def server_events(market: Marketplace) -> list[type[Event]]:
    """Return the events that a server of this marketplace sends: the core's, the hub's and its own."""
    packages = ("core.", "realtime.", f"marketplaces.{market.name}.")
    return sorted((kind for kind in _kinds(Event) if kind.__module__.startswith(packages)), key=lambda kind: kind.name)


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


def _receive(kind: type[ClientEvent], answer: Payload) -> Json:
    replies = [f"#/channels/acks/messages/{_ack(one)}" for one in (answer, ErrorAnswer)]
    return {
        **_operation("receive", kind.__name__),
        "reply": {"channel": {"$ref": "#/channels/acks"}, "messages": [{"$ref": reply} for reply in replies]},
    }


def _operation(action: str, message: str) -> Json:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/socket"},
        "messages": [{"$ref": f"#/channels/socket/messages/{message}"}],
    }


def _names(kinds: Iterable[Payload]) -> list[str]:
    return [kind.__name__ for kind in kinds]


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
